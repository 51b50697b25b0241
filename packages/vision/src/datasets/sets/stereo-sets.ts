/** @file Pictures of a left and a right eye with the shift between them: the ten stereo sets of torchvision. */

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ArgumentError, data, fromTypedArray, scope, type Tensor } from '@edgeai/torch';
import { downloadFile } from '../../download.ts';
import { loadImage } from '../../io/decode.ts';
import { type DecodedImage, imageToTensor } from '../../io/decoded-image.ts';
import { extractArchive } from '../archives/extract.ts';
import { DatasetError } from '../errors.ts';
import { loadPfm } from '../files/flow-files.ts';
import { globSync } from '../files/paths.ts';
import { loadPngSamples, type PngSamples } from '../files/png-samples.ts';
import { invalid } from '../files/text.ts';
import { expandHome } from '../listing.ts';
import { choose, type DownloadChoice } from '../published.ts';

/** Left and right uint8 [3, H, W], how far things in the left one are shifted, float32 [1, H, W] in pixels, and where that is known, bool [H, W]. */
export type StereoSample = readonly [left: Tensor, right: Tensor, disparity: Tensor | null, valid: Tensor | null];

/** All that is known of a sample, of the left and of the right picture. */
export interface StereoParts {
  readonly images: readonly [Tensor, Tensor];
  readonly disparities: readonly [Tensor | null, Tensor | null];
  readonly valid: readonly [Tensor | null, Tensor | null];
}

export interface StereoOptions<T> {
  /** What happens to all parts of a sample. Default: those of the left picture are given. */
  transforms?: (parts: StereoParts) => T;
}

/** Numbers of a disparity before they are tensors. */
interface Disparity {
  readonly height: number;
  readonly width: number;
  readonly data: Float32Array;
  readonly valid?: Uint8Array;
}

type ReadDisparity = (path: string) => Promise<Disparity>;

/** Paths of a sample. */
export interface StereoFiles {
  readonly left: string;
  readonly right: string;
  /** Of the left and of the right picture, where they are published. */
  readonly disparities: readonly [string | undefined, string | undefined];
  /** Other pictures of the same scene that may stand for the right one. */
  readonly alternatives?: readonly string[];
}

/** Pairs of pictures with the shift between them. */
@data.portable(import.meta.url)
export class StereoDataset<T = StereoSample> implements data.Dataset<T> {
  readonly files: readonly StereoFiles[];
  readonly transforms: StereoOptions<T>['transforms'];
  readonly #read: ReadDisparity;

  /** @internal */
  constructor(files: readonly StereoFiles[], read: ReadDisparity, options: StereoOptions<T>) {
    this.files = files;
    this.transforms = options.transforms;
    this.#read = read;
  }

  get length(): number {
    return this.files.length;
  }

