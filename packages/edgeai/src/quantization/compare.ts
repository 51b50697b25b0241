/** @file Measures the float network, the network with quantisers and its exported file on the same images, in one pass. */

import { setImmediate } from 'node:timers/promises';
import { type nn, noGrad, Scope, scope, Tensor } from '@edgeai/torch';

import type { OnnxRunner } from '../models/onnx-runner.ts';
import type { OutputMeter, QuantizationSubject } from './subject.ts';

/** The networks that can be compared. */
export type Contestant = 'float' | 'quantized' | 'onnx';

/** An image by its place among those measured on, and how far its result is from the float network's. */
export interface ImageError {
  readonly index: number;
  /** ‖quantised − float‖ / ‖float‖ of the first output. */
  readonly error: number;
  /** Index of the largest value of the first output, where that is a row of scores. */
  readonly float: number | null;
  readonly quantized: number | null;
}

/** What the pass found. */
export interface Comparison {
  readonly images: number;
  /** Of all images, and of those that were not used for the calibration (null where there were none). */
  readonly figures: Partial<Record<Contestant, { all: Record<string, number>; unseen: Record<string, number> | null }>>;
  /** Percent of positions where the class with the largest score is the same; null where the first output holds no scores of classes. */
  readonly sameClass: { readonly floatQuantized: number | null; readonly quantizedOnnx: number | null };
  /** Percent of the file's output values that are within one step of those of the network with quantisers. */
  readonly withinOneStep: number | null;
  /** Signal-to-noise ratio of the first output against the float network, in dB. */
  readonly sqnr: number;
  readonly secondsPerImage: Partial<Record<Contestant, number>>;
  /** The images whose results changed most, the worst first. */
  readonly worst: readonly ImageError[];
}

export interface CompareOptions {
  quantized: nn.AnyModule;
  /** The exported file with the size of a step of each output. */
  onnx: { runner: OnnxRunner; steps: readonly (number | null)[] } | null;
  /** How many of the worst images to name. Default 12. */
  worst?: number;
  progress?: (images: number) => void;
}

/** Runs all over the images of `subject`. */
export async function compareNetworks<Batch>(
  subject: QuantizationSubject<Batch>,
  { quantized, onnx, worst: mostWorst = 12, progress }: CompareOptions,
): Promise<Comparison> {
  const names: readonly Contestant[] = onnx === null ? ['float', 'quantized'] : ['float', 'quantized', 'onnx'];
  const meters = new Map(names.map((name) => [name, { all: subject.meter(), unseen: subject.meter() }]));
  const seconds: Partial<Record<Contestant, number>> = {};
  const counts = { positions: 0, float: 0, onnx: 0, values: 0, close: 0, signal: 0, noise: 0 };
  const worst: ImageError[] = [];
  let images = 0;
  let anyUnseen = false;
  const timed = async <T>(name: Contestant, run: () => T | Promise<T>): Promise<T> => {
    const begin = performance.now();
    const result = await run();
    seconds[name] = (seconds[name] ?? 0) + (performance.now() - begin) / 1000;
    return result;
  };
  for (const [source, isUnseen] of [
    [subject.seen, false],
    [subject.unseen, true],
  ] as const) {
    if (source === null) continue;
    for await (const batch of source) {
      using own = new Scope();
      const inputs = subject.inputsOf(batch);
      const runNetwork = (model: nn.AnyModule) =>
        own.run(() => noGrad(() => tensorsOf(model(...inputs.map((input) => input.clone())))));
      const results = new Map<Contestant, readonly Tensor[]>();
      results.set('float', await timed('float', () => runNetwork(subject.model)));
      results.set('quantized', await timed('quantized', () => runNetwork(quantized)));
      if (onnx !== null) {
        const outputs = await timed('onnx', () => onnx.runner.run(inputs));
        for (const output of outputs) own.adopt(output);
        results.set('onnx', outputs);
      }
      const size = inputs[0]?.size(0) ?? 0;
      own.run(() => {
        for (const [name, outputs] of results) {
          const meter = meters.get(name);
          meter?.all.add(batch, outputs);
          if (isUnseen) meter?.unseen.add(batch, outputs);
        }
        addDifferences(counts, results, onnx?.steps ?? []);
        for (const image of imageErrors(results, images)) worst.push(image);
      });
      worst.sort((a, b) => b.error - a.error).splice(mostWorst);
      images += size;
      anyUnseen ||= isUnseen;
      progress?.(images);
      await setImmediate();
    }
  }
  const figuresOf = (meter: { all: OutputMeter<Batch>; unseen: OutputMeter<Batch> }) => ({
    all: meter.all.figures(),
    unseen: anyUnseen ? meter.unseen.figures() : null,
  });
  return {
    images,
    figures: Object.fromEntries([...meters].map(([name, meter]) => [name, figuresOf(meter)])),
    sameClass: {
      floatQuantized: counts.positions === 0 ? null : (100 * counts.float) / counts.positions,
      quantizedOnnx: onnx === null || counts.positions === 0 ? null : (100 * counts.onnx) / counts.positions,
    },
    withinOneStep: onnx === null ? null : (100 * counts.close) / counts.values,
    sqnr: 10 * Math.log10(counts.signal / counts.noise),
    secondsPerImage: Object.fromEntries(Object.entries(seconds).map(([name, value]) => [name, value / images])),
    worst,
  };
}

