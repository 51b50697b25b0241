/**
 * @file Corrections of biases for what rounding does to the mean of each channel.
 *
 * - empirical: the float and the quantised network run on the same data; each layer's mean is brought back in the order of execution
 *   (Nagel et al., 2019, arXiv:1906.04721, §4.2 with data)
 * - analytic: without data, from the batch norms' statistics and the clipped normal distribution (same paper, Appendix C)
 * - calibration: the iterative form of TI's toolkit, a fraction of the difference after every batch
 */

import { fromTypedArray, fx, noGrad, scope, type Tensor, zeros } from '@edgeai/torch';
import { FakeQuantize } from '../fake-quantize.ts';
import { operatorRule } from '../operators.ts';
import { QuantizedLayer } from '../quantized-layer.ts';
import type { QuantizedModel } from '../quantized-model.ts';
import { type CalibrationData, forEachBatch, type ProgressCallback } from './batches.ts';
import { otherAxes, response } from './equalize.ts';

/** Runs `fn` as the float network. */
export type AsFloat = <T>(fn: () => T) => T;

/**
 * Brings the mean of each channel of each layer back to what it is in the float network. While a batch runs, a layer's result is
 * corrected before the next layer sees it, so every layer accounts for its own error and what earlier ones left; the biases get the
 * average over all batches.
 */
export async function correctBiases<Args extends unknown[], Out>(
  model: QuantizedModel<Args, Out>,
  data: CalibrationData,
  asFloat: AsFloat,
  progress?: ProgressCallback,
): Promise<void> {
  const layers = [...model.quantizedLayers().values()];
  const shifts = new Map(layers.map((layer) => [layer, zeros([layer.outputs])]));
  const calls = new Map<QuantizedLayer, number>();
  try {
    const batches = await forEachBatch(model, data, (inputs, index) => {
      const means = asFloat(() => channelMeans(model, layers, inputs));
      const seen = new Map<QuantizedLayer, number>();
      const hooks = layers.map((layer) =>
        layer.registerForwardHook((_, __, output) => {
          const result = output as Tensor;
          const axis = layer.channelAxis(result);
          const call = seen.get(layer) ?? 0;
          seen.set(layer, call + 1);
          const expected = means.get(layer)?.[call];
          if (expected === undefined) return undefined;
          const shift = onDevice(expected, result).sub(result.mean(otherAxes(result, axis)));
          shifts.get(layer)?.add_(shift);
          return result.add(shift.reshape(result.shape.map((_size, i) => (i === axis ? -1 : 1))));
        }),
      );
      try {
        model(...inputs);
      } finally {
        for (const remove of hooks) remove();
      }
      for (const [layer, count] of seen) calls.set(layer, (calls.get(layer) ?? 0) + count);
      progress?.({ step: 'bias-correction', done: index + 1 });
    });
    if (batches > 0)
      for (const [layer, shift] of shifts) {
        const count = calls.get(layer) ?? 0;
        if (count > 0) scope(() => layer.addToBias(shift.div(count)));
      }
  } finally {
    for (const shift of shifts.values()) shift.dispose();
  }
}

/** Means of the channels of each layer's result, for each of its calls. */
function channelMeans<Args extends unknown[], Out>(
  model: QuantizedModel<Args, Out>,
  layers: readonly QuantizedLayer[],
  inputs: Args,
): Map<QuantizedLayer, Float32Array[]> {
  const means = new Map<QuantizedLayer, Float32Array[]>();
  const hooks = layers.map((layer) =>
    layer.registerForwardHook((_, __, output) => {
      const result = output as Tensor;
      const found = means.get(layer) ?? [];
      means.set(layer, found);
      found.push(
        result
          .mean(otherAxes(result, layer.channelAxis(result)))
          .float()
          .toTypedArray() as Float32Array,
      );
      return undefined;
    }),
  );
  try {
    scope(() => {
      model(...inputs);
    });
  } finally {
    for (const remove of hooks) remove();
  }
  return means;
}

function onDevice(values: Float32Array, like: Tensor): Tensor {
  return fromTypedArray(values, [values.length]).to({ device: like.device });
}

/** What is known of a layer's results without data: mean and standard deviation of each channel, from its batch norm. */
export interface LayerStatistics {
  readonly mean: Tensor;
  readonly deviation: Tensor;
}

/**
 * Corrects biases for the rounding of weights without any data: Δb = −(Ŵ − W) · E[x], where x comes from a layer with known statistics,
 * perhaps through a ReLU. Layers whose input comes from elsewhere stay as they are.
 *
 * @param floatWeight the weight before it was rounded for good; default: the layer's own
 * @returns how many layers were corrected
 */
