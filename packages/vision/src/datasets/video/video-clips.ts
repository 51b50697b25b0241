/** @file VideoClips: all clips of so many frames in a list of videos, found by the frames' times; clips are decoded when they are asked for. */

import { ArgumentError, data, fromTypedArray, scope, type Tensor } from '@edgeai/torch';
import { readVideo } from '../../io/video.ts';
import { readVideoTimestamps } from '../../io/video-probe.ts';

/** When the frames of some videos are shown. Plain data: keep it, and the videos need not be looked through again. */
export interface VideoTimes {
  readonly videoPaths: readonly string[];
  /** Of each video, the time of each frame in seconds. */
  readonly videoPts: readonly (readonly number[])[];
  /** Frames a second. */
  readonly videoFps: readonly number[];
}

export interface VideoClipsOptions {
  /** Frames from the beginning of one clip to that of the next. Default 1. */
  framesBetweenClips?: number;
  /** Take frames so that there are this many a second. Default: all frames. */
  frameRate?: number;
  /** Order of a clip's dimensions. Default `THWC`. */
  outputFormat?: 'THWC' | 'TCHW';
}

export interface VideoTimesOptions {
  /** Videos that are looked through at once. Default 2. */
  concurrency?: number;
  /** Called after each video. */
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/** A clip. */
export interface VideoClip {
  /** uint8 [frames, height, width, 3] or [frames, 3, height, width]. It belongs to no scope: dispose it. */
  readonly video: Tensor;
  readonly info: { readonly videoFps: number };
  /** Which video it is of. */
  readonly videoIndex: number;
}

/** Which frames of a video are used, and when they are shown. */
interface Sampled {
  readonly frames: readonly number[];
  readonly pts: readonly number[];
  /** Number of clips. */
  readonly clips: number;
}

/** Looks through videos for the times of their frames. @throws {VideoError} naming a file that cannot be read */
export async function readVideoTimes(
  videoPaths: readonly string[],
  options: VideoTimesOptions = {},
): Promise<VideoTimes> {
  const { concurrency = 2, onProgress, signal } = options;
  const found: { pts: number[]; videoFps: number }[] = [];
  let next = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    while (next < videoPaths.length) {
      const index = next++;
      signal?.throwIfAborted();
      found[index] = await readVideoTimestamps(videoPaths[index] as string, { signal });
      onProgress?.(++done, videoPaths.length);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, concurrency) }, work));
  return {
    videoPaths: [...videoPaths],
    videoPts: found.map(({ pts }) => pts),
    videoFps: found.map(({ videoFps }) => videoFps),
  };
}

/**
 * Indices of the frames to take so that there are `to` a second where the video has `from`.
 *
 * @param count frames to take
 */
export function resampleFrames(count: number, from: number, to: number): number[] {
  const step = from / to;
  // In single precision otherwise, as torchvision does.
  return Array.from({ length: count }, (_, i) =>
    Number.isInteger(step) ? i * step : Math.floor(Math.fround(Math.fround(i) * Math.fround(step))),
  );
}

/** Clips of `clipLengthInFrames` frames of some videos, in order. Videos that are too short have none. */
@data.portable(import.meta.url)
export class VideoClips {
  readonly metadata: VideoTimes;
  readonly numFrames: number;
  readonly step: number;
  readonly frameRate: number | undefined;
  readonly outputFormat: 'THWC' | 'TCHW';
  /** Number of clips up to and including each video. */
  readonly cumulativeSizes: readonly number[];
  readonly #sampled: readonly Sampled[];

