/** @file What the Kinetics-400 entries of all video networks share: address, categories, preset, layout of the metrics. */

import { kineticsCategories } from '../generated/kinetics-categories.ts';
import type { Weights } from '../weights.ts';

/** What the accuracy was measured on. */
export interface ClipSampling {
  /** Frames a second. */
  readonly frameRate: number;
  readonly clipsPerVideo: number;
  /** Frames. */
  readonly clipLength: number;
  /** Whether each clip counts, or the mean over the clips of a video. */
  readonly level: 'clip' | 'video';
}

export interface KineticsWeights {
  /** File name; the eight hexadecimal digits in it begin the file's SHA-256. */
  file: string;
  numParams: number;
  /** 10^9 multiply-accumulates a clip of 16 frames. */
  ops: number;
  /** MB. */
  fileSize: number;
  /** Top-1 and top-5 accuracy in percent. */
  accuracy: readonly [number, number];
  recipe: string;
  evaluated: ClipSampling;
  cropSize: readonly [number, number];
  resizeSize: number | readonly [number, number];
  /** Default: of Kinetics-400. */
  mean?: readonly [number, number, number];
  /** Default: of Kinetics-400. */
  std?: readonly [number, number, number];
  minSize?: readonly [number, number];
  minTemporalSize?: number;
}

/** A checkpoint trained on Kinetics-400. */
export function kinetics400(given: KineticsWeights): Omit<Weights, 'name'> {
  const { file, numParams, ops, fileSize, accuracy, recipe, evaluated, minTemporalSize } = given;
  const { frameRate, clipsPerVideo, clipLength, level } = evaluated;
  const clips = clipsPerVideo === 1 ? '1 clip' : `${clipsPerVideo} clips`;
  return {
    url: `https://download.pytorch.org/models/${file}`,
    transforms: {
      kind: 'video',
      cropSize: given.cropSize,
      resizeSize: given.resizeSize,
      mean: given.mean ?? [0.43216, 0.394666, 0.37645],
      std: given.std ?? [0.22803, 0.22145, 0.216989],
      interpolation: 'bilinear',
    },
    meta: {
      categories: kineticsCategories,
      numParams,
      minSize: given.minSize ?? [1, 1],
      ...(minTemporalSize === undefined ? {} : { minTemporalSize }),
      recipe,
      metrics: { 'Kinetics-400': { 'acc@1': accuracy[0], 'acc@5': accuracy[1] } },
      ops,
      fileSize,
      docs: `Accuracy a ${level}, with ${clips} a video of ${clipLength} frames, ${frameRate} frames a second.`,
    },
  };
}
