/** @file Counts what is in a data set: samples a class, sizes of pictures, mean and deviation of their colours. One picture at a time is in memory. */

import type { DecodedImage } from '../../io/decoded-image.ts';
import type { Annotation, LayoutSplit, RecognisedDataset } from './layout.ts';

/** How often something occurs. */
export interface Count {
  readonly name: string;
  readonly count: number;
}

export interface SplitStatistics {
  readonly name: string;
  readonly samples: number;
  /** Samples that were read; fewer with a limit, or where some are unreadable. */
  readonly read: number;
  /** Samples that could not be read. */
  readonly unreadable: number;
  /** Labels, objects or, for masks, millions of pixels of each class; the most frequent first. */
  readonly classes: readonly Count[];
  /** Width × height of pictures; the most frequent first. */
  readonly sizes: readonly Count[];
  /** Number of pictures by the length of their shorter side. */
  readonly shorterSides: readonly { readonly from: number; readonly to: number; readonly count: number }[];
  /** Of red, green and blue, 0 … 1, over all pixels. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

export interface StatisticsOptions {
  /** Read so many samples at most, evenly spread. Default: all. */
  limit?: number;
  /** Called after every sample. */
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/** Sums over pixels, from which mean and deviation follow. */
class Colours {
  #count = 0;
  readonly #sums = [0, 0, 0];
  readonly #squares = [0, 0, 0];

  add({ data, channels }: DecodedImage): void {
    // Whole numbers: exact for pictures of any size that fits in memory.
    for (let c = 0; c < 3; c++) {
      const from = channels >= 3 ? c : 0;
      let sum = 0;
      let square = 0;
      for (let i = from; i < data.length; i += channels) {
        const value = data[i] as number;
        sum += value;
        square += value * value;
      }
      this.#sums[c] = (this.#sums[c] as number) + sum;
      this.#squares[c] = (this.#squares[c] as number) + square;
    }
    this.#count += data.length / channels;
  }

  get mean(): number[] {
    return this.#sums.map((sum) => sum / this.#count / 255);
  }

  get std(): number[] {
    return this.#squares.map((square, c) => {
      const mean = (this.#sums[c] as number) / this.#count;
      return Math.sqrt(Math.max(0, square / this.#count - mean * mean)) / 255;
    });
  }
}

/** Reads the samples of all parts and counts. @throws the signal's reason when it is aborted */
export async function statistics(
  dataset: RecognisedDataset,
  options: StatisticsOptions = {},
): Promise<SplitStatistics[]> {
  const chosen = dataset.splits.map((split) => spread(split.length, options.limit));
  const total = chosen.reduce((sum, indices) => sum + indices.length, 0);
  const found: SplitStatistics[] = [];
  let done = 0;
  for (const [i, split] of dataset.splits.entries()) {
    found.push(
      await ofSplit(split, chosen[i] ?? [], dataset.classes, () => {
        options.signal?.throwIfAborted();
        options.onProgress?.(++done, total);
      }),
    );
  }
  return found;
}

/** So many indices, evenly spread. */
export function spread(length: number, limit: number | undefined): number[] {
  const count = Math.min(length, limit ?? length);
  return Array.from({ length: count }, (_, i) => Math.floor((i * length) / count));
}

async function ofSplit(
  split: LayoutSplit,
  indices: readonly number[],
  classes: readonly string[],
  step: () => void,
): Promise<SplitStatistics> {
  const names = new Map<string, number>(classes.map((name) => [name, 0]));
  const sizes = new Map<string, number>();
  const sides: number[] = [];
  const colours = new Colours();
  let unreadable = 0;
  for (const index of indices) {
    try {
      const [image, annotation] = await Promise.all([split.image(index), split.annotation(index)]);
      count(annotation, classes, names);
      add(sizes, `${image.width}×${image.height}`, 1);
      sides.push(Math.min(image.width, image.height));
      colours.add(image);
    } catch {
      // `check` names them.
      unreadable++;
    }
    step();
  }
  return {
    name: split.name,
    samples: split.length,
    read: indices.length - unreadable,
    unreadable,
    classes: sorted(names),
    sizes: sorted(sizes),
    shorterSides: histogram(sides),
    mean: sides.length === 0 ? [] : colours.mean,
    std: sides.length === 0 ? [] : colours.std,
  };
}

function count({ label, boxes, mask }: Annotation, classes: readonly string[], into: Map<string, number>): void {
  if (label !== undefined) add(into, classes[label] ?? `class ${label}`, 1);
  for (const { name } of boxes ?? []) add(into, name, 1);
  if (mask === undefined) return;
  const pixels = new Map<number, number>();
  for (let i = 0; i < mask.data.length; i += mask.channels)
    pixels.set(mask.data[i] as number, (pixels.get(mask.data[i] as number) ?? 0) + 1);
  for (const [value, number] of pixels) add(into, classes[value] ?? `value ${value}`, number / 1e6);
}

function add(map: Map<string, number>, name: string, count: number): void {
  map.set(name, (map.get(name) ?? 0) + count);
}

function sorted(map: ReadonlyMap<string, number>): Count[] {
  return [...map].map(([name, number]) => ({ name, count: number })).sort((a, b) => b.count - a.count);
}

/** Ten bins of equal width between the smallest and the largest; fewer where there are fewer values. */
function histogram(values: readonly number[]): { from: number; to: number; count: number }[] {
  if (values.length === 0) return [];
  const lowest = values.reduce((a, b) => Math.min(a, b));
  const highest = values.reduce((a, b) => Math.max(a, b));
  const width = Math.max(1, Math.ceil((highest - lowest + 1) / 10));
  const bins = Array.from({ length: Math.ceil((highest - lowest + 1) / width) }, (_, i) => ({
    from: lowest + i * width,
    to: Math.min(highest, lowest + (i + 1) * width - 1),
    count: 0,
  }));
  for (const value of values) {
    const bin = bins[Math.floor((value - lowest) / width)];
    if (bin !== undefined) bin.count++;
  }
  return bins;
}
