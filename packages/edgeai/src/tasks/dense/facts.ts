/** @file What a checkpoint of a dense task says of its network: which maps it gives, and how its images are prepared. */

import { datasets, transforms } from '@edgeai/xvision';
import { z } from 'zod';

import type { DenseConfig } from '../../recipes/dense-options.ts';
import type { Json } from '../../recipes/kinds.ts';
import type { TaskFacts } from '../../training/task.ts';
import { pipelineOf } from './data.ts';
import { kindsOf } from './maps.ts';

const colour = z.tuple([z.number(), z.number(), z.number()]);
const target = z.union([
  z.object({
    kind: z.enum(['segmentation', 'motion']),
    classes: z.array(z.string()),
    palette: z.array(colour),
    classWeights: z.array(z.number()).nullable(),
  }),
  z.object({ kind: z.literal('depth'), max: z.number() }),
  z.object({ kind: z.literal('flow') }),
]);
const size = z.tuple([z.number(), z.number()]);
const preprocessing = z.object({
  kind: z.literal('dense'),
  dataset: z.string(),
  secondInput: z.enum(['picture', 'flow']).default('picture'),
  size,
  reverseChannels: z.boolean().default(false),
  mean: z.array(z.number()),
  imageScale: z.array(z.number()),
  backend: z.enum(['tensor', 'opencv']).default('tensor'),
  targets: z.array(target).min(1),
});

/** What is kept with a network. @param options of the network's constructor */
export function factsOf(
  name: string,
  config: DenseConfig,
  options: Readonly<Record<string, Json>>,
  targets: readonly datasets.TargetInfo[],
): TaskFacts {
  const [height = 0, width = 0] = config.imgResize;
  const { scale: _, rotation: __, grayscale: ___, ...pipeline } = pipelineOf(config);
  const [first] = targets;
  return {
    task: name,
    model: config.model.toLowerCase(),
    modelOptions: options,
    inputShapes: Array.from({ length: config.inputImages }, () => [1, 3, height, width]),
    classes: first !== undefined && datasets.isClasses(first) ? first.classes : [],
    preprocessing: {
      kind: 'dense',
      tasks: kindsOf(config),
      dataset: config.dataset,
      secondInput: config.secondInput,
      ...(JSON.parse(JSON.stringify(pipeline)) as Record<string, Json>),
      ...(JSON.parse(JSON.stringify({ targets })) as Record<string, Json>),
    },
  };
}

export interface DenseFacts {
  /** The data set that the network was trained on. */
  readonly dataset: string;
  /** Of the network's input. */
  readonly size: transforms.Size;
  /** Images that the network sees: 2 adds the one before. */
  readonly images: number;
  /** What the second of them is. */
  readonly secondInput: datasets.SecondInput;
  /** What each output of the network is. */
  readonly targets: readonly datasets.TargetInfo[];
  readonly transform: transforms.DenseTransform;
}

/** Null for checkpoints of other tasks. */
export function denseFactsOf(facts: TaskFacts | null): DenseFacts | null {
  const parsed = preprocessing.safeParse(facts?.preprocessing);
  if (facts === null || !parsed.success) return null;
  const { dataset, secondInput, size, targets, backend, mean, imageScale, reverseChannels } = parsed.data;
  return {
    dataset,
    size,
    images: facts.inputShapes.length,
    secondInput,
    targets,
    transform: transforms.denseEvaluationTransform({ size, mean, imageScale, reverseChannels, backend }),
  };
}
