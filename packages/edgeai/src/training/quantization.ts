/** @file Quantisation-aware training as part of a run: quantisers go into the task's network, and a schedule and a teacher beside it. */

import { quantization as q } from '@edgeai/modelopt';
import { dispose, type nn, noGrad, scope, Tensor } from '@edgeai/torch';

import { quantizationOption } from '../models/quantized.ts';
import type { TrainingConfig } from '../recipes/training-options.ts';
import type { RunLogger } from '../runs/logger.ts';
import { QuantizedTask } from './quantized-task.ts';
import type { Placement, StepResult, Task } from './task.ts';

type Network = q.QuantizedModel<unknown[], unknown>;

/** The task to train, and what belongs to it where its network is quantised. */
export interface Prepared<Batch, Output> {
  readonly task: Task<Batch, Output>;
  readonly quantization: TrainingQuantization | null;
}

export interface PrepareOptions {
  readonly placement: Placement;
  /** Find the first ranges on training data; otherwise they come with a state. */
  readonly calibrate: boolean;
  readonly logger: Pick<RunLogger, 'info'>;
}

/** Gives the task a quantised network where the settings ask for one; otherwise returns it as it is. The network is in its place already. */
export async function prepareTraining<Batch, Output>(
  task: Task<Batch, Output>,
  config: TrainingConfig,
  { placement, calibrate, logger }: PrepareOptions,
): Promise<Prepared<Batch, Output>> {
  const scheme = quantizationConfig(config);
  if (scheme === null) return { task, quantization: null };
  const samples = await task.samples(1);
  const network = scope(() => {
    const inputs = (samples[0] ?? []).map((sample) => sample.to({ device: placement.device }));
    return q.prepareQuantization(task.model as nn.Module<unknown[], unknown>, inputs, scheme);
  });
  dispose(samples);
  // One scale for a tensor whose channels differ in size by orders of magnitude would begin with most of them rounded to zero.
  const uneven = q.resolveConfig(scheme).qconfig.weight.granularity === 'tensor';
  if (calibrate && uneven) logger.info(`channels evened out between ${q.equalizeLayers(network)} pairs of layers`);
  const { facts } = task;
  const option = quantizationOption(scheme, facts.inputShapes);
  const quantized = new QuantizedTask(task, network as nn.AnyModule, {
    ...facts,
    modelOptions: { ...facts.modelOptions, quantization: option },
  });
  task.model.dispose();
  const kinds = [network.quantizers('weight').size, network.quantizers('activation').size];
  logger.info(`quantised for ${config.quantization}: ${kinds[0]} weights and ${kinds[1]} results of layers`);
  if (calibrate) {
    const batches = await findRanges(quantized, network, placement, config.quantizationCalibrationBatches);
    logger.info(`calibrated on ${batches} batches`);
  }
  return { task: quantized, quantization: new TrainingQuantization(network, config) };
}

/** What the settings ask for; null for a float network. */
export function quantizationConfig(config: TrainingConfig): q.QuantizationConfig | null {
  const { quantization: target, quantizationType: qconfig, quantizationMethod: method } = config;
  if (target === null) return null;
  return {
    target,
    ...(qconfig === null ? {} : { qconfig }),
    // The range of every batch without its outermost values, averaged: what the original trains with.
    ...(method === 'ema' ? { observer: { kind: 'histogram-shrink' } } : {}),
    ...(method === 'ema' || method === 'fixed' ? {} : { ranges: method }),
  };
}

/** Runs the float network on batches while quantisers watch. @returns how many batches there were */
async function findRanges<Batch, Output>(
  task: Task<Batch, Output>,
  network: Network,
  placement: Placement,
  limit: number,
): Promise<number> {
  network.eval();
  network.setQuantizers({ observing: true, quantizing: false });
  let done = 0;
  for await (const batch of task.training) {
    scope(() => noGrad(() => task.step(task.model, task.place(batch, placement))));
    // Weights are the same for every batch.
    if (done === 0) network.setQuantizers({ observing: false }, 'weight');
    if (++done >= limit) break;
  }
  network.setQuantizers({ observing: false, quantizing: true });
  return done;
}

/** What a run needs of its quantised network beside the network itself. Nothing of it is in checkpoints: the settings make it anew. */
export class TrainingQuantization {
  readonly network: Network;
  readonly schedule: q.QuantizationSchedule<unknown[], unknown>;
  readonly distillation: q.Distillation<unknown[], unknown> | null;
  readonly #share: number;

  /** Takes a network with the weights that training begins with: as a float network it is the teacher. */
  constructor(network: Network, config: TrainingConfig) {
    this.network = network;
    const fixed = config.quantizationMethod === 'fixed';
    this.schedule = new q.QuantizationSchedule(network, {
      normEpochs: config.quantizationNormEpochs,
      rangeEpochs: fixed ? 0 : config.quantizationRangeEpochs,
    });
    this.#share = config.distill;
    const features = config.distillFeatures?.split(',').map((pattern) => pattern.trim()) ?? [];
    this.distillation =
      config.distill === 0 && features.length === 0
        ? null
        : new q.Distillation(network, {
            weight: config.distill,
            temperature: config.distillTemperature,
            features,
            featureWeight: config.distillFeatureWeight,
          });
  }

  /** Parameters of ranges, for the optimiser; null where there are none. */
  parameterGroup(config: TrainingConfig): { params: Tensor[]; lr: number; weightDecay: number } | null {
    const { quantizationMethod: method, quantizationLr, lr, weightDecay } = config;
    const params = Array.from(this.network.quantizers().values(), (quantizer) => quantizer.parameters())
      .flat()
      .filter((parameter) => parameter.requiresGrad);
    if (params.length === 0) return null;
    // Steps of normalised gradients are as large as the learning rate: 0.01 is the paper's. Decay is part of PACT and of no other.
    const own = quantizationLr ?? (method === 'tqt' ? 0.01 : lr);
    return { params, lr: own, weightDecay: method === 'pact' ? weightDecay : 0 };
  }

  /** Runs a step of training; the teacher's share of the loss comes in the place of as much of the labels'. */
  step<Output>(run: (model: nn.AnyModule) => StepResult<Output>): StepResult<Output> {
    const { distillation, network } = this;
    if (distillation === null) return run(network as nn.AnyModule);
    const { result, loss } = distillation.run(
      (model) => run(model as nn.AnyModule),
      ({ output }) => tensorsOf(output),
    );
    return { output: result.output, loss: result.loss.mul(1 - this.#share).add(loss) };
  }

  /** Gives an average of the network's weights its ranges. */
  align(average: nn.AnyModule): void {
    // The average is a copy of the network, so it is of its class.
    q.copyQuantizers(this.network, average as unknown as Network);
  }
}

function tensorsOf(output: unknown): Tensor[] {
  if (output instanceof Tensor) return [output];
  if (Array.isArray(output)) return output.flatMap(tensorsOf);
  return typeof output === 'object' && output !== null ? Object.values(output).flatMap(tensorsOf) : [];
}