  /** Reads the files. Makes no tensors. */
  load(index: number): Promise<unknown> {
    const { left, right, disparities, alternatives = [] } = this.#at(index);
    const views = [...alternatives, right];
    const view = views.length === 1 ? right : (views[Math.floor(Math.random() * views.length)] as string);
    const [first, second] = disparities.map((path) => (path === undefined ? null : this.#read(path)));
    return Promise.all([loadImage(left, 'RGB'), loadImage(view, 'RGB'), first, second]);
  }

  finish(loaded: unknown, index: number): T {
    data.checkIndex(index, this.length);
    const [left, right, ...found] = loaded as [DecodedImage, DecodedImage, Disparity | null, Disparity | null];
    return scope(() => {
      const parts: StereoParts = {
        images: [imageToTensor(left), imageToTensor(right)],
        disparities: [disparityTensor(found[0]), disparityTensor(found[1])],
        valid: [validTensor(found[0]), validTensor(found[1])],
      };
      if (this.transforms !== undefined) return this.transforms(parts);
      const sample: StereoSample = [...parts.images, parts.disparities[0], parts.valid[0]];
      // Without transforms, T is StereoSample.
      return sample as unknown as T;
    });
  }

  /** The sample. Its tensors are made after an `await` and belong to no scope. */
  async get(index: number): Promise<T> {
    return this.finish(await this.load(index), index);
  }

  /** The left picture's path. */
  describe(index: number): string {
    return this.#at(index).left;
  }

  #at(index: number): StereoFiles {
    data.checkIndex(index, this.length);
    return this.files[index] as StereoFiles;
  }
}

function disparityTensor(found: Disparity | null): Tensor | null {
  return found === null ? null : fromTypedArray(found.data, [1, found.height, found.width]);
}

function validTensor(found: Disparity | null): Tensor | null {
  return found?.valid === undefined ? null : fromTypedArray(found.valid, [found.height, found.width]).to('bool');
}

/** Pictures and disparities that match patterns, in order. Right disparities may be missing. */
function scan(
  folder: string,
  left: string,
  right: string,
  leftDisparity?: string,
  rightDisparity?: string,
): StereoFiles[] {
  const lefts = globSync(join(folder, left));
  const others = [right, leftDisparity, rightDisparity].map((pattern) => {
    if (pattern === undefined) return undefined;
    const found = globSync(join(folder, pattern));
    if (lefts.length === 0 || found.length === 0)
      throw new DatasetError(
        'DATASET_NOT_FOUND',
        folder,
        `there is no file ${join(folder, lefts.length === 0 ? left : pattern)}`,
      );
    if (found.length !== lefts.length)
      throw invalid(folder, `there are ${lefts.length} files ${left} but ${found.length} files ${pattern}`);
    return found;
  });
  return lefts.map((path, i) => ({
    left: path,
    right: others[0]?.[i] ?? '',
    disparities: [others[1]?.[i], others[2]?.[i]],
  }));
}

/** PFM files, without their sign; where nothing is known (infinite), 0 and not valid if that matters. */
const pfm =
  (valid: boolean): ReadDisparity =>
  async (path) => {
    const { data: values, height, width } = await loadPfm(path, 1);
    const found = values.map(Math.abs);
    if (!valid) return { data: found, height, width };
    const known = Uint8Array.from(found, (value) => (value > 0 && value < Number.POSITIVE_INFINITY ? 1 : 0));
    return { data: found.map((value, i) => (known[i] === 1 ? value : 0)), height, width, valid: known };
  };

/** PNG files whose values are divided by a number. */
const png =
  (divisor: number): ReadDisparity =>
  async (path) => {
    const samples = await loadPngSamples(path);
    return { ...sizeOf(samples), data: first(samples, (value) => value / divisor) };
  };

function sizeOf({ height, width }: PngSamples): { height: number; width: number } {
  return { height, width };
}

/** The first channel of every pixel. */
function first({ data: values, channels, height, width }: PngSamples, change: (value: number) => number): Float32Array {
  return Float32Array.from({ length: height * width }, (_, i) => change(values[i * channels] as number));
}

const TRAIN_TEST = { choices: { split: ['train', 'test'] } } as const;
type SplitOptions<T> = StereoOptions<T> & { split?: 'train' | 'test' };

/** Simulated streets. Files: `root/carla-highres/trainingF/<scene>/{im0,im1}.png`, `{disp0GT,disp1GT}.pfm`. */
@data.portable(import.meta.url)
export class CarlaStereo<T = StereoSample> extends StereoDataset<T> {
  constructor(root: string, options: StereoOptions<T> = {}) {
    const folder = join(expandHome(root), 'carla-highres', 'trainingF');
    super(scan(folder, '*/im0.png', '*/im1.png', '*/disp0GT.pfm', '*/disp1GT.pfm'), pfm(false), options);
  }
}

/** Streets. Files: `root/Kitti2012/{training,testing}/{colored_0,colored_1}/*_10.png`, `training/disp_noc/*.png`. */
@data.portable(import.meta.url)
export class Kitti2012Stereo<T = StereoSample> extends StereoDataset<T> {
  constructor(root: string, options: SplitOptions<T> = {}) {
    const { split } = choose(TRAIN_TEST, { ...options });
    const folder = join(expandHome(root), 'Kitti2012', `${split}ing`);
    const disparity = split === 'train' ? 'disp_noc/*.png' : undefined;
    super(scan(folder, 'colored_0/*_10.png', 'colored_1/*_10.png', disparity), png(256), options);
  }
}

/** Streets. Files: `root/Kitti2015/{training,testing}/{image_2,image_3}/*.png`, `training/{disp_occ_0,disp_occ_1}/*.png`. */
@data.portable(import.meta.url)
export class Kitti2015Stereo<T = StereoSample> extends StereoDataset<T> {
  constructor(root: string, options: SplitOptions<T> = {}) {
    const { split } = choose(TRAIN_TEST, { ...options });
    const folder = join(expandHome(root), 'Kitti2015', `${split}ing`);
    const disparities = split === 'train' ? ['disp_occ_0/*.png', 'disp_occ_1/*.png'] : [];
    super(scan(folder, 'image_2/*.png', 'image_3/*.png', ...disparities), png(256), options);
  }
}

/** Pictures made by a computer. Files: `root/CREStereo/{shapenet,reflective,tree,hole}/*_{left,right}.jpg`, `*_{left,right}.disp.png`. */
@data.portable(import.meta.url)
export class CREStereo<T = StereoSample> extends StereoDataset<T> {
  constructor(root: string, options: StereoOptions<T> = {}) {
    const files = ['shapenet', 'reflective', 'tree', 'hole'].flatMap((part) =>
      scan(
        join(expandHome(root), 'CREStereo', part),
        '*_left.jpg',
        '*_right.jpg',
        '*_left.disp.png',
        '*_right.disp.png',
      ),
    );
    super(files, png(32), options);
  }
}

/** Baseline in centimetres, and from centimetres to the unit of depth. */
const [FALLING_BASELINE, FALLING_UNIT] = [6, 100];

/**
 * Household things falling. Files: `root/FallingThings/{single,mixed}/…/*.{left,right}.jpg`, `*.{left,right}.depth.png`,
 * `_camera_settings.json`. Tremblay et al., 2018.
 */
@data.portable(import.meta.url)
export class FallingThingsStereo<T = StereoSample> extends StereoDataset<T> {
  constructor(root: string, options: StereoOptions<T> & { variant?: 'single' | 'mixed' | 'both' } = {}) {
    const { variant } = choose({ choices: { variant: ['single', 'mixed', 'both'] } as const }, { ...options });
    const files = (variant === 'both' ? ['single', 'mixed'] : [variant]).flatMap((part) => {
      const [left, right] = ['left', 'right'].map(
        (side) => (end: string) => `${part === 'single' ? '*/*' : '*'}/*.${side}.${end}`,
      );
      return scan(
        join(expandHome(root), 'FallingThings', part),
        left?.('jpg') ?? '',
        right?.('jpg') ?? '',
        left?.('depth.png'),
        right?.('depth.png'),
      );
    });
    super(files, fallingDisparity, options);
  }
}

const fallingDisparity: ReadDisparity = async (path) => {
  const settings = join(dirname(path), '_camera_settings.json');
  const content = JSON.parse(readFileSync(settings, 'utf8')) as {
    camera_settings?: { intrinsic_settings?: { fx?: number } }[];
  };
  const focal = content.camera_settings?.[0]?.intrinsic_settings?.fx;
  if (focal === undefined) throw invalid(settings, 'there is no camera_settings[0].intrinsic_settings.fx');
  const samples = await loadPngSamples(path);
  return { ...sizeOf(samples), data: first(samples, (depth) => (FALLING_BASELINE * focal * FALLING_UNIT) / depth) };
};

const PASSES = { clean: ['clean'], final: ['final'], both: ['clean', 'final'] } as const;

/**
 * Rendered scenes. Files: `root/SceneFlow/<variant>/frames_{clean,final}pass/…/{left,right}/*.png`, `disparity/…/{left,right}/*.pfm`.
 * Mayer et al., 2016.
 */
@data.portable(import.meta.url)
export class SceneFlowStereo<T = StereoSample> extends StereoDataset<T> {
  constructor(
    root: string,
    options: StereoOptions<T> & {
      variant?: 'FlyingThings3D' | 'Driving' | 'Monkaa';
      passName?: 'clean' | 'final' | 'both';
    } = {},
  ) {
    const { variant, passName } = choose(
      {
        choices: { variant: ['FlyingThings3D', 'Driving', 'Monkaa'], passName: ['clean', 'final', 'both'] } as const,
      },
      { ...options },
    );
    const inner = variant === 'Monkaa' ? '*' : '*/*/*';
    const folder = join(expandHome(root), 'SceneFlow', variant);
    const files = PASSES[passName].flatMap((pass) =>
      scan(
        folder,
        `frames_${pass}pass/${inner}/left/*.png`,
        `frames_${pass}pass/${inner}/right/*.png`,
        `disparity/${inner}/left/*.pfm`,
        `disparity/${inner}/right/*.pfm`,
      ),
    );
    super(files, pfm(false), options);
  }
}

/**
 * An animated film. Files: `root/Sintel/training/{clean,final}_{left,right}/<scene>/*.png`, `disparities`, `occlusions`,
 * `outofframe`. Butler et al., 2012.
 */
@data.portable(import.meta.url)
export class SintelStereo<T = StereoSample> extends StereoDataset<T> {
  constructor(root: string, options: StereoOptions<T> & { passName?: 'final' | 'clean' | 'both' } = {}) {
    const { passName } = choose({ choices: { passName: ['final', 'clean', 'both'] } as const }, { ...options });
    const folder = join(expandHome(root), 'Sintel', 'training');
    const files = (passName === 'both' ? ['final', 'clean'] : [passName]).flatMap((pass) =>
      scan(folder, `${pass}_left/*/*.png`, `${pass}_right/*/*.png`, 'disparities/*/*.png'),
    );
    super(files, sintelDisparity, options);
  }
}

const sintelDisparity: ReadDisparity = async (path) => {
  const scene = dirname(path);
  const mask = (part: string) => join(dirname(dirname(scene)), part, basename(scene), basename(path));
  const [samples, hidden, outside] = await Promise.all(
    [path, mask('occlusions'), mask('outofframe')].map(loadPngSamples),
  );
  if (samples === undefined || hidden === undefined || outside === undefined || samples.channels < 3)
    throw invalid(path, 'expected a picture in colour and its masks');
  const { data: values, channels } = samples;
  const count = samples.height * samples.width;
  const at = (i: number, channel: number) => values[i * channels + channel] as number;
  return {
    ...sizeOf(samples),
    data: Float32Array.from({ length: count }, (_, i) => at(i, 0) * 4 + at(i, 1) / 2 ** 6 + at(i, 2) / 2 ** 14),
    valid: Uint8Array.from({ length: count }, (_, i) =>
      hidden.data[i * hidden.channels] === 0 && outside.data[i * outside.channels] === 0 ? 1 : 0,
    ),
  };
};

/** Rooms. Files: `root/InStereo2k/{train,test}/<scene>/{left,right}.png`, `{left,right}_disp.png`. Bao et al., 2020. */
@data.portable(import.meta.url)
export class InStereo2k<T = StereoSample> extends StereoDataset<T> {
  constructor(root: string, options: SplitOptions<T> = {}) {
    const { split } = choose(TRAIN_TEST, { ...options });
    const folder = join(expandHome(root), 'InStereo2k', split);
    super(scan(folder, '*/left.png', '*/right.png', '*/left_disp.png', '*/right_disp.png'), png(1024), options);
  }
}

/** Rooms and gardens. Files: `root/ETH3D/two_view_{training,test}/<scene>/{im0,im1}.png`, `two_view_training_gt/<scene>/{disp0GT.pfm,mask0nocc.png}`. */
@data.portable(import.meta.url)
export class ETH3DStereo<T = StereoSample> extends StereoDataset<T> {
  constructor(root: string, options: SplitOptions<T> = {}) {
    const { split } = choose(TRAIN_TEST, { ...options });
    const folder = join(expandHome(root), 'ETH3D');
    const part = split === 'train' ? 'two_view_training' : 'two_view_test';
    const disparity = split === 'train' ? 'two_view_training_gt/*/disp0GT.pfm' : undefined;
    super(scan(folder, `${part}/*/im0.png`, `${part}/*/im1.png`, disparity), ethDisparity, options);
  }
}

const ethDisparity: ReadDisparity = async (path) => {
  const [found, mask] = await Promise.all([pfm(false)(path), loadPngSamples(join(dirname(path), 'mask0nocc.png'))]);
  const valid = Uint8Array.from({ length: found.data.length }, (_, i) => (mask.data[i * mask.channels] === 0 ? 0 : 1));
  return { ...found, valid };
};

const SCENES = {
  train: 'Adirondack Jadeplant Motorcycle Piano Pipes Playroom Playtable Recycle Shelves Vintage',
  additional: 'Backpack Bicycle1 Cable Classroom1 Couch Flowers Mask Shopvac Sticks Storage Sword1 Sword2 Umbrella',
  test: 'Plants Classroom2E Classroom2 Australia DjembeL CrusadeP Crusade Hoops Bicycle2 Staircase Newkuba AustraliaP Djembe Livingroom Computer',
};
const CALIBRATIONS = { perfect: ['-perfect'], imperfect: ['-imperfect'], both: ['-perfect', '-imperfect'] } as const;

export interface Middlebury2014Options<T> extends StereoOptions<T> {
  split?: 'train' | 'additional' | 'test';
  /** How well the cameras are aligned; null for the test scenes. Default `perfect`. */
  calibration?: 'perfect' | 'imperfect' | 'both' | null;
  /** Take the right picture at random from those with other light or exposure. Default false. */
  useAmbientViews?: boolean;
}

/**
 * Rooms in high resolution. Files: `root/Middlebury2014/{train,additional,test}/<scene>-{perfect,imperfect}/{im0,im1}.png`,
 * `{disp0,disp1}.pfm`. Scharstein et al., 2014.
 */
@data.portable(import.meta.url)
export class Middlebury2014Stereo<T = StereoSample> extends StereoDataset<T> {
  constructor(root: string, options: Middlebury2014Options<T> = {}) {
    const { split } = choose({ choices: { split: ['train', 'additional', 'test'] } as const }, { ...options });
    const calibration =
      options.calibration === undefined && split !== 'test' ? 'perfect' : (options.calibration ?? null);
    if ((calibration === null) !== (split === 'test'))
      throw new ArgumentError(
        'calibration',
        split === 'test' ? 'Expected null for the test scenes' : `Expected perfect, imperfect or both for ${split}`,
      );
    const folder = join(expandHome(root), 'Middlebury2014', split);
    const suffixes = calibration === null ? [''] : CALIBRATIONS[calibration];
    const files = suffixes.flatMap((suffix) => {
      const [left, right] = split === 'test' ? [] : [`*${suffix}/disp0.pfm`, `*${suffix}/disp1.pfm`];
      return scan(folder, `*${suffix}/im0.png`, `*${suffix}/im1.png`, left, right).map((sample) => ({
        ...sample,
        alternatives:
          options.useAmbientViews === true
            ? ['im1E.png', 'im1L.png']
                .map((name) => join(dirname(sample.right), name))
                .filter((path) => existsSync(path))
            : [],
      }));
    });
    super(files, pfm(true), options);
  }

