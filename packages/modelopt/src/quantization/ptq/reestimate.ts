/**
 * @file Re-estimation of statistics under quantisation: batch norms that are still there get the means and variances of the rounded
 * network; layers with folded norms get their standard deviation back through their scales.
 */

import { fromTypedArray, nn, noGrad, scope, type Tensor } from '@edgeai/torch';
import type { QuantizedLayer } from '../quantized-layer.ts';
import type { QuantizedModel } from '../quantized-model.ts';
import { type CalibrationData, forEachBatch, type ProgressCallback } from './batches.ts';
import type { AsFloat } from './bias-correction.ts';
import { otherAxes } from './equalize.ts';

/**
 * Replaces running statistics of all batch norms by plain averages over the data, with rounding as it is set (Nagel et al.,
 * "Overcoming Oscillations in Quantization-Aware Training", 2022, arXiv:2203.11086).
 *
 * @returns the number of batch norms
 */
export async function reestimateBatchNorms<Args extends unknown[], Out>(
  model: QuantizedModel<Args, Out>,
  data: CalibrationData,
  progress?: ProgressCallback,
): Promise<number> {
  const norms = model
    .modules()
    .filter(
      (module): module is nn.BatchNorm2d =>
        module instanceof nn.BatchNorm1d || module instanceof nn.BatchNorm2d || module instanceof nn.BatchNorm3d,
    );
  const { training, normsFrozen } = model;
  const momenta = norms.map(({ momentum }) => momentum);
  model.freezeNorms(false).eval();
  for (const norm of norms) {
    norm.resetRunningStats();
    // The plain average of all batches.
    norm.momentum = null;
    norm.training = true;
  }
  try {
    await forEachBatch(model, data, (inputs, index) => {
      model.withQuantizers({ observing: false }, 'all', () => model(...inputs));
      progress?.({ step: 'reestimate', done: index + 1 });
    });
  } finally {
    norms.forEach((norm, i) => {
      norm.momentum = momenta[i] ?? null;
    });
    model.train(training).freezeNorms(normsFrozen);
  }
  return norms.length;
}

/** A channel's gain is not changed by more than this factor. */
const LARGEST_CHANGE = 1.25;

/**
 * Scales each channel so that its standard deviation is that of the float network. Scale and weight change by the same factor, so the
 * integers stay. Only layers with a scale for each output channel can do that; powers of two cannot.
 *
 * @returns the number of layers
 */
export async function correctDeviations<Args extends unknown[], Out>(
  model: QuantizedModel<Args, Out>,
  data: CalibrationData,
  asFloat: AsFloat,
  progress?: ProgressCallback,
): Promise<number> {
  const layers = [...model.quantizedLayers().values()].filter(
    ({ weight_fake_quant: q, outputAxis, outputs }) =>
      q !== null && outputAxis === 0 && q.scale.numel() === outputs && !q.scheme.powerOfTwo,
  );
  if (layers.length === 0) return 0;
  const wanted = new Map<QuantizedLayer, Float64Array>();
  const found = new Map<QuantizedLayer, Float64Array>();
  await forEachBatch(model, data, (inputs, index) => {
    asFloat(() => addVariances(model, layers, inputs, wanted));
    addVariances(model, layers, inputs, found);
    progress?.({ step: 'reestimate', done: index + 1 });
  });
  noGrad(() => {
    for (const layer of layers) {
      const target = wanted.get(layer);
      const now = found.get(layer);
      const quantizer = layer.weight_fake_quant;
      if (target === undefined || now === undefined || quantizer === null) continue;
      const factor = fromTypedArray(
        Float32Array.from(target, (value, i) => {
          const ratio = Math.sqrt(value / Math.max(now[i] ?? 0, 1e-20));
          return value > 0 && Number.isFinite(ratio)
            ? Math.min(Math.max(ratio, 1 / LARGEST_CHANGE), LARGEST_CHANGE)
            : 1;
        }),
        [layer.outputs],
      );
      scope(() => {
        layer.weight.mul_(factor.reshape([-1, ...layer.weight.shape.slice(1).map(() => 1)]));
        quantizer.setParameters({ scale: quantizer.scale.mul(factor), zeroPoint: quantizer.zero_point });
      });
      factor.dispose();
    }
  });
  return layers.length;
}

function addVariances<Args extends unknown[], Out>(
  model: QuantizedModel<Args, Out>,
  layers: readonly QuantizedLayer[],
  inputs: Args,
  into: Map<QuantizedLayer, Float64Array>,
): void {
  const hooks = layers.map((layer) =>
    layer.registerForwardHook((_, __, output) => {
      const result = output as Tensor;
      const variance = result.var(otherAxes(result, layer.channelAxis(result)), { correction: 0 }).toTypedArray();
      const sum = into.get(layer) ?? new Float64Array(variance.length);
      into.set(
        layer,
        sum.map((value, i) => value + Number(variance[i])),
      );
      return undefined;
    }),
  );
  try {
    model(...inputs);
  } finally {
    for (const remove of hooks) remove();
  }
}
