/**
 * @file Bits for each layer under a budget: every layer's noise is measured at every width, then bits are taken away where they cost the
 * least noise for what they save.
 */

import { type nn, noGrad, scope } from '@edgeai/torch';
import { FakeQuantize } from '../fake-quantize.ts';
import type { QuantizationOverride } from '../override.ts';
import type { CalibrationData, ProgressCallback } from '../ptq/batches.ts';
import type { QuantizedLayer } from '../quantized-layer.ts';
import type { QuantizedModel } from '../quantized-model.ts';
import { defineScheme } from '../scheme.ts';
import { analysedLayers } from './layers.ts';
import { decibels } from './noise.ts';
import { floatResults, resultNoise } from './sensitivity.ts';

/** Either how large the weights may be, or how large the noise. */
export type PrecisionBudget =
  /** Bits a weight on average. */
  | { readonly averageBits: number }
  /** Bytes of all weights. */
  | { readonly bytes: number }
  /** Least signal-to-noise ratio of the results in dB, as far as the layers' noises add up. */
  | { readonly ratio: number };

export interface MixedPrecisionOptions {
  budget: PrecisionBudget;
  /** Widths of weights to choose from. Default 4, 8, 16. */
  bits?: readonly number[];
  /** How many images to look at. Each costs a run for every layer and width. Default 4. */
  images?: number;
  progress?: ProgressCallback;
}

/** What was chosen for one layer. */
export interface LayerPrecision {
  readonly name: string;
  readonly weights: number;
  readonly bits: number;
  /** Signal-to-noise ratio of the results with only this layer's weight rounded, by width, in dB. */
  readonly ratios: Readonly<Record<number, number>>;
}

export interface MixedPrecision {
  readonly layers: readonly LayerPrecision[];
  readonly bytes: number;
  readonly averageBits: number;
  /** Of the results, as far as the layers' noises add up, in dB. */
  readonly ratio: number;
  /** For `QuantizationConfig.overrides`. */
  readonly overrides: readonly QuantizationOverride[];
}

interface Candidate {
  readonly name: string;
  readonly weights: number;
  /** Noise by width, widest first. */
  readonly noise: readonly number[];
  /** Index of the chosen width. */
  choice: number;
}

/** Chooses bits for the weights of all layers. @param model calibrated; its own bits do not matter */
export async function chooseBits<Args extends unknown[], Out>(
  model: QuantizedModel<Args, Out>,
  data: CalibrationData,
  { budget, bits = [4, 8, 16], images = 4, progress }: MixedPrecisionOptions,
): Promise<MixedPrecision> {
  const widths = [...bits].sort((a, b) => b - a);
  const samples = await floatResults(model, data, images);
  const layers = analysedLayers(model).flatMap(({ name, layer, weight }) =>
    layer === null || weight === null ? [] : [{ name, layer, weight }],
  );
  const candidates: Candidate[] = [];
  let signal = 0;
  try {
    for (const { name, layer, weight } of layers) {
      const noise = widths.map((width) =>
        model.asFloat(() =>
          withWidth(layer, weight, width, () => {
            const found = resultNoise(model, samples);
            signal = found.signal;
            return found.noise;
          }),
        ),
      );
      candidates.push({ name, weights: layer.weight.numel(), noise, choice: 0 });
      progress?.({ step: 'mixed-precision', done: candidates.length, total: layers.length, layer: name });
    }
  } finally {
    samples.dispose();
  }
  lowerBits(candidates, widths, signal, budget);
  const bytes = bytesOf(candidates, widths);
  const total = candidates.reduce((sum, { weights }) => sum + weights, 0);
  return {
    layers: candidates.map(({ name, weights, noise, choice }) => ({
      name,
      weights,
      bits: widths[choice] ?? 8,
      ratios: Object.fromEntries(widths.map((width, i) => [width, decibels(signal, noise[i] ?? 0)])),
    })),
    bytes,
    averageBits: (8 * bytes) / total,
    ratio: decibels(signal, noiseOf(candidates)),
    overrides: overridesOf(candidates, widths),
  };
}

/** Takes bits away, each time where the least noise is added for a byte saved, until the budget is met or would be broken. */
export function lowerBits(
  candidates: readonly Candidate[],
  widths: readonly number[],
  signal: number,
  budget: PrecisionBudget,
): void {
  const total = candidates.reduce((sum, { weights }) => sum + weights, 0);
  const limit = 'bytes' in budget ? budget.bytes : 'averageBits' in budget ? (budget.averageBits * total) / 8 : 0;
  for (;;) {
    if (!('ratio' in budget) && bytesOf(candidates, widths) <= limit) return;
    const steps = candidates
      .filter(({ choice }) => choice + 1 < widths.length)
      .map((candidate) => {
        const { choice, noise, weights } = candidate;
        const added = Math.max((noise[choice + 1] ?? 0) - (noise[choice] ?? 0), 0);
        const saved = (((widths[choice] ?? 0) - (widths[choice + 1] ?? 0)) * weights) / 8;
        return { candidate, added, price: added / saved };
      })
      .sort((a, b) => a.price - b.price);
    const next =
      'ratio' in budget
        ? steps.find(({ added }) => decibels(signal, noiseOf(candidates) + added) >= budget.ratio)
        : steps[0];
    if (next === undefined) return;
    next.candidate.choice++;
  }
}

function bytesOf(candidates: readonly Candidate[], widths: readonly number[]): number {
  return candidates.reduce((sum, { weights, choice }) => sum + (weights * (widths[choice] ?? 8)) / 8, 0);
}

function noiseOf(candidates: readonly Candidate[]): number {
  return candidates.reduce((sum, { noise, choice }) => sum + (noise[choice] ?? 0), 0);
}

/** One rule for each width; 16-bit layers have 16-bit results, as devices that have such layers want it. */
function overridesOf(candidates: readonly Candidate[], widths: readonly number[]): QuantizationOverride[] {
  return widths.flatMap((width, i) => {
    const layers = candidates.filter(({ choice }) => choice === i).map(({ name }) => name);
    if (layers.length === 0) return [];
    const weight = width < 8 ? ({ bits: width, observer: { kind: 'mse' } } as const) : { bits: width };
    return [{ layers, weight, ...(width > 8 ? { activation: { bits: width } } : {}) }];
  });
}

/** Runs `fn` with a layer's weight rounded to so many bits. */
function withWidth<T>(layer: QuantizedLayer, weight: FakeQuantize, bits: number, fn: () => T): T {
  const scheme = defineScheme(bits < 8 ? { bits, observer: { kind: 'mse' } } : { bits }, weight.scheme);
  const { shape } = layer.weight;
  const other = new FakeQuantize(scheme, { layer: weight.layer, role: 'weight', axis: layer.outputAxis, shape });
  try {
    noGrad(() => scope(() => other.observe(layer.effectiveWeight().detach())));
    other.observing = false;
    layer.weight_fake_quant = other;
    return fn();
  } finally {
    layer.weight_fake_quant = weight;
    for (const tensor of [...other.parameters(), ...other.buffers()] as nn.Buffer[]) tensor.dispose();
  }
}
