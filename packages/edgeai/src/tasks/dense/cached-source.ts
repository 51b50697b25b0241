/** @file Keeps the maps of samples in memory once they have been read or rendered. */

import { dtypeSize, keep, type Tensor } from '@edgeai/torch';
import type { datasets } from '@edgeai/xvision';

interface Kept {
  images: readonly Tensor[];
  targets: readonly Tensor[];
}

/** More than this is not kept: the rest of the samples is read again each time. */
const MOST_BYTES = 4 * 2 ** 30;

/** A source that reads each sample once. */
export class CachedSource implements datasets.DenseSource {
  readonly #source: datasets.DenseSource;
  readonly #kept = new Map<number, Kept>();
  #bytes = 0;

  constructor(source: datasets.DenseSource) {
    this.#source = source;
  }

  get length(): number {
    return this.#source.length;
  }

  get targets(): readonly datasets.TargetInfo[] {
    return this.#source.targets;
  }

  get images(): number {
    return this.#source.images;
  }

  get imageKinds(): datasets.DenseSource['imageKinds'] {
    return this.#source.imageKinds;
  }

  load(index: number): unknown {
    return this.#kept.has(index) ? undefined : this.#source.load?.(index);
  }

  finish(loaded: unknown, index: number): Kept {
    const known = this.#kept.get(index);
    if (known !== undefined) return shown(known);
    const made = this.#source.finish(loaded, index);
    if (this.#bytes > MOST_BYTES) return made;
    const kept: Kept = { images: made.images.map(copy), targets: made.targets.map(copy) };
    this.#kept.set(index, kept);
    for (const tensor of [...kept.images, ...kept.targets]) this.#bytes += tensor.numel() * dtypeSize(tensor.dtype);
    return shown(kept);
  }

  describe(index: number): string {
    return this.#source.describe(index);
  }

  /** Releases what is kept. */
  dispose(): void {
    for (const { images, targets } of this.#kept.values())
      for (const tensor of [...images, ...targets]) tensor.dispose();
    this.#kept.clear();
    this.#bytes = 0;
  }
}

/** The same maps by handles that whoever gets them may dispose: a transform that changes nothing hands them on. */
function shown({ images, targets }: Kept): Kept {
  return { images: images.map((map) => map.detach()), targets: targets.map((map) => map.detach()) };
}

/** A tensor of its own that no scope releases. */
function copy(tensor: Tensor): Tensor {
  return keep(tensor.clone());
}