export function correctBiasesAnalytically<Args extends unknown[], Out>(
  model: QuantizedModel<Args, Out>,
  statistics: ReadonlyMap<QuantizedLayer, LayerStatistics>,
  floatWeight: (layer: QuantizedLayer) => Tensor | undefined = () => undefined,
): number {
  const moduleOf = (path: string) => model.getSubmodule(path);
  let corrected = 0;
  noGrad(() =>
    scope(() => {
      for (const node of model.graph.nodes) {
        if (node.kind !== 'module') continue;
        const layer = moduleOf(node.target);
        if (!(layer instanceof QuantizedLayer) || layer.weight_fake_quant === null || layer.outputAxis !== 0) continue;
        const expected = expectedInput(node, moduleOf, statistics);
        if (expected === undefined) continue;
        const error = layer.weight_fake_quant(layer.weight).sub(floatWeight(layer) ?? layer.weight);
        layer.addToBias(response(layer, expected, error).neg());
        corrected++;
      }
    }),
  );
  return corrected;
}

/** E[x] of each channel of a layer's input. */
function expectedInput(
  node: fx.Node,
  moduleOf: (path: string) => ReturnType<QuantizedModel['getSubmodule']>,
  statistics: ReadonlyMap<QuantizedLayer, LayerStatistics>,
): Tensor | undefined {
  let relu = false;
  let [at] = fx.inputsOf(node);
  while (at !== undefined) {
    if (at.kind === 'module') {
      const module = moduleOf(at.target);
      if (module instanceof QuantizedLayer) {
        const found = statistics.get(module);
        if (found === undefined) return undefined;
        return relu ? meanOfRectified(found) : found.mean;
      }
      if (!(module instanceof FakeQuantize)) {
        const name = operatorRule(at, moduleOf)?.name;
        if (name !== 'relu' && name !== 'identity') return undefined;
        relu ||= name === 'relu';
      }
    } else if (at.kind === 'call' && operatorRule(at, moduleOf)?.name === 'relu') relu = true;
    else return undefined;
    [at] = fx.inputsOf(at);
  }
  return undefined;
}

/** E[max(x, 0)] of a normal distribution: σ · φ(μ/σ) + μ · Φ(μ/σ). */
export function meanOfRectified({ mean, deviation }: LayerStatistics): Tensor {
  const ratio = mean.div(deviation.clamp({ min: 1e-12 }));
  const density = ratio
    .square()
    .mul(-0.5)
    .exp()
    .mul(1 / Math.sqrt(2 * Math.PI));
  const probability = ratio.mul(Math.SQRT1_2).erf().add(1).mul(0.5);
  return deviation.mul(density).add(mean.mul(probability));
}

export interface BiasCalibrationOptions {
  /** Share of the difference that goes into the bias after a batch. Default 0.05. */
  factor?: number;
  /** Passes over the data; the factor halves after each. Default 1. */
  epochs?: number;
  /**
   * `float` compares with the float network; `local` only with the value before its own rounding, as the second generation of TI's
   * toolkit does. Default `float`.
   */
  against?: 'float' | 'local';
}

/** The iterative bias calibration of TI's toolkit: after every batch, bias += factor · (mean in the float network − mean now). */
export async function calibrateBiases<Args extends unknown[], Out>(
  model: QuantizedModel<Args, Out>,
  data: CalibrationData,
  asFloat: AsFloat,
  { factor = 0.05, epochs = 1, against = 'float' }: BiasCalibrationOptions = {},
  progress?: ProgressCallback,
): Promise<void> {
  const layers = [...model.quantizedLayers().values()];
  for (let epoch = 0; epoch < epochs; epoch++) {
    const share = factor * 0.5 ** epoch;
    await forEachBatch(model, data, (inputs, index) => {
      if (against === 'float') {
        const expected = asFloat(() => channelMeans(model, layers, inputs));
        const actual = channelMeans(model, layers, inputs);
        for (const layer of layers) {
          const [wanted] = expected.get(layer) ?? [];
          const [found] = actual.get(layer) ?? [];
          if (wanted === undefined || found === undefined) continue;
          const shift = wanted.map((value, channel) => (value - (found[channel] ?? 0)) * share);
          layer.addToBias(onDevice(shift, layer.weight));
        }
      } else correctLocally(model, inputs, share);
      progress?.({ step: 'bias-calibration', done: index + 1 });
    });
  }
}

/** bias += share · mean(x − x rounded) at the quantiser that follows a layer. */
function correctLocally<Args extends unknown[], Out>(
  model: QuantizedModel<Args, Out>,
  inputs: Args,
  share: number,
): void {
  let last: QuantizedLayer | undefined;
  const hooks = model.modules().flatMap((module) => {
    if (module instanceof QuantizedLayer) {
      return [
        module.registerForwardHook(() => {
          last = module;
          return undefined;
        }),
      ];
    }
    if (!(module instanceof FakeQuantize) || module.role !== 'activation') return [];
    return [
      module.registerForwardHook((_, args, output) => {
        const before = args[0] as Tensor;
        const after = output as Tensor;
        const layer = last;
        last = undefined;
        if (layer === undefined) return undefined;
        const axis = layer.channelAxis(after);
        if (after.shape[axis] === layer.outputs)
          layer.addToBias(before.sub(after).mean(otherAxes(after, axis)).mul(share));
        return undefined;
      }),
    ];
  });
  try {
    model(...inputs);
  } finally {
    for (const remove of hooks) remove();
  }
}
