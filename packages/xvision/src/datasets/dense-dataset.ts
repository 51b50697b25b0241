/** @file Data sets of dense tasks: images and one map a task, checked as they are read. */

import { ArgumentError, type data, scope, type Tensor } from '@edgeai/torch';
import type { DenseMap, DenseSample, DenseTransform } from '../transforms/sample.ts';
import { checkLabels, isClasses, type TargetInfo } from './targets.ts';

/** Where the maps of a data set come from. */
export interface DenseSource {
  readonly length: number;
  readonly targets: readonly TargetInfo[];
  /** How many images a sample has. */
  readonly images: number;
  /** What each of them is, where they are not all pictures: `'flow'` is float32 `(3, H, W)`, to the right and down in pixels, and confidence. */
  readonly imageKinds?: readonly ('image' | 'flow')[];
  load?(index: number): unknown;
  /** The maps as they are stored; called inside of a scope. */
  finish(loaded: unknown, index: number): { images: readonly Tensor[]; targets: readonly Tensor[] };
  describe(index: number): string;
}

/** A {@link DenseSource} whose samples are checked, then transformed. */
export class DenseDataset implements data.Dataset<DenseSample> {
  readonly source: DenseSource;
  readonly #transform: DenseTransform | null;

  constructor(source: DenseSource, transform: DenseTransform | null = null) {
    this.source = source;
    this.#transform = transform;
  }

  get length(): number {
    return this.source.length;
  }

  get targets(): readonly TargetInfo[] {
    return this.source.targets;
  }

  load(index: number): unknown {
    return this.source.load?.(index);
  }

  /** @throws {ArgumentError} naming the sample, for a label that is no class, or a map that does not fit its image */
  finish(loaded: unknown, index: number): DenseSample {
    return scope(() => {
      const { images, targets } = this.source.finish(loaded, index);
      const where = this.source.describe(index);
      const [, height = 0, width = 0] = images[0]?.shape ?? [];
      const sample: DenseSample = {
        images: images.map((map, i): DenseMap => ({ kind: this.source.imageKinds?.[i] ?? 'image', map })),
        targets: targets.map((map, i): DenseMap => {
          const info = this.source.targets[i] as TargetInfo;
          const [, h = 0, w = 0] = map.shape;
          if (h !== height || w !== width) {
            throw new ArgumentError(
              'labels',
              `${where}: the ${info.kind} map is ${h}×${w}, but its image is ${height}×${width}`,
            );
          }
          if (isClasses(info)) checkLabels(map, info.classes.length, where);
          return { kind: info.kind, map };
        }),
      };
      return this.#transform === null ? sample : this.#transform(sample);
    });
  }

  async get(index: number): Promise<DenseSample> {
    return this.finish(await this.load(index), index);
  }

  describe(index: number): string {
    return this.source.describe(index);
  }
}

/** Images `(N, C, H, W)`, one an input, and targets `(N, C, H, W)`, one a task. */
export interface DenseBatch {
  readonly images: readonly Tensor[];
  readonly targets: readonly Tensor[];
}
