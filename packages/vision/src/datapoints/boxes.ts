/** @file The arithmetic of boxes: conversion between formats, limits, which of them are sound. On plain tensors […, 4]. */

import { ArgumentError, cat, isFloatingPoint, scope, stack, type Tensor } from '@edgeai/torch';
import type { SpatialSize } from './datapoint.ts';

/** 'XYXY': left, top, right, bottom; 'XYWH': left, top, width, height; 'CXCYWH': centre, width, height. */
export type BoundingBoxFormat = 'XYXY' | 'XYWH' | 'CXCYWH';

/** The formats as constants: `BoundingBoxFormat.XYXY`. */
export const BoundingBoxFormat = {
  XYXY: 'XYXY',
  XYWH: 'XYWH',
  CXCYWH: 'CXCYWH',
} as const satisfies Record<BoundingBoxFormat, BoundingBoxFormat>;

/** How each format becomes 'XYXY', and the reverse. `first` and `second` are the halves of the boxes, […, 2]. */
const CONVERSIONS: Record<
  BoundingBoxFormat,
  Record<'toXyxy' | 'fromXyxy', (first: Tensor, second: Tensor) => Tensor>
> = {
  XYXY: {
    toXyxy: (first, second) => cat([first, second], -1),
    fromXyxy: (first, second) => cat([first, second], -1),
  },
  XYWH: {
    toXyxy: (corner, size) => cat([corner, corner.add(size)], -1),
    fromXyxy: (first, second) => cat([first, second.sub(first)], -1),
  },
  CXCYWH: {
    // Halves of whole numbers are rounded so that the way back gives the same box.
    toXyxy: (centre, size) => {
      const corner = centre.sub(half(size));
      return cat([corner, corner.add(size)], -1);
    },
    fromXyxy: (first, second) => {
      const size = second.sub(first);
      return cat([half(first.mul(2).add(size)), size], -1);
    },
  },
};

function half(values: Tensor): Tensor {
  return isFloatingPoint(values.dtype) ? values.div(2) : values.div(2, { roundingMode: 'floor' });
}

/** @throws {ArgumentError} for an unknown format */
export function checkFormat(name: string, format: BoundingBoxFormat): void {
  if (!Object.hasOwn(CONVERSIONS, format))
    throw ArgumentError.expected(name, `one of ${Object.keys(CONVERSIONS).join(', ')}`, format);
}

/** Boxes […, 4] in another format. */
export function convertFormat(boxes: Tensor, from: BoundingBoxFormat, to: BoundingBoxFormat): Tensor {
  checkFormat('from', from);
  checkFormat('to', to);
  if (from === to) return boxes;
  return scope(() => {
    const halves = (of: Tensor) => of.split(2, -1) as [Tensor, Tensor];
    return CONVERSIONS[to].fromXyxy(...halves(CONVERSIONS[from].toXyxy(...halves(boxes))));
  });
}

/** 'XYXY' boxes cut at the borders of the image. */
export function clampXyxy(boxes: Tensor, [height, width]: SpatialSize): Tensor {
  return scope(() => {
    const [x0, y0, x1, y1] = boxes.unbind(-1) as [Tensor, Tensor, Tensor, Tensor];
    const [x, y] = [(values: Tensor) => values.clamp(0, width), (values: Tensor) => values.clamp(0, height)];
    return stack([x(x0), y(y0), x(x1), y(y1)], -1);
  });
}

/** Boxes cut at the borders of the image. */
export function clampBoxes(boxes: Tensor, format: BoundingBoxFormat, size: SpatialSize): Tensor {
  return scope(() => convertFormat(clampXyxy(convertFormat(boxes, format, 'XYXY'), size), 'XYXY', format));
}

/** Which boxes [n, 4] lie in the image and are at least `minSize` wide and high: bool [n]. */
export function soundBoxes(boxes: Tensor, format: BoundingBoxFormat, size: SpatialSize, minSize: number): Tensor {
  return scope(() => {
    const [x0, y0, x1, y1] = convertFormat(boxes, format, 'XYXY').unbind(-1) as [Tensor, Tensor, Tensor, Tensor];
    const [height, width] = size;
    return [x1.ge(0), y1.ge(0), x0.ge(0), y0.ge(0), x0.le(width), x1.le(width), y0.le(height), y1.le(height)].reduce(
      (all, condition) => all.logicalAnd(condition),
      x1.sub(x0).ge(minSize).logicalAnd(y1.sub(y0).ge(minSize)),
    );
  });
}

/** Areas that 'XYXY' boxes [n, 4] share with one box, over the areas that both cover together: [n]. */
export function iouWith(boxes: Tensor, box: readonly [x0: number, y0: number, x1: number, y1: number]): Tensor {
  return scope(() => {
    const [x0, y0, x1, y1] = boxes.unbind(-1) as [Tensor, Tensor, Tensor, Tensor];
    const shared = x1
      .clampMax(box[2])
      .sub(x0.clampMin(box[0]))
      .clampMin(0)
      .mul(y1.clampMax(box[3]).sub(y0.clampMin(box[1])).clampMin(0));
    const areas = x1.sub(x0).mul(y1.sub(y0));
    return shared.div(areas.add((box[2] - box[0]) * (box[3] - box[1])).sub(shared));
  });
}
