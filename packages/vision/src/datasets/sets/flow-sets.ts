/** @file Pairs of pictures with the motion between them: Sintel, KITTI, FlyingChairs, FlyingThings3D, HD1K. */

import { join } from 'node:path';
import { data, scope, type Tensor } from '@edgeai/torch';
import { loadImage } from '../../io/decode.ts';
import { type DecodedImage, imageToTensor } from '../../io/decoded-image.ts';
import { DatasetError } from '../errors.ts';
import { type FloatPlanes, kittiFlow, loadFlo, loadPfm, planesToTensor } from '../files/flow-files.ts';
import { globSync } from '../files/paths.ts';
import { loadPngSamples, type PngSamples } from '../files/png-samples.ts';
import { readText } from '../files/text.ts';
import { expandHome } from '../listing.ts';
import { choose } from '../published.ts';

/** Two pictures uint8 [3, H, W], the motion from the first to the second float32 [2, H, W], and where it is known, bool [H, W]. */
export type FlowSample = readonly [first: Tensor, second: Tensor, flow: Tensor | null, valid: Tensor | null];

export interface FlowOptions<T> {
  /** What happens to all parts of a sample. Default: nothing. */
  transforms?: (first: Tensor, second: Tensor, flow: Tensor | null, valid: Tensor | null) => T;
}

/** How a kind of file becomes [flow, where it is known]. */
interface FlowFormat {
  readonly load: (path: string) => Promise<unknown>;
  readonly make: (loaded: unknown) => readonly [flow: Tensor, valid: Tensor | null];
}

const planes = (load: (path: string) => Promise<FloatPlanes>): FlowFormat => ({
  load,
  make: (loaded) => [planesToTensor(loaded as FloatPlanes), null],
});
const FLO = planes(loadFlo);
const PFM = planes((path) => loadPfm(path, 2));
const KITTI: FlowFormat = { load: loadPngSamples, make: (loaded) => kittiFlow(loaded as PngSamples) };

/** Paths of a sample; `flow` is missing where it is not published. */
export interface FlowFiles {
  readonly first: string;
  readonly second: string;
  readonly flow?: string;
}

/** Pairs of pictures with the motion between them. */
@data.portable(import.meta.url)
export class FlowDataset<T = FlowSample> implements data.Dataset<T> {
  readonly files: readonly FlowFiles[];
  readonly transforms: FlowOptions<T>['transforms'];
  readonly #format: FlowFormat;

  /** @internal @throws {DatasetError} where there is nothing */
  constructor(name: string, root: string, files: readonly FlowFiles[], format: FlowFormat, options: FlowOptions<T>) {
    if (files.length === 0)
      throw new DatasetError(
        'DATASET_NOT_FOUND',
        root,
        `${name} was not found: there are no pairs of pictures in ${root}`,
      );
    this.files = files;
    this.transforms = options.transforms;
    this.#format = format;
  }

  get length(): number {
    return this.files.length;
  }

  /** Reads the files. Makes no tensors. */
  load(index: number): Promise<readonly [DecodedImage, DecodedImage, unknown]> {
    const { first, second, flow } = this.#at(index);
    const read = flow === undefined ? null : this.#format.load(flow);
    return Promise.all([loadImage(first, 'RGB'), loadImage(second, 'RGB'), read]);
  }

  finish(loaded: unknown, index: number): T {
    const [first, second, raw] = loaded as readonly [DecodedImage, DecodedImage, unknown];
    const known = this.#at(index).flow !== undefined;
    return scope(() => {
      const [flow, valid] = known ? this.#format.make(raw) : [null, null];
      const sample: FlowSample = [imageToTensor(first), imageToTensor(second), flow, valid];
      // Without transforms, T is FlowSample.
      return this.transforms === undefined ? (sample as unknown as T) : this.transforms(...sample);
    });
  }

  /** The sample. Its tensors are made after an `await` and belong to no scope. */
  async get(index: number): Promise<T> {
    return this.finish(await this.load(index), index);
  }

  /** The first picture's path. */
  describe(index: number): string {
    return this.#at(index).first;
  }

  #at(index: number): FlowFiles {
    data.checkIndex(index, this.length);
    return this.files[index] as FlowFiles;
  }
}

/** Pairs of neighbours in a sequence, each with the file that belongs to its first picture. */
function neighbours(pictures: readonly string[], flows: readonly string[] | undefined): FlowFiles[] {
  return pictures.slice(0, -1).map((first, i) => ({ first, second: pictures[i + 1] as string, flow: flows?.[i] }));
}

/** Pictures that end in 10 and 11, and files that belong to the first. */
function frames(firsts: readonly string[], seconds: readonly string[], flows?: readonly string[]): FlowFiles[] {
  return firsts.map((first, i) => ({ first, second: seconds[i] ?? '', flow: flows?.[i] }));
}

const PASSES = { clean: ['clean'], final: ['final'], both: ['clean', 'final'] } as const;
const passChoice = ['clean', 'final', 'both'] as const;

/** Scenes of an animated film. Files: `root/Sintel/{training,test}/{clean,final}/<scene>/*.png`, `training/flow/<scene>/*.flo`. Butler et al., 2012. */
@data.portable(import.meta.url)
export class Sintel<T = FlowSample> extends FlowDataset<T> {
  constructor(
    root: string,
    options: FlowOptions<T> & { split?: 'train' | 'test'; passName?: 'clean' | 'final' | 'both' } = {},
  ) {
    const { split, passName } = choose(
      { choices: { split: ['train', 'test'], passName: passChoice } as const },
      { ...options },
    );
    const folder = join(expandHome(root), 'Sintel', split === 'train' ? 'training' : 'test');
    const files = PASSES[passName].flatMap((pass) =>
      globSync(join(folder, pass, '*')).flatMap((scene) => {
        const name = scene.slice(scene.lastIndexOf('/') + 1);
        const flows = split === 'train' ? globSync(join(folder, 'flow', name, '*.flo')) : undefined;
        return neighbours(globSync(join(scene, '*.png')), flows);
      }),
    );
    super('Sintel', folder, files, FLO, options);
  }
}

