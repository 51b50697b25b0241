/** @file The two chains of transforms of dense tasks: random for training, plain for evaluation. */

import { data, scope } from '@edgeai/torch';
import {
  align,
  type Backend,
  randomHorizontalFlip,
  randomRotation,
  randomScaleCrop,
  resizeTo,
  type Size,
} from './geometry.ts';
import type { DenseTransform } from './sample.ts';
import { compose, normalizeMeanScale, randomGrayscale, reverseImageChannels } from './values.ts';

export interface DensePipelineOptions {
  /** Of images, in evaluation and after all scaling in training. */
  size: Size;
  /** Of targets in evaluation. Default `size`. */
  outputSize?: Size | null;
  /** Factors of the random enlargement; `null` trains with the transforms of evaluation. Default 1 to 2. */
  scale?: readonly [number, number] | null;
  /** Most degrees that images are turned by. Default 0. */
  rotation?: number;
  /** Probability of grey images. Default 0. */
  grayscale?: number;
  /** Images are wanted as blue, green, red. Default `false`. */
  reverseChannels?: boolean;
  /** Default 128. */
  mean?: readonly number[];
  /** Default 1/64, which makes images −2 to 2. */
  imageScale?: readonly number[];
  /** Whose arithmetic resizes and turns. Default 'tensor'. */
  backend?: Backend;
}

function beginning(options: DensePipelineOptions): DenseTransform[] {
  const { reverseChannels = false, mean = [128], imageScale = [1 / 64] } = options;
  return [
    ...(reverseChannels ? [reverseImageChannels] : []),
    normalizeMeanScale(mean, imageScale),
    align(options.backend),
  ];
}

/** For evaluation: normalised, images in `size`, targets in `outputSize`. */
function makeEvaluation(options: DensePipelineOptions): DenseTransform {
  const all = compose([
    ...beginning(options),
    resizeTo(options.size, options.outputSize ?? options.size, options.backend),
  ]);
  return (sample) => scope(() => all(sample));
}

/** For training: turned, enlarged and cut to `size`, mirrored, now and then grey. */
function makeTraining(options: DensePipelineOptions): DenseTransform {
  const { size, scale = [1, 2], rotation = 0, grayscale = 0, backend } = options;
  if (scale === null) return makeEvaluation({ ...options, outputSize: null });
  const all = compose([
    ...beginning(options),
    rotation > 0 ? randomRotation(rotation, backend) : null,
    randomScaleCrop(size, scale, backend),
    randomHorizontalFlip,
    grayscale > 0 ? randomGrayscale(grayscale) : null,
  ]);
  return (sample) => scope(() => all(sample));
}

/** {@link makeEvaluation} as worker threads can make it too. */
export const denseEvaluationTransform = data.portableFactory(
  import.meta.url,
  'denseEvaluationTransform',
)(makeEvaluation);

/** {@link makeTraining} as worker threads can make it too. */
export const denseTrainingTransform = data.portableFactory(import.meta.url, 'denseTrainingTransform')(makeTraining);
