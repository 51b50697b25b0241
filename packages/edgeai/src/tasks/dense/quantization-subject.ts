/** @file A network over maps as quantisation sees it: samples to calibrate with and to measure on, and the figures of its tasks. */

import { existsSync } from 'node:fs';
import { data, scope } from '@edgeai/torch';
import type { datasets } from '@edgeai/xvision';

import { type QuantizationSubject, type SubjectOptions, shareOut } from '../../quantization/subject.ts';
import type { DenseConfig } from '../../recipes/dense-options.ts';
import type { TaskLog } from '../classification/build-model.ts';
import { loaderOf, openSamples } from './data.ts';
import { factsOf } from './facts.ts';
import { buildNetwork, networkOptions } from './network.ts';
import { DenseNetwork } from './task.ts';

/** Opens evaluation samples and network; the samples of the calibration are spread over all of them. */
export async function openDenseSubject(
  name: string,
  config: DenseConfig,
  options: SubjectOptions,
  log: TaskLog,
): Promise<QuantizationSubject<datasets.DenseBatch>> {
  const samples = openSamples(config, 'val');
  const modelOptions = networkOptions(config, samples.targets, true);
  const model = await buildNetwork(config, modelOptions, { exact: true, log });
  if (config.weights === null) log.warn('no --weights: an untrained network is quantised');
  model.eval();
  const network = new DenseNetwork(config, model, samples);
  const { chosen, unseen } = shareOut(samples.length, options);
  const loader = (indices: readonly number[]) => loaderOf(config, new data.Subset(samples, indices), false);
  const order = [...chosen, ...unseen];
  return {
    model,
    facts: factsOf(name, config, modelOptions, samples.targets),
    calibration: loader(chosen),
    calibrationImages: chosen.length,
    seen: loader(chosen),
    unseen: unseen.length === 0 ? null : loader(unseen),
    inputsOf: ({ images }) => images,
    meter() {
      const meter = network.meter();
      return {
        add(batch, outputs) {
          // What an auxiliary head adds comes last.
          const maps = outputs.slice(0, samples.targets.length);
          meter.add(
            batch,
            maps,
            scope(() => network.lossOf(model, maps, batch.targets).item()),
          );
        },
        figures: () => meter.figures(),
      };
    },
    fileOf(index) {
      const path = samples.describe(order[index] ?? 0);
      // Rendered samples have no file.
      return existsSync(path) ? path : null;
    },
  };
}
