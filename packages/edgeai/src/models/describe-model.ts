/** @file What can be said about a model by building it: size, work, input, options, state-dict keys. */

import { existsSync } from 'node:fs';
import { complexity } from '@edgeai/modelopt';
import { scope, zeros } from '@edgeai/torch';
import type { Json } from '../recipes/kinds.ts';
import { models } from './all-models.ts';
import { buildModel } from './build-model.ts';

/** A published checkpoint. */
export interface PublishedWeights {
  name: string;
  metrics: string;
  url: string;
  /** MB. */
  fileSize: number;
  /** Where it lies on disk; null where it does not. */
  path: string | null;
}

export interface ModelDescription {
  name: string;
  task: string;
  /** Numbers in parameters (buffers not counted). */
  params: number;
  /** Multiply-accumulates of one input of `inputShape`. */
  macs: number;
  /** Shape of the (first) input with a batch of 1. */
  inputShape: number[];
  /** Shapes of all inputs, where there are several. */
  inputShapes?: number[][];
  /** Options of the constructor with their defaults. */
  options: Readonly<Record<string, unknown>>;
  weights: PublishedWeights[];
  /** Name of the entry that `DEFAULT` stands for; null where there is none. */
  recommended: string | null;
  /** Shapes by key, in the order of the state dict. */
  stateDict: Record<string, number[]>;
}

/** Builds the model with the given options and looks at it. Throws vision's UnknownModelError with the nearest names. */
export function describeModel(name: string, options: Readonly<Record<string, Json>> = {}): ModelDescription {
  const info = models.getModelInfo(name);
  const model = buildModel(name, options);
  try {
    const shapes = info.inputShapes.map((shape) => [...shape]);
    const macs = scope(() =>
      complexity.countMacs(
        model,
        shapes.map((shape) => zeros(shape)),
      ),
    );
    const params = model.parameters().reduce((sum, parameter) => sum + parameter.numel(), 0);
    const stateDict = Object.fromEntries(Object.entries(model.stateDict()).map(([key, { shape }]) => [key, shape]));
    return {
      name: name.toLowerCase(),
      task: info.task,
      params,
      macs,
      inputShape: shapes[0] ?? [],
      ...(shapes.length > 1 ? { inputShapes: shapes } : {}),
      options: info.defaultOptions,
      weights: (info.weights?.entries() ?? []).map(publishedWeights),
      recommended: info.weights?.DEFAULT.name ?? null,
      stateDict,
    };
  } finally {
    model.dispose();
  }
}

function publishedWeights(entry: models.Weights): PublishedWeights {
  const path = models.checkpointPath(entry);
  const { metrics, fileSize } = entry.meta;
  return {
    name: entry.name,
    metrics: published(metrics),
    url: entry.url,
    fileSize,
    path: existsSync(path) ? path : null,
  };
}

/** `ImageNet-1K acc@1 71.878, acc@5 90.286`. */
function published(metrics: models.WeightsMeta['metrics']): string {
  return Object.entries(metrics)
    .map(
      ([data, figures]) =>
        `${data} ${Object.entries(figures)
          .map(([figure, value]) => `${figure} ${value}`)
          .join(', ')}`,
    )
    .join('; ');
}
