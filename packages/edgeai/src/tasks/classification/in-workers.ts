/** @file The parts of data loading that worker threads make for themselves, from the settings alone. */

import { availableParallelism } from 'node:os';
import { data } from '@edgeai/torch';

import type { ClassificationConfig } from '../../recipes/classification-options.ts';
import { openFashionMnist } from './fashion-mnist.ts';
import { collate, trainCollate } from './mix.ts';
import { evaluationTransform, trainTransform } from './transforms.ts';

const here = import.meta.url;

/** {@link trainTransform}. */
export const trainTransformInWorkers: typeof trainTransform = data.portableFactory(
  here,
  'trainTransformInWorkers',
)(trainTransform);

/** {@link evaluationTransform}. */
export const evaluationTransformInWorkers: typeof evaluationTransform = data.portableFactory(
  here,
  'evaluationTransformInWorkers',
)(evaluationTransform);

/** {@link trainCollate}. */
export const trainCollateInWorkers: typeof trainCollate = data.portableFactory(
  here,
  'trainCollateInWorkers',
)(trainCollate);

/** {@link collate}. */
export const collateInWorkers: typeof collate = data.portable(here, 'collateInWorkers')(collate);

/** {@link openFashionMnist}. */
export const openFashionMnistInWorkers: typeof openFashionMnist = data.portableFactory(
  here,
  'openFashionMnistInWorkers',
)(openFashionMnist);

/** More threads than this would wait for each other rather than for images. */
const MOST_WORKERS = 8;

/** The number of worker threads that the settings ask for; without a number, as many as pay on this machine. */
export function workersOf({ workers }: Pick<ClassificationConfig, 'workers'>): number {
  if (workers !== null) return workers;
  const cores = availableParallelism();
  // On two cores, threads that load would only take turns with those that train.
  return cores <= 2 ? 0 : Math.min(cores >> 1, MOST_WORKERS);
}

/** How the loaders of a task work: with the same numbers for any number of workers. */
export function loaderOptions(
  config: Pick<ClassificationConfig, 'workers' | 'batchSize' | 'device'>,
): Pick<data.DataLoaderOptions<never>, 'batchSize' | 'workers' | 'persistentWorkers' | 'seeding' | 'pinMemory'> {
  return {
    batchSize: config.batchSize,
    workers: workersOf(config),
    persistentWorkers: true,
    seeding: 'batch',
    pinMemory: config.device.startsWith('cuda'),
  };
}
