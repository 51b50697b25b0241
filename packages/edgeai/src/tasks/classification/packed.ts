/** @file Images of a packed file as data of a classifier. */

import { data } from '@edgeai/torch';
import { datasets, type transforms } from '@edgeai/vision';

import type { ClassificationSample } from './mix.ts';

/** The classes of a network, and which of them each class of the data is. */
export interface ClassOrder {
  readonly labels: readonly number[];
  readonly classes: readonly string[];
}

/** Images of one split through a transform; its classes in the order of a network where `order` is given. */
@data.portable(import.meta.url)
export class PackedImages implements data.Dataset<ClassificationSample> {
  readonly classes: readonly string[];
  readonly #images: datasets.PackedDataset;

  constructor(path: string, split: string, transform: transforms.Transform, order: ClassOrder | null) {
    this.#images = new datasets.PackedDataset(path, {
      split,
      transform,
      targetTransform: (label) => order?.labels[label] ?? label,
    });
    this.classes = order?.classes ?? this.#images.classes;
  }

  get length(): number {
    return this.#images.length;
  }

  get(index: number): Promise<ClassificationSample> {
    return this.#images.get(index);
  }

  load(index: number): unknown {
    return this.#images.load(index);
  }

  finish(loaded: unknown, index: number): ClassificationSample {
    return this.#images.finish(loaded as Parameters<datasets.PackedDataset['finish']>[0], index);
  }

  describe(index: number): string {
    return this.#images.describe(index);
  }

  dispose(): void {
    this.#images.dispose();
  }
}

/** Names of the splits of a packed file. */
export function splitsOf(path: string): readonly string[] {
  return datasets.packedSplits(path);
}