  /** Like the constructor, but can download. */
  static async open<T = StereoSample>(
    root: string,
    options: Middlebury2014Options<T> & DownloadChoice = {},
  ): Promise<Middlebury2014Stereo<T>> {
    const { download, onProgress, signal, ...rest } = options;
    if (download === true) await fetchMiddlebury(expandHome(root), rest.split ?? 'train', { onProgress, signal });
    return new Middlebury2014Stereo<T>(root, rest);
  }
}

async function fetchMiddlebury(
  root: string,
  split: keyof typeof SCENES,
  options: Pick<DownloadChoice, 'onProgress' | 'signal'>,
): Promise<void> {
  const folder = join(root, 'Middlebury2014', split);
  mkdirSync(folder, { recursive: true });
  const fetchInto = async (url: string, target: string): Promise<void> => {
    const path = join(target, basename(url));
    await downloadFile(url, path, options);
    await extractArchive(path, target, { removeFinished: true, signal: options.signal });
  };
  const scenes = SCENES[split].split(' ');
  if (split === 'test') {
    if (scenes.every((scene) => existsSync(join(folder, scene)))) return;
    await fetchInto(
      'https://vision.middlebury.edu/stereo/submit3/zip/MiddEval3-data-F.zip',
      join(root, 'Middlebury2014'),
    );
    const unpacked = join(root, 'Middlebury2014', 'MiddEval3', 'testF');
    for (const scene of readdirSync(unpacked)) renameSync(join(unpacked, scene), join(folder, scene));
    return;
  }
  for (const scene of scenes)
    for (const suffix of CALIBRATIONS.both)
      if (!existsSync(join(folder, `${scene}${suffix}`)))
        await fetchInto(`https://vision.middlebury.edu/stereo/data/scenes2014/zip/${scene}${suffix}.zip`, folder);
}
