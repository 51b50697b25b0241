/** @file Which clips of videos are looked at: evenly spread ones of each video, or random ones. */

import { ArgumentError, data, type Generator, randperm, scope } from '@edgeai/torch';
import type { VideoClips } from './video-clips.ts';

function checkCount(name: string, count: number): void {
  if (!Number.isInteger(count) || count < 1) throw ArgumentError.expected(name, 'a whole number above 0', count);
}

/** So many clips of each video, evenly spread, in order: for evaluation. Short videos have the same clip several times. */
@data.portable(import.meta.url)
export class UniformClipSampler implements data.Sampler {
  readonly #clips: VideoClips;
  readonly #perVideo: number;

  constructor(videoClips: VideoClips, numClipsPerVideo: number) {
    checkCount('numClipsPerVideo', numClipsPerVideo);
    this.#clips = videoClips;
    this.#perVideo = numClipsPerVideo;
  }

  get length(): number {
    return this.#perVideo * this.#clips.clipsPerVideo.filter((count) => count > 0).length;
  }

  *[Symbol.iterator](): Iterator<number> {
    let start = 0;
    for (const count of this.#clips.clipsPerVideo) {
      // linspace in single precision, from both ends, as PyTorch computes it.
      const step = this.#perVideo === 1 ? 0 : Math.fround((count - 1) / (this.#perVideo - 1));
      for (let i = 0; count > 0 && i < this.#perVideo; i++) {
        const fromStart = i < this.#perVideo / 2 || this.#perVideo === 1;
        const value = fromStart
          ? Math.fround(start + Math.fround(step * i))
          : Math.fround(start + count - 1 - Math.fround(step * (this.#perVideo - 1 - i)));
        yield Math.floor(value);
      }
      start += count;
    }
  }
}

/** At most so many clips of each video, chosen and shuffled at random: for training. */
@data.portable(import.meta.url)
export class RandomClipSampler implements data.Sampler {
  readonly #clips: VideoClips;
  readonly #most: number;
  readonly #generator: Generator | undefined;

  constructor(videoClips: VideoClips, maxClipsPerVideo: number, options: { generator?: Generator } = {}) {
    checkCount('maxClipsPerVideo', maxClipsPerVideo);
    this.#clips = videoClips;
    this.#most = maxClipsPerVideo;
    this.#generator = options.generator;
  }

  get length(): number {
    return this.#clips.clipsPerVideo.reduce((sum, count) => sum + Math.min(count, this.#most), 0);
  }

  *[Symbol.iterator](): Iterator<number> {
    const generator = this.#generator;
    const order = (count: number) => scope(() => randperm(count, { generator }).toArray()) as number[];
    const chosen: number[] = [];
    let start = 0;
    for (const count of this.#clips.clipsPerVideo) {
      const first = start;
      chosen.push(
        ...order(count)
          .slice(0, this.#most)
          .map((i) => i + first),
      );
      start += count;
    }
    for (const i of order(chosen.length)) yield chosen[i] as number;
  }
}
