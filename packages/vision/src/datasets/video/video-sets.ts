/** @file Videos in one folder a class: Kinetics, HMDB51, UCF101, and anybody's. A sample is a clip and its class. */

import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ArgumentError, data, scope, type Tensor } from '@edgeai/torch';
import { downloadFile } from '../../download.ts';
import { extractArchive } from '../archives/extract.ts';
import { parseCsv } from '../csv.ts';
import { DatasetError } from '../errors.ts';
import { globSync } from '../files/paths.ts';
import { invalid, readLines, readText } from '../files/text.ts';
import { type FolderSample, hasExtension } from '../folder.ts';
import { VIDEO_EXTENSIONS } from '../layouts/folder-layouts.ts';
import { expandHome, filesBelow, isFolder, subfolders } from '../listing.ts';
import { choose, type DownloadChoice } from '../published.ts';
import {
  readVideoTimes,
  type VideoClip,
  VideoClips,
  type VideoClipsOptions,
  type VideoTimes,
  type VideoTimesOptions,
} from './video-clips.ts';

export interface VideoDatasetOptions<T> extends Omit<VideoClipsOptions, 'framesBetweenClips'> {
  /** Frames from the beginning of one clip to that of the next. Default 1. */
  stepBetweenClips?: number;
  /** What happens to a clip. Default: nothing. */
  transform?: (clip: Tensor) => T;
  /** When the frames of all videos are shown, as `metadata` of an earlier opening gives it. Required by constructors; `open` finds out. */
  metadata?: VideoTimes;
}

/** Videos and their classes. */
interface VideoList {
  readonly classes: readonly string[];
  readonly samples: readonly FolderSample[];
}

function listVideos(folder: string, extensions: readonly string[]): VideoList {
  if (!isFolder(folder))
    throw new DatasetError('DATASET_NOT_FOUND', folder, `The data folder ${folder} does not exist`);
  const classes = subfolders(folder);
  const samples = classes.flatMap((name, target) =>
    filesBelow(join(folder, name))
      .filter((path) => hasExtension(path, extensions))
      .map((path): FolderSample => [path, target]),
  );
  if (samples.length === 0)
    throw new DatasetError('DATASET_EMPTY', folder, `${folder} holds no videos; expected ${folder}/<class>/<video>`);
  return { classes, samples };
}

/** Clips of videos with their classes: [clip uint8 [frames, height, width, 3], class]. */
@data.portable(import.meta.url)
export class VideoDataset<T = Tensor> implements data.Dataset<[T, number]> {
  readonly classes: readonly string[];
  readonly classToIdx: ReadonlyMap<string, number>;
  /** Path and class of the videos that are used. */
  readonly samples: readonly FolderSample[];
  readonly videoClips: VideoClips;
  /** Of all videos, used or not: give it to the next opening, and the videos need not be looked through again. */
  readonly metadata: VideoTimes;
  readonly transform: ((clip: Tensor) => T) | undefined;

  /** @internal @param used which of the videos */
  constructor(
    list: VideoList,
    used: (sample: FolderSample) => boolean,
    framesPerClip: number,
    options: VideoDatasetOptions<T>,
  ) {
    const { metadata, stepBetweenClips, frameRate, outputFormat } = options;
    if (metadata === undefined)
      throw new ArgumentError(
        'metadata',
        'Looking through videos takes a while: use await ….open(…), or give the metadata of an earlier opening',
      );
    const known = new Map(metadata.videoPaths.map((path, i) => [path, i]));
    const indices = list.samples.map(([path]) => {
      const index = known.get(path);
      if (index === undefined) throw new DatasetError('DATASET_INVALID', path, `the metadata know nothing of ${path}`);
      return index;
    });
    const chosen = list.samples.flatMap((sample, i) => (used(sample) ? [i] : []));
    this.classes = list.classes;
    this.classToIdx = new Map(list.classes.map((name, i) => [name, i]));
    this.samples = chosen.map((i) => list.samples[i] as FolderSample);
    this.metadata = metadata;
    this.videoClips = new VideoClips(metadata, framesPerClip, {
      framesBetweenClips: stepBetweenClips,
      frameRate,
      outputFormat,
    }).subset(chosen.map((i) => indices[i] as number));
    this.transform = options.transform;
  }

  /** Number of clips. */
  get length(): number {
    return this.videoClips.length;
  }

  /** The clip and its class. Its tensors are made after an `await` and belong to no scope. */
  async get(index: number): Promise<[T, number]> {
    return this.finish(await this.videoClips.get(index));
  }

