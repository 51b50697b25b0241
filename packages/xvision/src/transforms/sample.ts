/** @file What a joint transform works on: the images of a sample and the map of each task, which stay in register. */

import type { Tensor } from '@edgeai/torch';

/** What a map means: how it is resized, turned and filled follows from it. */
export type MapKind = 'image' | 'flow' | 'segmentation' | 'motion' | 'depth' | 'interest_pt';

/** A map of one kind, `(C, H, W)`. */
export interface DenseMap {
  readonly kind: MapKind;
  readonly map: Tensor;
}

/** One sample of a dense task. Images are `'image'` or `'flow'`; there is one target a task. */
export interface DenseSample {
  readonly images: readonly DenseMap[];
  readonly targets: readonly DenseMap[];
}

/** A joint transform. */
export type DenseTransform = (sample: DenseSample) => DenseSample;

/** The value of pixels that nothing is known about: what turning and cropping bring in from outside. */
export function unknownValue(kind: MapKind): number {
  return kind === 'segmentation' || kind === 'motion' ? 255 : 0;
}

/** Whether a map may be interpolated: classes, and depths at edges, may not. */
export function isContinuous(kind: MapKind): boolean {
  return kind === 'image';
}

/** The sample with every map put through `change`. */
export function mapSample(sample: DenseSample, change: (map: DenseMap) => Tensor): DenseSample {
  const each = (maps: readonly DenseMap[]) => maps.map((map) => ({ kind: map.kind, map: change(map) }));
  return { images: each(sample.images), targets: each(sample.targets) };
}

/** Height and width of the first image. */
export function sizeOf(sample: DenseSample): [height: number, width: number] {
  const [, height = 0, width = 0] = sample.images[0]?.map.shape ?? [];
  return [height, width];
}
