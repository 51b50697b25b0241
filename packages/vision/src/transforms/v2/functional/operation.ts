/**
 * @file How an operation reaches every kind of datapoint: a row of a table says what it does to pixels, to masks and to points;
 * boxes and key points both follow from where points go. Kinds that a row does not name stay as they are.
 */

import { ArgumentError, cat, isFloatingPoint, scope, type Tensor, tensor } from '@edgeai/torch';
import { clampXyxy, convertFormat } from '../../../datapoints/boxes.ts';
import { BoundingBox, Datapoint, Keypoints, type SpatialSize } from '../../../datapoints/datapoint.ts';

/** Where the points of an image go. */
export interface Placement {
  /** New places of points [n, 2] (x, y; float). */
  readonly move: (points: Tensor) => Tensor;
  /** Of the image afterwards. */
  readonly size: SpatialSize;
  /** Cut boxes at the borders of the image afterwards. Default false. */
  readonly clamp?: boolean;
  /** Left and right are exchanged. Default false. */
  readonly mirrored?: boolean;
}

/** What an operation does to each kind of datapoint. */
export interface Kernels<Args extends unknown[]> {
  /** Images […, channels, height, width], also those of videos. */
  readonly image?: (image: Tensor, ...args: Args) => Tensor;
  /** Masks […, height, width]. */
  readonly mask?: (mask: Tensor, ...args: Args) => Tensor;
  /** Boxes and key points. */
  readonly points?: (size: SpatialSize, ...args: Args) => Placement;
}

/** A plain tensor is an image. */
export type Operand = Tensor | Datapoint;

/** An operation on any datapoint; the result is of the same kind. */
export type Operation<Args extends unknown[]> = <T extends Operand>(input: T, ...args: Args) => T;

/** Makes an operation of its kernels. */
export function operation<Args extends unknown[]>(kernels: Kernels<Args>): Operation<Args> {
  const { image, mask, points } = kernels;
  const change = (input: Operand, args: Args): Operand => {
    if (!(input instanceof Datapoint)) return image === undefined ? input : image(input, ...args);
    switch (input.kind) {
      case 'image':
      case 'video':
        return image === undefined ? input : rewrap(input, image(input.data, ...args));
      case 'mask':
        return mask === undefined ? input : rewrap(input, mask(input.data, ...args));
      case 'boundingBox':
      case 'keypoints': {
        if (points === undefined) return input;
        const located = input as BoundingBox | Keypoints;
        const placement = points(located.spatialSize, ...args);
        return located instanceof BoundingBox ? moveBoxes(located, placement) : moveKeypoints(located, placement);
      }
      default:
        return input;
    }
  };
  return <T extends Operand>(input: T, ...args: Args): T => {
    if (!(input instanceof Datapoint) && !isTensor(input))
      throw ArgumentError.expected('input', 'a tensor or a datapoint', input);
    return change(input, args) as T;
  };
}

function isTensor(value: unknown): value is Tensor {
  return typeof value === 'object' && value !== null && 'dtype' in value && 'shape' in value;
}

/** The datapoint itself where its tensor has not changed. */
function rewrap(input: Datapoint, data: Tensor): Datapoint {
  return data === input.data ? input : input.with(data);
}

/** The smallest upright boxes around the moved corners. */
function moveBoxes(box: BoundingBox, { move, size, clamp = false }: Placement): BoundingBox {
  const moved = scope(() => {
    const { dtype, shape } = box.data;
    const floats = isFloatingPoint(dtype) ? box.data : box.data.to('float32');
    const xyxy = convertFormat(floats, box.format, 'XYXY').reshape([-1, 4]);
    const corners = xyxy.indexSelect(1, tensor([0, 1, 2, 1, 2, 3, 0, 3], { device: box.data.device })).reshape([-1, 2]);
    const places = move(corners).reshape([-1, 4, 2]);
    const around = cat([places.amin(1), places.amax(1)], 1);
    const within = clamp ? clampXyxy(around, size) : around;
    return convertFormat(within.to(dtype), 'XYXY', box.format).reshape([...shape]);
  });
  return new BoundingBox(moved, box.format, size);
}

function moveKeypoints(points: Keypoints, { move, size, mirrored = false }: Placement): Keypoints {
  const moved = scope(() => {
    const { data } = points;
    const { dtype, shape } = data;
    const columns = shape.at(-1) ?? 2;
    const flat = data.reshape([-1, columns]);
    const places = move(isFloatingPoint(dtype) ? flat.narrow(1, 0, 2) : flat.narrow(1, 0, 2).to('float32')).to(dtype);
    const whole = columns === 2 ? places : cat([places, flat.narrow(1, 2, columns - 2)], 1);
    const result = whole.reshape([...shape]);
    if (!mirrored || points.mirror === undefined) return result;
    return result.indexSelect(-2, tensor([...points.mirror], { device: data.device }));
  });
  return new Keypoints(moved, size, { mirror: points.mirror });
}