  finish({ video, videoIndex }: VideoClip): [T, number] {
    const target = this.samples[videoIndex]?.[1] as number;
    // Without a transform, T is Tensor.
    if (this.transform === undefined) return [video as unknown as T, target];
    const { transform } = this;
    const result = scope(() => transform(video));
    if ((result as unknown) !== video) video.dispose();
    return [result, target];
  }

  /** The video's path, and when the clip begins. */
  describe(index: number): string {
    const [video] = this.videoClips.clipLocation(index);
    return `${this.samples[video]?.[0]}, from ${this.videoClips.clipTimes(index)[0]?.toFixed(2)} s`;
  }
}

type OpenOptions = VideoTimesOptions;

/** The metadata of all videos in a folder, unless they are given. */
async function withMetadata<O extends { metadata?: VideoTimes }>(
  folder: string,
  extensions: readonly string[],
  options: O & OpenOptions,
): Promise<O> {
  const { concurrency, onProgress, signal, ...rest } = options;
  const { samples } = listVideos(folder, extensions);
  const metadata =
    options.metadata ??
    (await readVideoTimes(
      samples.map(([path]) => path),
      { concurrency, onProgress, signal },
    ));
  return { ...rest, metadata } as unknown as O;
}

/** Anybody's videos: `root/<class>/…/<video>`. */
@data.portable(import.meta.url)
export class VideoFolder<T = Tensor> extends VideoDataset<T> {
  constructor(root: string, framesPerClip: number, options: VideoDatasetOptions<T>) {
    super(listVideos(expandHome(root), VIDEO_EXTENSIONS), () => true, framesPerClip, options);
  }

  /** Looks through the videos and finds their clips. */
  static async open<T = Tensor>(
    root: string,
    framesPerClip: number,
    options: VideoDatasetOptions<T> & OpenOptions = {},
  ): Promise<VideoFolder<T>> {
    return new VideoFolder<T>(root, framesPerClip, await withMetadata(expandHome(root), VIDEO_EXTENSIONS, options));
  }
}

export interface FoldOptions<T> extends VideoDatasetOptions<T> {
  /** Which of the three divisions. Default 1. */
  fold?: 1 | 2 | 3;
  /** Default true. */
  train?: boolean;
}

const FOLDS = { choices: { fold: [1, 2, 3], train: [true, false] } } as const;
const AVI = ['.avi'];

/**
 * 51 kinds of human motion. Files: `root/<class>/*.avi`; `annotationPath` is the folder with `<class>_test_split1.txt` and so
 * on. Kuehne et al., 2011.
 */
@data.portable(import.meta.url)
export class HMDB51<T = Tensor> extends VideoDataset<T> {
  constructor(root: string, annotationPath: string, framesPerClip: number, options: FoldOptions<T>) {
    const { fold, train } = choose(FOLDS, { ...options });
    const lists = globSync(join(expandHome(annotationPath), `*test_split${fold}.txt`));
    const [first] = lists;
    if (first === undefined)
      throw new DatasetError(
        'DATASET_NOT_FOUND',
        annotationPath,
        `there is no *test_split${fold}.txt in ${annotationPath}`,
      );
    // 1 is for training, 2 for testing, 0 for neither.
    const chosen = new Set(
      lists.flatMap((list) =>
        readLines(list).flatMap((line) => {
          const [name = '', tag] = line.split(/\s+/);
          return tag === (train ? '1' : '2') ? [name] : [];
        }),
      ),
    );
    super(listVideos(expandHome(root), AVI), ([path]) => chosen.has(basename(path)), framesPerClip, options);
  }

  /** Looks through the videos and finds their clips. */
  static async open<T = Tensor>(
    root: string,
    annotationPath: string,
    framesPerClip: number,
    options: FoldOptions<T> & OpenOptions = {},
  ): Promise<HMDB51<T>> {
    return new HMDB51<T>(root, annotationPath, framesPerClip, await withMetadata(expandHome(root), AVI, options));
  }
}

/**
 * 101 kinds of action. Files: `root/<class>/*.avi`; `annotationPath` is the folder with `trainlist01.txt`, `testlist01.txt` and
 * so on. Soomro et al., 2012.
 */
@data.portable(import.meta.url)
export class UCF101<T = Tensor> extends VideoDataset<T> {
  constructor(root: string, annotationPath: string, framesPerClip: number, options: FoldOptions<T>) {
    const { fold, train } = choose(FOLDS, { ...options });
    const folder = expandHome(root);
    const list = join(expandHome(annotationPath), `${train ? 'train' : 'test'}list0${fold}.txt`);
    const chosen = new Set(readLines(list).map((line) => join(folder, line.split(/\s+/)[0] ?? '')));
    super(listVideos(folder, AVI), ([path]) => chosen.has(path), framesPerClip, options);
  }

