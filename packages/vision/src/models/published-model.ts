/** @file Registers models that have published weights: what the builders of all families have in common. */

import type { nn } from '@edgeai/torch';
import { type ModelBuilder, type ModelInfo, registerModel } from './registry.ts';
import type { Weights, WeightsEnum, WeightsOption } from './weights.ts';
import { requireCheckpoint } from './weights-files.ts';
import { publishedEntry, withWeights } from './weights-loading.ts';

/** What a builder takes: the options of the network, and weights. */
export type WithWeights<Options extends object> = Options & {
  /** Published weights or a checkpoint file. Default: none. */
  weights?: WeightsOption;
};

export interface PublishedModel<Options extends { numClasses?: number }, M extends nn.AnyModule>
  extends Pick<ModelInfo, 'task' | 'module' | 'inputShapes' | 'defaultOptions'> {
  /** Makes the network, without weights. */
  make: (options: Options) => M;
  /** Published checkpoints. */
  weights: WeightsEnum;
  /** What published weights change in the options. */
  prescribe?: (options: Options, entry: Weights) => Options;
  /** Changes a network that published weights were loaded into, as the caller's options ask. */
  finish?: (model: M, options: Options) => void;
}

/** Makes a builder for a network with published weights and registers it under `name`. */
export function registerPublished<Options extends { numClasses?: number }, M extends nn.AnyModule>(
  name: string,
  definition: PublishedModel<Options, M>,
): ModelBuilder<WithWeights<Options>, M> {
  const { make, weights: known, prescribe, finish, ...info } = definition;
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
  return registerModel(name, build, { ...info, weights: known });
}
