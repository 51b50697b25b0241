/** @file What networks that find objects are trained with: boxes, classes and what else is known of the objects of a picture. */

import { fromTypedArray, type Tensor } from '@edgeai/torch';

/** The objects of one picture; N is their number. */
export interface DetectionTarget {
  /** float32 [N, 4]: left, top, right, bottom in pixels. */
  readonly boxes: Tensor;
  /** int64 [N]. */
  readonly labels: Tensor;
  /** Number of the picture in its data set. */
  readonly imageId: number;
  /** float32 [N], in pixels. */
  readonly area: Tensor;
  /** int64 [N], 1 for a group of objects that was not told apart. */
  readonly iscrowd: Tensor;
  /** uint8 [N, H, W], 1 where the object is. */
  readonly masks?: Tensor;
  /** float32 [N, K, 3]: x, y, and 0 not labelled, 1 hidden, 2 visible. */
  readonly keypoints?: Tensor;
}

/** One object before it becomes a row of tensors. */
export interface DetectedObject {
  /** Left, top, right, bottom. */
  readonly box: readonly [number, number, number, number];
  readonly label: number;
  /** Default: that of the box. */
  readonly area?: number;
  readonly iscrowd?: boolean;
}

/** The tensors for some objects. Boxes that are empty or inside out are left out. @param size keep boxes inside [height, width] */
export function detectionTarget(
  objects: readonly DetectedObject[],
  imageId: number,
  size?: readonly [height: number, width: number],
): DetectionTarget & { readonly kept: readonly number[] } {
  const clipped = objects.map(({ box: [left, top, right, bottom] }) =>
    size === undefined
      ? [left, top, right, bottom]
      : [clip(left, size[1]), clip(top, size[0]), clip(right, size[1]), clip(bottom, size[0])],
  );
  const kept = clipped.flatMap(([left = 0, top = 0, right = 0, bottom = 0], i) =>
    right > left && bottom > top ? [i] : [],
  );
  const count = kept.length;
  const whole = (read: (object: DetectedObject) => number): Tensor =>
    fromTypedArray(
      BigInt64Array.from(kept, (i) => BigInt(read(objects[i] as DetectedObject))),
      [count],
    );
  const boxes = Float32Array.from(kept.flatMap((i) => clipped[i] ?? []));
  const area = kept.map((i) => {
    const [left = 0, top = 0, right = 0, bottom = 0] = clipped[i] ?? [];
    return objects[i]?.area ?? (right - left) * (bottom - top);
  });
  return {
    boxes: fromTypedArray(boxes, [count, 4]),
    labels: whole(({ label }) => label),
    imageId,
    area: fromTypedArray(Float32Array.from(area), [count]),
    iscrowd: whole(({ iscrowd }) => (iscrowd === true ? 1 : 0)),
    kept,
  };
}

function clip(value: number, length: number): number {
  return Math.min(Math.max(value, 0), length);
}
