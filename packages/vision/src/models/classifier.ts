/** @file Registers image classifiers: what the builders of all classification families have in common. */

import type { nn } from '@edgeai/torch';
import { type ModelBuilder, registerModel } from './registry.ts';
import type { Weights, WeightsEnum, WeightsOption } from './weights.ts';
import { requireCheckpoint } from './weights-files.ts';
import { withWeights } from './weights-loading.ts';

/** What a builder takes: the options of the network, and weights. */
export type WithWeights<Options extends object> = Options & {
  /** Published weights or a checkpoint file. Default: none. */
  weights?: WeightsOption;
};

export interface ClassifierDefinition<Options extends { numClasses?: number }, M extends nn.AnyModule> {
  /** Makes the network, without weights. */
  make: (options: Options) => M;
  /** Published checkpoints. */
  weights: WeightsEnum;
  /** Height and width of the images that the network is usually given. Default 224. */
  size?: number;
  /** Options that the builder takes besides `weights`, with their defaults; `numClasses` is added. */
  defaults: Readonly<Record<string, unknown>>;
  /** What published weights change in the options. */
  prescribe?: (options: Options, entry: Weights) => Options;
  /** Changes a network that published weights were loaded into, as the caller's options ask. */
  finish?: (model: M, options: Options) => void;
}

/** Makes a builder for a classifier of images `(N, 3, H, W)` and registers it under `name`. */
export function registerClassifier<Options extends { numClasses?: number }, M extends nn.AnyModule>(
  name: string,
  definition: ClassifierDefinition<Options, M>,
): ModelBuilder<WithWeights<Options>, M> {
  const { make, weights: known, size = 224, defaults, prescribe, finish } = definition;
  const build: ModelBuilder<WithWeights<Options>, M> = (given = {} as WithWeights<Options>) => {
    const entry = publishedEntry(known, given.weights);
    if (entry === null) return withWeights(known, given, make);
    // Some checkpoints were not trained to classify: the number of classes stays the caller's choice.
    const weights = entry.meta.categories.length > 0 ? entry : requireCheckpoint(entry);
    const options = prescribe?.(given, entry) ?? given;
    const model = withWeights(known, { ...options, weights }, make);
    finish?.(model, given);
    return model;
  };
  return registerModel(name, build, {
    task: 'classification',
    module: 'classification',
    inputShapes: [[1, 3, size, size]],
    defaultOptions: { numClasses: 1000, ...defaults },
    weights: known,
  });
}

/** The entry that a `weights` option stands for; `null` for none, and for a checkpoint file. */
function publishedEntry(known: WeightsEnum, weights: WeightsOption): Weights | null {
  return typeof weights === 'string' && !known.has(weights) ? null : known.verify(weights);
}