/** Streets. Files: `root/KittiFlow/{training,testing}/image_2/*_10.png`, `*_11.png`, `training/flow_occ/*_10.png`. Menze and Geiger, 2015. */
@data.portable(import.meta.url)
export class KittiFlow<T = FlowSample> extends FlowDataset<T> {
  constructor(root: string, options: FlowOptions<T> & { split?: 'train' | 'test' } = {}) {
    const { split } = choose({ choices: { split: ['train', 'test'] } as const }, { ...options });
    const folder = join(expandHome(root), 'KittiFlow', `${split}ing`);
    const [firsts, seconds] = ['10', '11'].map((end) => globSync(join(folder, 'image_2', `*_${end}.png`)));
    const flows = split === 'train' ? globSync(join(folder, 'flow_occ', '*_10.png')) : undefined;
    super('KittiFlow', folder, frames(firsts ?? [], seconds ?? [], flows), KITTI, options);
  }
}

/** Chairs flying about. Files: `root/FlyingChairs/data/*.ppm`, `*.flo`, `FlyingChairs_train_val.txt`. Dosovitskiy et al., 2015. */
@data.portable(import.meta.url)
export class FlyingChairs<T = FlowSample> extends FlowDataset<T> {
  constructor(root: string, options: FlowOptions<T> & { split?: 'train' | 'val' } = {}) {
    const { split } = choose({ choices: { split: ['train', 'val'] } as const }, { ...options });
    const folder = join(expandHome(root), 'FlyingChairs');
    const images = globSync(join(folder, 'data', '*.ppm'));
    const parts = readText(join(folder, 'FlyingChairs_train_val.txt')).split(/\s+/).filter(Boolean);
    const files = globSync(join(folder, 'data', '*.flo')).flatMap((flow, i) =>
      parts[i] === (split === 'train' ? '1' : '2')
        ? [{ first: images[2 * i] ?? '', second: images[2 * i + 1] ?? '', flow }]
        : [],
    );
    super('FlyingChairs', folder, files, FLO, options);
  }
}

type Camera = 'left' | 'right' | 'both';

/**
 * Things flying about. Files: `root/FlyingThings3D/frames_cleanpass/{TRAIN,TEST}/<group>/<scene>/{left,right}/*.png`,
 * `optical_flow/{TRAIN,TEST}/<group>/<scene>/{into_future,into_past}/{left,right}/*.pfm`. Mayer et al., 2016.
 */
@data.portable(import.meta.url)
export class FlyingThings3D<T = FlowSample> extends FlowDataset<T> {
  constructor(
    root: string,
    options: FlowOptions<T> & { split?: 'train' | 'test'; passName?: 'clean' | 'final' | 'both'; camera?: Camera } = {},
  ) {
    const { split, passName, camera } = choose(
      { choices: { split: ['train', 'test'], passName: passChoice, camera: ['left', 'right', 'both'] } as const },
      { ...options },
    );
    const folder = join(expandHome(root), 'FlyingThings3D');
    const part = split.toUpperCase();
    const files: FlowFiles[] = [];
    for (const pass of PASSES[passName])
      for (const side of camera === 'both' ? ['left', 'right'] : [camera])
        for (const direction of ['into_future', 'into_past']) {
          const images = globSync(join(folder, `frames_${pass}pass`, part, '*', '*'));
          const flows = globSync(join(folder, 'optical_flow', part, '*', '*'));
          for (const [i, scene] of images.entries()) {
            const pictures = globSync(join(scene, side, '*.png'));
            const motions = globSync(join(flows[i] ?? '', direction, side, '*.pfm'));
            for (let j = 0; j + 1 < motions.length; j++) {
              const [now, next] = [pictures[j] ?? '', pictures[j + 1] ?? ''];
              files.push(
                direction === 'into_future'
                  ? { first: now, second: next, flow: motions[j] }
                  : { first: next, second: now, flow: motions[j + 1] },
              );
            }
          }
        }
    super('FlyingThings3D', folder, files, PFM, options);
  }
}

/** Streets in high resolution. Files: `root/hd1k/{hd1k_input/image_2,hd1k_flow_gt/flow_occ,hd1k_challenge/image_2}/*.png`. Kondermann et al., 2016. */
@data.portable(import.meta.url)
export class HD1K<T = FlowSample> extends FlowDataset<T> {
  constructor(root: string, options: FlowOptions<T> & { split?: 'train' | 'test' } = {}) {
    const { split } = choose({ choices: { split: ['train', 'test'] } as const }, { ...options });
    const folder = join(expandHome(root), 'hd1k');
    const challenge = (end: string) => globSync(join(folder, 'hd1k_challenge', 'image_2', `*${end}.png`));
    const sequence = (number: number): FlowFiles[] => {
      const name = `${String(number).padStart(6, '0')}_*.png`;
      const flows = globSync(join(folder, 'hd1k_flow_gt', 'flow_occ', name));
      return neighbours(globSync(join(folder, 'hd1k_input', 'image_2', name)), flows).slice(
        0,
        Math.max(0, flows.length - 1),
      );
    };
    const files =
      split === 'test'
        ? frames(challenge('10'), challenge('11'))
        : Array.from({ length: 36 }, (_, number) => sequence(number)).flat();
    super('HD1K', folder, files, KITTI, options);
  }
}
