/**
 * @file Equalisation by noise: rescales channels between layers so that rounding the weights and the results does the least harm together.
 *
 * Cross-layer equalisation (Nagel et al., 2019, arXiv:1906.04721) evens out weights and leaves the ranges of results to chance. Here both
 * count. With a factor s for each channel of a space, and Δ²/12 as the variance of rounding to steps of Δ, the noise of the network's
 * results is
 *
 * - by rounding values: Δ²/12 · Σ gain / s², where Δ follows from the largest range · s
 * - by rounding weights: Δ²/12 · Σ gain · (s of the input / s of the output)², where Δ follows from the largest weight · s(out) / s(in)
 *
 * with gains as measured (`noise-gains.ts`). Their sum is brought to its minimum by descent on log s.
 */

import { enableGrad, keep, nn, noGrad, optim, scope, type Tensor, zeros } from '@edgeai/torch';
import { FakeQuantize } from '../fake-quantize.ts';
import type { QuantizedLayer } from '../quantized-layer.ts';
import type { QuantizedModel } from '../quantized-model.ts';
import type { CalibrationData, ProgressCallback } from './batches.ts';
import type { LayerStatistics } from './bias-correction.ts';
import { type ChannelSpace, findChannelSpaces } from './channel-spaces.ts';
import { scaleIncoming, scaleOutgoing } from './equalize.ts';
import { measureNoiseGains } from './noise-gains.ts';
import { NoiseModel } from './noise-model.ts';

export interface BalanceOptions {
  /** Batches that gains are measured on. Default 5. */
  batches?: number;
  /** Steps of the descent. Default 60. */
  iterations?: number;
}

/** What it came to: noise of the results against their energy, as the model of noise has it. */
export interface BalanceReport {
  /** Spaces whose channels were rescaled. */
  readonly spaces: number;
  readonly before: number;
  readonly after: number;
}

const LEARNING_RATE = 0.1;
const SMALLEST = 1e-30;

/**
 * Chooses factors for the channels of all spaces and rescales the layers by them. What the network computes stays the same. Batch norms
 * must be folded.
 *
 * @param statistics of layers' results, which are scaled too
 */
export async function balanceChannels<Args extends unknown[], Out>(
  model: QuantizedModel<Args, Out>,
  data: CalibrationData,
  { batches = 5, iterations = 60 }: BalanceOptions = {},
  statistics?: ReadonlyMap<QuantizedLayer, LayerStatistics>,
  progress?: ProgressCallback,
): Promise<BalanceReport> {
  const spaces = findChannelSpaces(model).filter(({ readers }) => ![...readers].some(isOnGrid));
  if (spaces.length === 0) return { spaces: 0, before: 0, after: 0 };
  const layers = [...new Set(spaces.flatMap(({ writers, readers }) => [...writers, ...readers]))];
  const quantizers = [...new Set(spaces.flatMap((space) => [...space.quantizers]))];
  const gains = await measureNoiseGains(model, data, { quantizers, layers }, batches, progress);
  const factors = scope(() => spaces.map(({ channels }) => keep(new nn.Parameter(zeros([channels])))));
  const noise = noGrad(() => scope(() => new NoiseModel(spaces, gains)));
  try {
    if (noise.isSilent) return { spaces: 0, before: 0, after: 0 };
    const { before, after } = scope(() => descend(noise, factors, iterations));
    progress?.({ step: 'balance', done: 1 });
    // Data that is not finite is reported where ranges are found, by layer.
    if (!(after < before)) return { spaces: 0, before, after: before };
    noGrad(() =>
      scope(() => {
        for (const [i, space] of spaces.entries()) rescale(space, (factors[i] as Tensor).exp(), statistics);
      }),
    );
    return { spaces: spaces.length, before, after };
  } finally {
    noise.dispose();
    gains.dispose();
    for (const factor of factors) factor.dispose();
  }
}

/** Brings the noise to its minimum. */
function descend(
  noise: NoiseModel,
  factors: readonly nn.Parameter[],
  iterations: number,
): Pick<BalanceReport, 'before' | 'after'> {
  using optimizer = new optim.Adam(factors, { lr: LEARNING_RATE });
  const measured: number[] = [];
  for (let step = 0; step <= iterations; step++) {
    scope(() => {
      const total = enableGrad(() => noise.total(factors));
      measured.push(total.item());
      if (step === iterations) return;
      optimizer.zeroGrad();
      // Logarithm, because the noise falls by orders of magnitude.
      total.add(SMALLEST).log().backward();
      for (const group of optimizer.paramGroups) group.lr = LEARNING_RATE * (1 - step / iterations);
      optimizer.step();
    });
  }
  optimizer.zeroGrad();
  return { before: measured[0] ?? 0, after: measured.at(-1) ?? 0 };
}

/** Rounding changes the weights by less than this, in variances of rounding to their steps. */
const ON_GRID = 0.1;
/** Rows of a weight that are looked at. */
const ROWS = 8;

/**
 * Weights that were integers once, as in networks recovered from a quantised file, are lost to their grid once their inputs are rescaled
 * one by one. Where each weight has a scale of its own, nothing is lost.
 */
function isOnGrid({ weight, weight_fake_quant: quantizer }: QuantizedLayer): boolean {
  if (quantizer === null || quantizer.scheme.granularity !== 'channel' || weight.shape[1] === 1) return false;
  return noGrad(() =>
    scope(() => {
      const rows = weight.detach().slice(0, 0, ROWS);
      const probe = new FakeQuantize(quantizer.scheme, {
        layer: quantizer.layer,
        role: 'weight',
        axis: 0,
        shape: rows.shape,
      });
      probe.fitRange(rows);
      const error = probe
        .integers(rows)
        .sub(probe.zeroPointFor(rows))
        .sub(rows.div(probe.scaleFor(rows)));
      probe.dispose();
      return error.square().mean().item() < ON_GRID / 12;
    }),
  );
}

function rescale(
  { writers, readers }: ChannelSpace,
  factor: Tensor,
  statistics: ReadonlyMap<QuantizedLayer, LayerStatistics> | undefined,
): void {
  for (const writer of writers) scaleOutgoing(writer, factor, statistics?.get(writer));
  for (const reader of readers) scaleIncoming(reader, factor.reciprocal());
}