  /** @param metadata what {@link readVideoTimes} found */
  constructor(metadata: VideoTimes, clipLengthInFrames = 16, options: VideoClipsOptions = {}) {
    const { framesBetweenClips = 1, frameRate, outputFormat = 'THWC' } = options;
    for (const [name, value] of [
      ['clipLengthInFrames', clipLengthInFrames],
      ['framesBetweenClips', framesBetweenClips],
    ] as const)
      if (!Number.isInteger(value) || value < 1) throw ArgumentError.expected(name, 'a whole number above 0', value);
    if (outputFormat !== 'THWC' && outputFormat !== 'TCHW')
      throw ArgumentError.expected('outputFormat', "'THWC' or 'TCHW'", outputFormat);
    this.metadata = metadata;
    this.numFrames = clipLengthInFrames;
    this.step = framesBetweenClips;
    this.frameRate = frameRate;
    this.outputFormat = outputFormat;
    this.#sampled = metadata.videoPts.map((pts, i) => this.#sample(pts, metadata.videoFps[i] ?? 1));
    let total = 0;
    this.cumulativeSizes = this.#sampled.map(({ clips }) => {
      total += clips;
      return total;
    });
  }

  /** Looks through the videos and finds their clips. */
  static async open(
    videoPaths: readonly string[],
    clipLengthInFrames = 16,
    options: VideoClipsOptions & VideoTimesOptions = {},
  ): Promise<VideoClips> {
    return new VideoClips(await readVideoTimes(videoPaths, options), clipLengthInFrames, options);
  }

  #sample(pts: readonly number[], fps: number): Sampled {
    const count = Math.floor(pts.length * ((this.frameRate ?? fps) / fps));
    const frames =
      this.frameRate === undefined
        ? Array.from(pts, (_, i) => i)
        : resampleFrames(count, fps, this.frameRate).filter((frame) => frame < pts.length);
    const clips = Math.max(0, Math.floor((frames.length - this.numFrames) / this.step) + 1);
    return { frames, pts: frames.map((frame) => pts[frame] as number), clips };
  }

  /** Number of clips. */
  get length(): number {
    return this.cumulativeSizes.at(-1) ?? 0;
  }

  /** Number of clips of each video. */
  get clipsPerVideo(): number[] {
    return this.#sampled.map(({ clips }) => clips);
  }

  /** The clips of some of the videos. */
  subset(indices: readonly number[]): VideoClips {
    const { videoPaths, videoPts, videoFps } = this.metadata;
    const metadata: VideoTimes = {
      videoPaths: indices.map((i) => videoPaths[i] as string),
      videoPts: indices.map((i) => videoPts[i] as readonly number[]),
      videoFps: indices.map((i) => videoFps[i] as number),
    };
    const { step: framesBetweenClips, frameRate, outputFormat } = this;
    return new VideoClips(metadata, this.numFrames, { framesBetweenClips, frameRate, outputFormat });
  }

  /** Which video a clip is of, and which of its clips it is. @throws {ArgumentError} for an index beyond the last */
  clipLocation(index: number): [video: number, clip: number] {
    if (!Number.isInteger(index) || index < 0 || index >= this.length)
      throw new ArgumentError('index', `Expected an index between 0 and ${this.length - 1} but received ${index}`);
    const video = this.cumulativeSizes.findIndex((end) => index < end);
    return [video, index - (video === 0 ? 0 : (this.cumulativeSizes[video - 1] as number))];
  }

  /** When the frames of a clip are shown, in seconds. */
  clipTimes(index: number): number[] {
    const [video, clip] = this.clipLocation(index);
    const start = clip * this.step;
    return (this.#sampled[video] as Sampled).pts.slice(start, start + this.numFrames);
  }

  /** Decodes a clip. @throws {VideoError} naming the file */
  async get(index: number): Promise<VideoClip> {
    const [videoIndex, clip] = this.clipLocation(index);
    const path = this.metadata.videoPaths[videoIndex] as string;
    const { frames } = this.#sampled[videoIndex] as Sampled;
    const start = clip * this.step;
    const wanted = frames.slice(start, start + this.numFrames);
    const times = this.clipTimes(index);
    // Times are rounded on their way through programs; the half of a frame's time tells frames apart.
    const slack = 0.5 / (this.metadata.videoFps[videoIndex] || 25);
    const from = Math.max(0, (times[0] as number) - slack);
    const read = await readVideo(path, { start: from, end: (times.at(-1) as number) + slack });
    const { video, info } = read;
    const first = wanted[0] as number;
    const places = wanted.map((frame) => frame - first);
    const enough = video.size(0) > (places.at(-1) ?? 0);
    const chosen = enough ? scope(() => this.#arranged(video, places)) : undefined;
    if (chosen !== video) video.dispose();
    if (chosen === undefined)
      throw new ArgumentError(
        'index',
        `${path} gave ${read.pts.length} frames between ${from} s and ${times.at(-1)} s, expected ${(places.at(-1) ?? 0) + 1}: has it changed?`,
      );
    return { video: chosen, info: { videoFps: this.frameRate ?? info.videoFps }, videoIndex };
  }

  #arranged(video: Tensor, places: readonly number[]): Tensor {
    const all = places.every((place, i) => place === i) && video.size(0) === places.length;
    const chosen = all ? video : video.indexSelect(0, fromTypedArray(Int32Array.from(places), [places.length]));
    return this.outputFormat === 'THWC' ? chosen : chosen.permute([0, 3, 1, 2]);
  }
}
