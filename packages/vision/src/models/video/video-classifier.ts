/** @file Registers classifiers of videos: what the builders of all video families have in common. */

import type { nn } from '@edgeai/torch';
import { type PublishedModel, registerPublished, type WithWeights } from '../published-model.ts';
import type { ModelBuilder } from '../registry.ts';

export interface VideoClassifier<Options extends { numClasses?: number }, M extends nn.AnyModule>
  extends Pick<PublishedModel<Options, M>, 'make' | 'weights' | 'prescribe'> {
  /** Height and width of the frames that the network is usually given. Default 224. */
  size?: number;
  /** Options that the builder takes besides `weights`, with their defaults; `numClasses` is added. */
  defaults: Readonly<Record<string, unknown>>;
}

/** Makes a builder for a classifier of clips `(N, 3, T, H, W)`, usually of 16 frames, and registers it under `name`. */
export function registerVideoClassifier<Options extends { numClasses?: number }, M extends nn.AnyModule>(
  name: string,
  { size = 224, defaults, ...definition }: VideoClassifier<Options, M>,
): ModelBuilder<WithWeights<Options>, M> {
  return registerPublished(name, {
    ...definition,
    task: 'video',
    module: 'video',
    inputShapes: [[1, 3, 16, size, size]],
    defaultOptions: { numClasses: 400, ...defaults },
  });
}
