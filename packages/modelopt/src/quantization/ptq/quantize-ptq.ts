/** @file Post-training quantisation: from a float network and unlabelled batches to a quantised network, in steps that can be switched. */

import { ArgumentError, dispose, type nn, noGrad, scope, type Tensor } from '@edgeai/torch';
import { type QuantizationConfig, resolveConfig } from '../config.ts';
import { prepareQuantization } from '../prepare.ts';
import type { QuantizedLayer } from '../quantized-layer.ts';
import type { QuantizedModel } from '../quantized-model.ts';
import { type AdaRoundOptions, type AdaRoundReport, adaRound } from './adaround.ts';
import { type BalanceOptions, type BalanceReport, balanceChannels } from './balance.ts';
import type { CalibrationData, ProgressCallback } from './batches.ts';
import {
  type BiasCalibrationOptions,
  calibrateBiases,
  correctBiases,
  correctBiasesAnalytically,
  type LayerStatistics,
} from './bias-correction.ts';
import { calibrate } from './calibrate.ts';
import { absorbHighBiases, equalizeLayers } from './equalize.ts';
import { FloatState } from './float-state.ts';
import { correctDeviations } from './reestimate.ts';

export interface PTQOptions {
  /** Schemes, target, overrides. Batch norms are folded whatever it says. */
  config?: QuantizationConfig;
  /** Cross-layer equalisation. Default: where weights have one scale a tensor. */
  equalize?: boolean;
  /** Equalisation by noise, of weights and results together. Default: `true`. */
  balance?: boolean | BalanceOptions;
  /** Absorption of high biases. Default: with equalisation. */
  absorbBiases?: boolean;
  /**
   * Scales of weights with the least squared error rather than from each channel's extremes, where schemes per channel leave it at
   * min-max. Training keeps to min-max, which is fast. Default: `true` unless the config names a `qconfig`.
   */
  fitWeights?: boolean;
  /** Learned rounding of weights. Default: where weights have less than 8 bits or power-of-two scales. */
  adaRound?: boolean | AdaRoundOptions;
  /** How biases are corrected; `calibration` is the iterative form of TI's toolkit. Default `empirical`. */
  biasCorrection?: 'empirical' | 'analytic' | 'calibration' | false;
  /** For `biasCorrection: 'calibration'`. */
  biasCalibration?: BiasCalibrationOptions;
  /** Give channels the standard deviation of the float network; per-channel scales only. Default `false`. */
  correctDeviations?: boolean;
  /** Forward's arguments for the capture. Default: the first batch. */
  exampleInputs?: readonly unknown[];
  progress?: ProgressCallback;
}

/** A quantised network and what was done. */
export interface PTQResult<Args extends unknown[], Out> {
  /** In evaluation mode, rounding, not observing. */
  readonly model: QuantizedModel<Args, Out>;
  /** Steps in their order. */
  readonly steps: readonly string[];
  readonly adaRound: readonly AdaRoundReport[];
  /** `null` where channels were not balanced. */
  readonly balance: BalanceReport | null;
}

/**
 * Quantises a trained network without training.
 *
 * ```ts
 * const { model } = await quantizePTQ(net, loader, { config: { target: 'tidl' } });
 * ```
 *
 * @param data a few hundred unlabelled samples in batches, read once for each step
 */
