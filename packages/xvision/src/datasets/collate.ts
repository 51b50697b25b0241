/** @file Puts samples of dense tasks together to batches. */

import { data, scope, stack } from '@edgeai/torch';
import type { DenseMap, DenseSample } from '../transforms/sample.ts';
import type { DenseBatch } from './dense-dataset.ts';

function collate(samples: readonly DenseSample[]): DenseBatch {
  const join = (maps: (sample: DenseSample) => readonly DenseMap[]) =>
    (maps(samples[0] as DenseSample) as readonly DenseMap[]).map((_, i) =>
      stack(samples.map((sample) => (maps(sample)[i] as DenseMap).map)),
    );
  return scope(() => ({ images: join(({ images }) => images), targets: join(({ targets }) => targets) }));
}

/** All samples of a batch must have one size. */
export const collateDense = data.portable(import.meta.url, 'collateDense')(collate);
