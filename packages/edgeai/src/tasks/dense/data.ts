/** @file Opens the samples that a recipe names, with the transforms of training and evaluation. */

import { data } from '@edgeai/torch';
import { datasets, transforms } from '@edgeai/xvision';

import type { DenseConfig } from '../../recipes/dense-options.ts';
import { workersOf } from '../classification/in-workers.ts';
import { CachedSource } from './cached-source.ts';
import { kindsOf } from './maps.ts';

/** The settings of the transforms, as kept in checkpoints. */
export function pipelineOf(config: DenseConfig): transforms.DensePipelineOptions {
  return {
    size: pair(config.imgResize),
    outputSize: config.outputSize === null ? null : pair(config.outputSize),
    scale: config.randScale === null ? null : pair(config.randScale),
    rotation: config.transformRotation,
    grayscale: config.probColorToGray,
    reverseChannels: config.inputChannelReverse,
    mean: config.imageMean,
    imageScale: config.imageScale,
    backend: config.backend,
  };
}

function pair(values: readonly number[]): [number, number] {
  return [values[0] ?? 0, values[1] ?? 0];
}

/** The samples of one split. */
export function openSamples(config: DenseConfig, split: datasets.Split): datasets.DenseDataset {
  const [train = 1, val = 1] = config.scenes;
  const options: datasets.DenseOpenOptions = {
    root: config.dataPath,
    split,
    tasks: kindsOf(config),
    images: config.inputImages === 2 ? 2 : 1,
    second: config.secondInput,
    flowFolder: config.flowFolder,
    scenes: { length: split === 'train' ? train : val, size: pair(config.sceneSize), seed: config.sceneSeed },
    maxDepth: config.maxDepth,
    annotationPrefix: config.annotationPrefix,
  };
  const pipeline = pipelineOf(config);
  const transform =
    split === 'train' ? transforms.denseTrainingTransform(pipeline) : transforms.denseEvaluationTransform(pipeline);
  const opened = datasets.openDense(config.dataset, options, transform);
  // Worker threads have memories of their own: samples that one of them keeps are of no use to the others.
  if (!config.cacheSamples || workersOf(config) > 0) return opened;
  return new datasets.DenseDataset(new CachedSource(opened.source), transform);
}

/** How batches are made. */
export function loaderOf(
  config: DenseConfig,
  samples: data.Dataset<transforms.DenseSample>,
  shuffle: boolean,
): data.DataLoader<transforms.DenseSample, datasets.DenseBatch> {
  return new data.DataLoader(samples, {
    batchSize: config.batchSize,
    workers: workersOf(config),
    persistentWorkers: true,
    seeding: 'batch',
    pinMemory: config.device.startsWith('cuda'),
    collateFn: datasets.collateDense,
    // A last batch of a single image would leave the batch norms of pooled features nothing to average over.
    ...(shuffle ? { shuffle: true, dropLast: samples.length >= config.batchSize } : {}),
  });
}
