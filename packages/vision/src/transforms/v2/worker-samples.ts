/** @file For tests: a data set of datapoints and a collation, as worker threads import them. */

import { data, scope, tensor } from '@edgeai/torch';
import { BoundingBox, Image, Label } from '../../datapoints/index.ts';
import { image } from '../testing.ts';
import type * as v2 from './index.ts';

export interface Detected {
  image: Image;
  boxes: BoundingBox;
  labels: Label;
}

/** Pictures with a box each, transformed. */
@data.portable(import.meta.url)
export class Pictures implements data.Dataset<Detected> {
  readonly length = 6;
  readonly transform: v2.Transform;

  constructor(transform: v2.Transform) {
    this.transform = transform;
  }

  get(index: number): Detected {
    return scope(() =>
      this.transform({
        image: new Image(image(index, 3, 12, 16)),
        boxes: new BoundingBox(tensor([[1, 2, 9 + (index % 3), 10]]), 'XYXY', [12, 16]),
        labels: new Label(tensor([index]), ['a', 'b', 'c', 'd', 'e', 'f']),
      }),
    );
  }
}

/** Samples as they are, side by side. */
export const together: (samples: readonly Detected[]) => Detected[] = data.portable(
  import.meta.url,
  'together',
)((samples: readonly Detected[]) => [...samples]);
