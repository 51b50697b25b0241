/** @file Signal-to-noise ratios of a quantised network, layer by layer, against the float network; one image at a time in memory. */

import { keep, noGrad, scope, Tensor } from '@edgeai/torch';
import type { FakeQuantize } from '../fake-quantize.ts';
import { type CalibrationData, forEachBatch, type ProgressCallback } from '../ptq/batches.ts';
import type { QuantizedLayer } from '../quantized-layer.ts';
import type { QuantizedModel } from '../quantized-model.ts';
import { describeScheme } from '../scheme.ts';
import { type AnalysedLayer, analysedLayers } from './layers.ts';

/** Counts of values in equal bins over [low, high]. */
export interface ValueHistogram {
  readonly low: number;
  readonly high: number;
  readonly counts: readonly number[];
}

/** What rounding does to one tensor. Ratios are in dB; infinite where nothing is lost. */
export interface RoundingNoise {
  readonly scheme: string;
  readonly bits: number;
  /** Ends of the integers as real values; of weights with several scales the widest. */
  readonly range: readonly [min: number, max: number];
  /** Smallest and largest value seen. */
  readonly seen: readonly [min: number, max: number];
  /** Signal-to-noise ratio of the rounding by itself, on the float network's values. */
  readonly isolated: number;
  /** Against the float network, with everything before rounded too; activations only. */
  readonly cumulative: number | null;
  readonly histogram: ValueHistogram;
}

export interface LayerNoise {
  readonly name: string;
  readonly operation: string;
  readonly node: string;
  readonly weight: RoundingNoise | null;
  readonly activation: RoundingNoise | null;
}

export interface NoiseOptions {
  /** How many images to look at. Default 16. */
  images?: number;
  progress?: ProgressCallback;
}

const BINS = 64;

/** Sums over a stream of values. */
interface Sums {
  signal: number;
  isolated: number;
  cumulative: number;
  min: number;
  max: number;
  counts: Float64Array;
}

/**
 * Measures every layer. `reference` is the same network before its rounding was tuned (`prepareQuantization`, or `quantizePTQ` without
 * corrections), whose float values are the truth.
 */
export async function measureNoise<Args extends unknown[], Out>(
  model: QuantizedModel<Args, Out>,
  reference: QuantizedModel<Args, Out>,
  data: CalibrationData,
  { images = 16, progress }: NoiseOptions = {},
): Promise<LayerNoise[]> {
  const layers = analysedLayers(model);
  const twins = new Map(analysedLayers(reference).map((layer) => [layer.node, layer]));
  const sums = new Map<FakeQuantize, Sums>();
  let done = 0;
  await forEachBatch(reference, data, (inputs) => {
    const size = sizeOf(inputs);
    for (let i = 0; i < size && done < images; i++) {
      scope(() => addImage(model, reference, layers, twins, oneOf(inputs, i), sums));
      done++;
      progress?.({ step: 'noise', done, total: images });
    }
  });
  return layers.map(({ name, operation, node, layer, weight, activation }) => {
    const original = twins.get(node)?.layer ?? layer;
    return {
      name,
      operation,
      node,
      weight: weight === null || layer === null ? null : weightNoise(weight, layer, original),
      activation: activation === null ? null : activationNoise(activation, sums.get(activation)),
    };
  });
}

/** Runs one image through both networks and adds what the quantisers of results saw. */
function addImage<Args extends unknown[], Out>(
  model: QuantizedModel<Args, Out>,
  reference: QuantizedModel<Args, Out>,
  layers: readonly AnalysedLayer[],
  twins: ReadonlyMap<string, AnalysedLayer>,
  inputs: Args,
  sums: Map<FakeQuantize, Sums>,
): void {
  const exact = new Map<FakeQuantize, Tensor>();
  const watch = (pairs: readonly (readonly [FakeQuantize, FakeQuantize])[], see: Watcher): (() => void)[] => {
    const seen = new Set<FakeQuantize>();
    return pairs.map(([watched, quantizer]) =>
      watched.registerForwardHook((_, [before], after) => {
        // Values that are only moved about pass the same quantiser again.
        if (!seen.has(watched)) see(quantizer, before as Tensor, after as Tensor);
        seen.add(watched);
        return undefined;
      }),
    );
  };
  const pairs = layers.flatMap(({ activation, node }) => {
    const twin = twins.get(node)?.activation;
    return activation === null || twin == null ? [] : [[activation, twin] as const];
  });
  const run = (hooks: (() => void)[], forward: () => unknown): void => {
    try {
      scope(() => void forward());
    } finally {
      for (const remove of hooks) remove();
    }
  };
  try {
    run(
      watch(
        pairs.map(([quantizer, twin]) => [twin, quantizer]),
        (quantizer, before) => exact.set(quantizer, keep(before.clone())),
      ),
      () => reference.asFloat(() => reference(...inputs)),
    );
    run(
      watch(
        pairs.map(([quantizer]) => [quantizer, quantizer]),
        (quantizer, _, after) => {
          const value = exact.get(quantizer);
          if (value !== undefined) scope(() => addValues(quantizer, value, after, sums));
        },
      ),
      () => model(...inputs),
    );
  } finally {
    for (const value of exact.values()) value.dispose();
  }
}