export async function quantizePTQ<Args extends unknown[] = [Tensor], Out = Tensor>(
  net: nn.Module<Args, Out>,
  data: CalibrationData,
  options: PTQOptions = {},
): Promise<PTQResult<Args, Out>> {
  const { progress } = options;
  const plan = planOf(options);
  const config = { ...options.config, foldBatchNorm: false };
  const example = options.exampleInputs === undefined ? await firstInputs(data) : undefined;
  const model = prepareQuantization(net, options.exampleInputs ?? example ?? [], config);
  dispose(example);
  const steps: string[] = [];
  const step = async (name: string, run: () => unknown): Promise<void> => {
    await run();
    steps.push(name);
  };
  model.eval();
  const statistics =
    plan.biasCorrection === 'analytic' ? normStatistics(model) : new Map<QuantizedLayer, LayerStatistics>();
  await step('fold-batch-norm', () => model.foldNorms());
  if (plan.equalize) await step('equalize', () => equalizeLayers(model, statistics));
  let balance: BalanceReport | null = null;
  const { balance: balanced } = plan;
  if (balanced !== undefined)
    await step('balance', async () => {
      balance = await balanceChannels(model, data, balanced, statistics, progress);
    });
  if (plan.absorb) await step('absorb-biases', () => absorbHighBiases(model, data, undefined, progress));
  await step('calibrate', async () => {
    await calibrate(model, data, progress);
    if (options.fitWeights ?? options.config?.qconfig === undefined) fitWeights(model);
  });
  const floats = new FloatState(model);
  let reports: readonly AdaRoundReport[] = [];
  try {
    if (plan.adaRound !== undefined) {
      const adaptive = { centred: plan.biasCorrection !== false, ...plan.adaRound };
      await step('adaround', async () => {
        reports = await adaRound(model, data, adaptive, progress);
      });
    }
    if (plan.deviations)
      await step('correct-deviations', () => correctDeviations(model, data, floats.asFloat, progress));
    switch (plan.biasCorrection) {
      case 'empirical':
        await step('bias-correction', () => correctBiases(model, data, floats.asFloat, progress));
        break;
      case 'analytic':
        await step('bias-correction', () =>
          correctBiasesAnalytically(model, statistics, (layer) => floats.weightOf(layer)),
        );
        break;
      case 'calibration':
        await step('bias-calibration', () =>
          calibrateBiases(model, data, floats.asFloat, options.biasCalibration, progress),
        );
        break;
    }
  } finally {
    floats.dispose();
    dispose([...statistics.values()].flatMap(({ mean, deviation }) => [mean, deviation]));
  }
  return { model, steps, adaRound: reports, balance };
}

function fitWeights<Args extends unknown[], Out>(model: QuantizedModel<Args, Out>): void {
  for (const { weight, weight_fake_quant: quantizer } of model.quantizedLayers().values()) {
    if (quantizer === null || quantizer.observer === null) continue;
    const { granularity, observer } = quantizer.scheme;
    if (granularity === 'channel' && observer.kind === 'min-max') quantizer.fitRange(weight);
  }
}

function planOf(options: PTQOptions) {
  const { weight } = resolveConfig(options.config ?? {}).qconfig;
  const equalize = options.equalize ?? weight.granularity === 'tensor';
  const wanted = options.adaRound ?? (weight.bits < 8 || weight.powerOfTwo);
  const balance = options.balance ?? true;
  return {
    equalize,
    balance: balance === false ? undefined : balance === true ? {} : balance,
    absorb: options.absorbBiases ?? equalize,
    adaRound: wanted === false ? undefined : wanted === true ? {} : wanted,
    biasCorrection: options.biasCorrection ?? ('empirical' as const),
    deviations: options.correctDeviations ?? false,
  };
}

async function firstInputs(data: CalibrationData): Promise<readonly unknown[]> {
  for await (const batch of typeof data === 'function' ? data() : data) {
    const values = Array.isArray(batch) ? (batch as readonly unknown[]) : [batch];
    // The batch may be released when the next one is asked for.
    return values.map((value) =>
      typeof value === 'object' && value !== null && 'detach' in value
        ? noGrad(() => scope(() => (value as Tensor).narrow(0, 0, 1).clone()))
        : value,
    );
  }
  throw new ArgumentError('data', 'Expected at least one calibration batch, found none');
}

/** Mean and deviation of each layer's results as its batch norm says. The caller disposes them. */
function normStatistics<Args extends unknown[], Out>(
  model: QuantizedModel<Args, Out>,
): Map<QuantizedLayer, LayerStatistics> {
  const result = new Map<QuantizedLayer, LayerStatistics>();
  noGrad(() => {
    for (const layer of model.quantizedLayers().values()) {
      const { norm } = layer;
      if (norm === undefined || norm.weight === null || norm.bias === null) continue;
      result.set(layer, { mean: norm.bias.detach().clone(), deviation: norm.weight.detach().abs() });
    }
  });
  return result;
}