interface Counts {
  positions: number;
  float: number;
  onnx: number;
  values: number;
  close: number;
  signal: number;
  noise: number;
}

function addDifferences(
  counts: Counts,
  results: ReadonlyMap<Contestant, readonly Tensor[]>,
  steps: readonly (number | null)[],
): void {
  const [float, quantized, onnx] = (['float', 'quantized', 'onnx'] as const).map((name) => results.get(name) ?? []);
  const [reference] = float ?? [];
  const [found] = quantized ?? [];
  if (reference === undefined || found === undefined) return;
  counts.signal += reference.double().square().sum().item();
  counts.noise += found.double().sub(reference).square().sum().item();
  const [exported] = onnx ?? [];
  if (hasClasses(found)) {
    const classes = found.argmax(1);
    const agreeing = (scores: Tensor) => classes.eq(scores.argmax(1)).sum().item();
    counts.positions += classes.numel();
    counts.float += agreeing(reference);
    if (exported !== undefined) counts.onnx += agreeing(exported);
  }
  if (exported === undefined) return;
  for (const [i, value] of (quantized ?? []).entries()) {
    const other = onnx?.[i];
    if (other === undefined) continue;
    const step = steps[i] ?? value.max().sub(value.min()).item() / 255;
    // Sums of steps are exact to a few units of float32.
    counts.close += other
      .sub(value)
      .abs()
      .le(1.001 * step)
      .sum()
      .item();
    counts.values += value.numel();
  }
}

function imageErrors(results: ReadonlyMap<Contestant, readonly Tensor[]>, first: number): ImageError[] {
  const [float] = results.get('float') ?? [];
  const [quantized] = results.get('quantized') ?? [];
  if (float === undefined || quantized === undefined) return [];
  return scope(() => {
    const norms = (value: Tensor) => value.double().flatten(1).square().sum(1).sqrt();
    const errors = norms(quantized.sub(float))
      .div(norms(float).clamp({ min: 1e-12 }))
      .toArray() as number[];
    const classes = [float, quantized].map((scores) =>
      scores.ndim === 2 ? (scores.argmax(1).toArray() as number[]) : null,
    );
    return errors.map((error, i) => ({
      index: first + i,
      error,
      float: classes[0]?.[i] ?? null,
      quantized: classes[1]?.[i] ?? null,
    }));
  });
}

/** Scores are counted along dimension 1; a single one, such as a depth, is no class. */
function hasClasses(scores: Tensor): boolean {
  return scores.ndim >= 2 && scores.size(1) > 1;
}

/** The tensors in what a network returned, in order. */
export function tensorsOf(value: unknown): Tensor[] {
  if (value instanceof Tensor) return [value];
  if (Array.isArray(value)) return value.flatMap(tensorsOf);
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(tensorsOf) : [];
}
