/** @file Registers image classifiers: what the builders of all classification families have in common. */

import type { nn } from '@edgeai/torch';
import { type PublishedModel, registerPublished, type WithWeights } from './published-model.ts';
import type { ModelBuilder } from './registry.ts';

export interface ClassifierDefinition<Options extends { numClasses?: number }, M extends nn.AnyModule>
  extends Pick<PublishedModel<Options, M>, 'make' | 'weights' | 'prescribe' | 'finish'> {
  /** Height and width of the images that the network is usually given. Default 224. */
  size?: number;
  /** Options that the builder takes besides `weights`, with their defaults; `numClasses` is added. */
  defaults: Readonly<Record<string, unknown>>;
}

/** Makes a builder for a classifier of images `(N, 3, H, W)` and registers it under `name`. */
export function registerClassifier<Options extends { numClasses?: number }, M extends nn.AnyModule>(
  name: string,
  { size = 224, defaults, ...definition }: ClassifierDefinition<Options, M>,
): ModelBuilder<WithWeights<Options>, M> {
  return registerPublished(name, {
    ...definition,
    task: 'classification',
    module: 'classification',
    inputShapes: [[1, 3, size, size]],
    defaultOptions: { numClasses: 1000, ...defaults },
  });
}