  /** Looks through the videos and finds their clips. */
  static async open<T = Tensor>(
    root: string,
    annotationPath: string,
    framesPerClip: number,
    options: FoldOptions<T> & OpenOptions = {},
  ): Promise<UCF101<T>> {
    return new UCF101<T>(root, annotationPath, framesPerClip, await withMetadata(expandHome(root), AVI, options));
  }
}

export interface KineticsOptions<T> extends VideoDatasetOptions<T> {
  /** Default `train`. */
  split?: 'train' | 'val' | 'test';
  /** Which of the three collections; matters for the download. Default `400`. */
  numClasses?: '400' | '600' | '700';
  /** Endings of the files that count. Default `.avi` and `.mp4`. */
  extensions?: readonly string[];
  /** Classes lie in the root itself. Default false. */
  legacy?: boolean;
}

const KINETICS = { choices: { split: ['train', 'val', 'test'], numClasses: ['400', '600', '700'] } } as const;
const KINETICS_BASE = 'https://s3.amazonaws.com/kinetics/';
const KINETICS_FOLDERS = { '400': ['400', 'k400'], '600': ['600', 'k600'], '700': ['700_2020', 'k700_2020'] } as const;

function kineticsFolder<T>(
  root: string,
  options: KineticsOptions<T>,
): { folder: string; extensions: readonly string[] } {
  const { split } = choose(KINETICS, { ...options });
  const folder = expandHome(root);
  return {
    folder: options.legacy === true ? folder : join(folder, split),
    extensions: options.extensions ?? ['.avi', '.mp4'],
  };
}

/**
 * Hundreds of kinds of action. Files: `root/<split>/<class>/*.mp4`. Clips are [frames, 3, height, width], unless `outputFormat`
 * says otherwise. Kay et al., 2017.
 */
@data.portable(import.meta.url)
export class Kinetics<T = Tensor> extends VideoDataset<T> {
  constructor(root: string, framesPerClip: number, options: KineticsOptions<T>) {
    const { folder, extensions } = kineticsFolder(root, options);
    super(listVideos(folder, extensions), () => true, framesPerClip, {
      ...options,
      outputFormat: options.outputFormat ?? (options.legacy === true ? 'THWC' : 'TCHW'),
    });
  }

  /** Looks through the videos and finds their clips; can download. */
  static async open<T = Tensor>(
    root: string,
    framesPerClip: number,
    options: KineticsOptions<T> & OpenOptions & Pick<DownloadChoice, 'download'> = {},
  ): Promise<Kinetics<T>> {
    const { download, ...rest } = options;
    const { folder, extensions } = kineticsFolder(root, rest);
    if (download === true && !existsSync(folder)) await fetchKinetics(expandHome(root), folder, rest);
    return new Kinetics<T>(root, framesPerClip, await withMetadata(folder, extensions, rest));
  }
}

/** Fetches the archives of a part and moves the videos to the folders of their classes. */
async function fetchKinetics<T>(
  root: string,
  folder: string,
  options: KineticsOptions<T> & OpenOptions,
): Promise<void> {
  const { split, numClasses } = choose(KINETICS, { ...options });
  const { signal } = options;
  const [place, prefix] = KINETICS_FOLDERS[numClasses];
  const list = join(root, 'files', `${prefix}_${split}_path.txt`);
  await downloadFile(`${KINETICS_BASE}${place}/${split}/${basename(list)}`, list, { signal });
  const annotations = join(root, 'annotations', `${split}.csv`);
  await downloadFile(`${KINETICS_BASE}${place}/annotations/${split}.csv`, annotations, { signal });
  const building = `${folder}.building`;
  for (const url of readLines(list)) {
    const archive = join(root, 'tars', basename(url));
    if (!existsSync(archive)) await downloadFile(encodeURI(url), archive, { signal });
    await extractArchive(archive, building, { signal });
  }
  const [header, ...rows] = parseCsv(readText(annotations));
  const columns = ['label', 'youtube_id', 'time_start', 'time_end'].map((name) => header?.fields.indexOf(name) ?? -1);
  if (columns.some((column) => column < 0))
    throw invalid(annotations, 'it lacks label, youtube_id, time_start or time_end');
  for (const { fields } of rows) {
    const [label = '', id = '', start = '', end = ''] = columns.map((column) => fields[column]);
    const file = `${id}_${start.padStart(6, '0')}_${end.padStart(6, '0')}.mp4`;
    if (!existsSync(join(building, file))) continue;
    const target = join(building, label.replaceAll(' ', '_').replaceAll(/['()]/g, ''));
    mkdirSync(target, { recursive: true });
    renameSync(join(building, file), join(target, file));
  }
  renameSync(building, folder);
}