type Watcher = (quantizer: FakeQuantize, before: Tensor, after: Tensor) => void;

function addValues(quantizer: FakeQuantize, exact: Tensor, found: Tensor, sums: Map<FakeQuantize, Sums>): void {
  const [low, high] = histogramRange(quantizer);
  let sum = sums.get(quantizer);
  if (sum === undefined) {
    sum = { signal: 0, isolated: 0, cumulative: 0, min: Infinity, max: -Infinity, counts: new Float64Array(BINS) };
    sums.set(quantizer, sum);
  }
  const { counts } = sum;
  sum.signal += energy(exact);
  sum.isolated += energy(rounded(quantizer, exact).sub(exact));
  sum.cumulative += energy(found.sub(exact));
  const [min, max] = exact.aminmax();
  sum.min = Math.min(sum.min, min.item());
  sum.max = Math.max(sum.max, max.item());
  const added = exact.clamp({ min: low, max: high }).histc(BINS, low, high).toArray() as number[];
  added.forEach((count, i) => {
    counts[i] = (counts[i] ?? 0) + count;
  });
}

/** What was seen in the calibration, or, without such a record, a little more than the integers' range. */
function histogramRange(quantizer: FakeQuantize): readonly [number, number] {
  const { observer } = quantizer;
  if (observer?.hasSeenData === true) {
    const [low, high] = scope(() => [observer.min_val.min().item(), observer.max_val.max().item()]);
    if (low !== undefined && high !== undefined && low < high) return [low, high];
  }
  return rangeOf(quantizer);
}

function activationNoise(quantizer: FakeQuantize, sums: Sums | undefined): RoundingNoise | null {
  if (sums === undefined) return null;
  const [low, high] = histogramRange(quantizer);
  return {
    ...described(quantizer),
    seen: [sums.min, sums.max],
    isolated: decibels(sums.signal, sums.isolated),
    cumulative: decibels(sums.signal, sums.cumulative),
    histogram: { low, high, counts: Array.from(sums.counts) },
  };
}

function weightNoise(quantizer: FakeQuantize, layer: QuantizedLayer, original: QuantizedLayer | null): RoundingNoise {
  return noGrad(() =>
    scope(() => {
      const exact = (original ?? layer).effectiveWeight();
      const found = rounded(quantizer, layer.effectiveWeight());
      const [min, max] = exact.aminmax();
      const [low, high] = [min.item(), max.item()];
      const ratio = decibels(energy(exact), energy(found.sub(exact)));
      const counts = low < high ? (exact.histc(BINS, low, high).toArray() as number[]) : [exact.numel()];
      return {
        ...described(quantizer),
        seen: [low, high] as const,
        isolated: ratio,
        cumulative: null,
        histogram: { low, high, counts },
      };
    }),
  );
}

function described(quantizer: FakeQuantize): Pick<RoundingNoise, 'scheme' | 'bits' | 'range'> {
  const { scheme } = quantizer;
  return { scheme: describeScheme(scheme), bits: scheme.bits, range: rangeOf(quantizer) };
}

/** The real values of the smallest and the largest integer. */
function rangeOf(quantizer: FakeQuantize): readonly [number, number] {
  return scope(() => {
    const { quantMin, quantMax } = quantizer.limits;
    const { scale, zeroPoint } = quantizer.quantParameters;
    const end = (integer: number) => scale.mul(zeroPoint.neg().add(integer));
    return [end(quantMin).min().item(), end(quantMax).max().item()];
  });
}

/** What a quantiser makes of `x`, whatever its switches say. */
export function rounded(quantizer: FakeQuantize, x: Tensor): Tensor {
  return quantizer.integers(x).sub(quantizer.zeroPointFor(x)).mul(quantizer.scaleFor(x));
}

/** Sum of squares. */
export function energy(x: Tensor): number {
  return scope(() => x.detach().double().square().sum().item());
}

/** Signal-to-noise ratio. */
export function decibels(signal: number, noise: number): number {
  return noise === 0 ? Number.POSITIVE_INFINITY : 10 * Math.log10(signal / noise);
}

/** Images of a batch. */
export function sizeOf(inputs: readonly unknown[]): number {
  const first = inputs.find((input) => input instanceof Tensor);
  return first instanceof Tensor && first.ndim > 0 ? first.size(0) : 1;
}

/** The arguments for one image of a batch. */
export function oneOf<Args extends unknown[]>(inputs: Args, index: number): Args {
  return inputs.map((input) => (input instanceof Tensor && input.ndim > 0 ? input.narrow(0, index, 1) : input)) as Args;
}
