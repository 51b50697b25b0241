/** @file Builds the network of a dense task for the maps of the data, and reads its outputs whatever family it is of. */

import { existsSync } from 'node:fs';
import { type nn, Tensor } from '@edgeai/torch';
import { datasets, models as xmodels } from '@edgeai/xvision';

import { UsageError } from '../../errors.ts';
import { models } from '../../models/all-models.ts';
import { buildModel } from '../../models/build-model.ts';
import { loadFitting } from '../../models/load-weights.ts';
import { fetchEntry } from '../../models/open-model.ts';
import { readWeights } from '../../models/read-weights.ts';
import { localFile } from '../../models/remote-file.ts';
import type { DenseConfig } from '../../recipes/dense-options.ts';
import type { Json } from '../../recipes/kinds.ts';
import type { TaskLog } from '../classification/build-model.ts';

/**
 * Constructor options that follow from the data. Throws a UsageError where the network cannot have them.
 *
 * @param rounded there will be quantisers in the network: its results are then scores, the last thing that has a range
 */
export function networkOptions(
  config: DenseConfig,
  targets: readonly datasets.TargetInfo[],
  rounded = false,
): Record<string, Json> {
  const info = models.getModelInfo(config.model);
  const channels = targets.map(channelsOf);
  if (!('outputChannels' in info.defaultOptions)) {
    if (info.task !== 'segmentation' || targets.length !== 1 || config.inputImages !== 1) {
      throw new UsageError(
        `--model: ${config.model} has one output of classes for one image; for other tasks choose one of ${xmodels.pixel2PixelNetworks.slice(0, 3).join(', ')} …`,
      );
    }
    return { ...config.modelOption, numClasses: config.modelOption.numClasses ?? channels[0] ?? 1 };
  }
  return {
    inputChannels: Array.from({ length: config.inputImages }, () => 3),
    outputChannels: channels,
    outputType: targets.map((target) => (datasets.isClasses(target) ? 'segmentation' : target.kind)),
    ...(targets.some((target) => target.kind === 'depth')
      ? { outputRange: targets.map((target) => (target.kind === 'depth' ? [0, 128] : null)) }
      : {}),
    ...(rounded ? { rawOutputs: true } : {}),
    ...config.modelOption,
  };
}

/** Of an output. */
function channelsOf(target: datasets.TargetInfo): number {
  if (datasets.isClasses(target)) return target.classes.length;
  return target.kind === 'flow' ? 2 : 1;
}

/**
 * Builds the network and loads weights: of the whole network, or of an encoder that was trained to classify. With `exact`, every
 * entry must fit.
 */
export async function buildNetwork(
  config: DenseConfig,
  options: Readonly<Record<string, Json>>,
  { exact, log }: { exact: boolean; log: TaskLog },
): Promise<nn.AnyModule> {
  const file = config.weights === null ? null : await weightsFile(config.weights, log);
  const model = buildModel(config.model, options);
  if (file === null) return model;
  if (exact) model.loadStateDict(readWeights(file, config.weightsStateDictName).state);
  else if (model instanceof xmodels.Pixel2PixelNet) {
    const rules = xmodels.pixel2PixelRenames(config.model.toLowerCase(), model);
    const { loaded, missing, unexpected, mismatched } = xmodels.loadWhatFits(model, file, rules);
    log.info(`${file}: ${loaded.length} of ${Object.keys(model.stateDict()).length} entries loaded`);
    const some = (keys: readonly string[]) => `${keys.slice(0, 3).join(', ')}${keys.length > 3 ? ' …' : ''}`;
    if (missing.length > 0) log.info(`begin anew: ${missing.length} entries (${some(missing)})`);
    if (mismatched.length > 0)
      log.warn(`of another shape, so they begin anew: ${some(mismatched.map(({ key }) => key))}`);
    if (unexpected.length > 0) log.info(`left out: ${unexpected.length} entries (${some(unexpected)})`);
  } else {
    for (const remark of loadFitting(model, readWeights(file, config.weightsStateDictName).state, file))
      log.warn(remark);
  }
  return model;
}

/** A file, an address, or the full name of a published entry, of this network or of another that has the same encoder. */
async function weightsFile(weights: string, log: TaskLog): Promise<string> {
  const say = (message: string) => log.info(message);
  if (/^\w+_Weights\.\w+$/.test(weights)) return fetchEntry(models.getWeight(weights), say);
  if (!/^https?:/.test(weights) && !existsSync(weights))
    throw new UsageError(
      `--weights: there is no file ${weights}; expected a file, an address, or an entry such as MobileNet_V2_Weights.IMAGENET1K_V1`,
    );
  return localFile(weights, say);
}

/** The maps of a network, one a task, and what an auxiliary head adds. */
export interface Maps {
  readonly maps: readonly Tensor[];
  readonly auxiliary: Tensor | null;
}

/** Runs a network such that it gives scores, in evaluation too. */
export function runNetwork(model: nn.AnyModule, images: readonly Tensor[]): Maps {
  if (model instanceof xmodels.Pixel2PixelNet) {
    const before = model.rawOutputs;
    model.rawOutputs = true;
    try {
      return { maps: model(...images), auxiliary: null };
    } finally {
      model.rawOutputs = before;
    }
  }
  const output: unknown = model(...images);
  if (output instanceof Tensor) return { maps: [output], auxiliary: null };
  // Of a captured network the class is gone, its results are as they were.
  if (Array.isArray(output)) return { maps: output as Tensor[], auxiliary: null };
  const { out, aux } = output as { out?: Tensor; aux?: Tensor };
  if (!(out instanceof Tensor)) throw new UsageError('--model: the network gives no map');
  return { maps: [out], auxiliary: aux ?? null };
}
