/** @file How much each layer's rounding costs the network's results: one layer at a time, or all but one. */

import { keep, noGrad, scope, Tensor } from '@edgeai/torch';
import { type CalibrationData, forEachBatch, type ProgressCallback } from '../ptq/batches.ts';
import type { QuantizedModel } from '../quantized-model.ts';
import { type AnalysedLayer, analysedLayers } from './layers.ts';
import { decibels, energy, oneOf, sizeOf } from './noise.ts';

/** Signal-to-noise ratios of the network's results against the float network, in dB. */
export interface LayerSensitivity {
  readonly name: string;
  readonly operation: string;
  readonly node: string;
  /** Only this layer is rounded. */
  readonly alone: number;
  /** Everything but this layer is rounded. */
  readonly without: number;
}

export interface Sensitivity {
  /** All layers are rounded. */
  readonly all: number;
  readonly layers: readonly LayerSensitivity[];
}

export interface SensitivityOptions {
  /** How many images to look at. Each costs two runs a layer. Default 4. */
  images?: number;
  progress?: ProgressCallback;
}

/**
 * Rounds one layer at a time, and all but one.
 *
 * @param model whose weights have not been changed to make up for rounding, so that without it, it is the float network
 */
export async function measureSensitivity<Args extends unknown[], Out>(
  model: QuantizedModel<Args, Out>,
  data: CalibrationData,
  { images = 4, progress }: SensitivityOptions = {},
): Promise<Sensitivity> {
  const layers = analysedLayers(model);
  const samples = await floatResults(model, data, images);
  try {
    const all = resultRatio(model, samples);
    const found = layers.map((layer, i) => {
      const { name, operation, node } = layer;
      const alone = model.asFloat(() => withLayer(layer, true, () => resultRatio(model, samples)));
      const without = withLayer(layer, false, () => resultRatio(model, samples));
      progress?.({ step: 'sensitivity', done: i + 1, total: layers.length, layer: name });
      return { name, operation, node, alone, without };
    });
    return { all, layers: found };
  } finally {
    samples.dispose();
  }
}

/** Inputs of single images with the float network's results. */
export interface FloatSamples<Args extends unknown[]> {
  readonly inputs: readonly Args[];
  readonly results: readonly (readonly Tensor[])[];
  dispose(): void;
}

/** Runs the float network. @param images how many at most */
export async function floatResults<Args extends unknown[], Out>(
  model: QuantizedModel<Args, Out>,
  data: CalibrationData,
  images: number,
): Promise<FloatSamples<Args>> {
  const inputs: Args[] = [];
  const results: Tensor[][] = [];
  await forEachBatch(model, data, (batch) => {
    const size = sizeOf(batch);
    for (let i = 0; i < size && inputs.length < images; i++) {
      const one = oneOf(batch, i).map((value) => (value instanceof Tensor ? keep(value.clone()) : value)) as Args;
      inputs.push(one);
      results.push(scope(() => tensorsIn(model.asFloat(() => model(...one))).map((tensor) => keep(tensor.clone()))));
    }
  });
  return {
    inputs,
    results,
    dispose() {
      for (const value of [...inputs, ...results].flat()) if (value instanceof Tensor) value.dispose();
    },
  };
}

/** Ratio of the results as the network is set now. */
export function resultRatio<Args extends unknown[], Out>(
  model: QuantizedModel<Args, Out>,
  samples: FloatSamples<Args>,
): number {
  const { signal, noise } = resultNoise(model, samples);
  return decibels(signal, noise);
}

/** Energy of the float network's results, and of the differences from them. */
export function resultNoise<Args extends unknown[], Out>(
  model: QuantizedModel<Args, Out>,
  { inputs, results }: FloatSamples<Args>,
): { signal: number; noise: number } {
  let signal = 0;
  let noise = 0;
  inputs.forEach((input, i) => {
    scope(() => {
      tensorsIn(noGrad(() => model(...input))).forEach((found, k) => {
        const exact = results[i]?.[k];
        if (exact === undefined) return;
        signal += energy(exact);
        noise += energy(found.sub(exact));
      });
    });
  });
  return { signal, noise };
}

function withLayer<T>({ weight, activation }: AnalysedLayer, quantizing: boolean, fn: () => T): T {
  const quantizers = [weight, activation].filter((value) => value !== null);
  const before = quantizers.map((quantizer) => quantizer.quantizing);
  for (const quantizer of quantizers) quantizer.quantizing = quantizing;
  try {
    return fn();
  } finally {
    quantizers.forEach((quantizer, i) => {
      quantizer.quantizing = before[i] ?? true;
    });
  }
}

function tensorsIn(value: unknown): Tensor[] {
  if (value instanceof Tensor) return [value];
  if (Array.isArray(value)) return value.flatMap(tensorsIn);
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(tensorsIn) : [];
}
