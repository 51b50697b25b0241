/** @file Shows key points in an image, such as the joints of a person, and the lines between them. */

import { ArgumentError, scope, type Tensor } from '@edgeai/torch';
import { Keypoints } from '../datapoints/datapoint.ts';
import { Canvas } from './canvas.ts';
import { type Colour, toRgb } from './colours.ts';
import { checkImage } from './draw-boxes.ts';

export interface DrawKeypointsOptions {
  /** Pairs of numbers of key points that a line joins. */
  connectivity?: readonly (readonly [from: number, to: number])[];
  /** Of the points. Default white. */
  colors?: Colour;
  /** Of the lines. Default white, as in torchvision. */
  lineColor?: Colour;
  /** Of the points, in pixels. Default 2. */
  radius?: number;
  /** Of the lines, in pixels. Default 3. */
  width?: number;
  /** [instances, points], 0 for points not to be drawn; lines to them are left out too. */
  visibility?: Tensor;
}

/**
 * Draws key points and lines between them.
 *
 * @param image uint8 [1 or 3, height, width]
 * @param keypoints [instances, points, 2], x and y in pixels, cut to whole ones; or `Keypoints`, whose third column is the visibility
 * @returns a new uint8 image [3, height, width]
 * @throws {ArgumentError} for other types or shapes, or lines to points that do not exist
 */
export function drawKeypoints(
  image: Tensor,
  keypoints: Tensor | Keypoints,
  options: DrawKeypointsOptions = {},
): Tensor {
  if (!(keypoints instanceof Keypoints)) return drawPoints(image, keypoints, options);
  return scope(() => {
    const { data } = keypoints;
    const visibility = data.size(-1) > 2 ? data.select(-1, 2) : undefined;
    return drawPoints(image, data.narrow(-1, 0, 2), { visibility, ...options });
  });
}

function drawPoints(image: Tensor, keypoints: Tensor, options: DrawKeypointsOptions): Tensor {
  const { connectivity = [], colors = 'white', lineColor = 'white', radius = 2, width = 3, visibility } = options;
  checkImage(image);
  if (keypoints.ndim !== 3 || keypoints.size(2) !== 2)
    throw ArgumentError.expected('keypoints', 'the shape [instances, points, 2]', `[${keypoints.shape.join(', ')}]`);
  const count = keypoints.size(1);
  if (visibility !== undefined && visibility.shape.join() !== keypoints.shape.slice(0, 2).join())
    throw ArgumentError.expected(
      'visibility',
      `the shape [${keypoints.shape.slice(0, 2).join(', ')}]`,
      `[${visibility.shape.join(', ')}]`,
    );
  const valid = (index: number) => Number.isInteger(index) && index >= 0 && index < count;
  for (const pair of connectivity)
    if (pair.length !== 2 || !pair.every(valid))
      throw ArgumentError.expected('connectivity', `pairs of numbers from 0 to ${count - 1}`, `[${pair.join(', ')}]`);
  const instances = scope(() => keypoints.to('float64').trunc().toArray()) as [number, number][][];
  const shown = visibility === undefined ? undefined : (scope(() => visibility.to('float64').toArray()) as number[][]);
  const [colour, lineColour] = [toRgb(colors), toRgb(lineColor)];
  const canvas = new Canvas(image);
  for (const [i, points] of instances.entries()) {
    const at = (k: number) => (shown?.[i]?.[k] === 0 ? undefined : points[k]);
    for (let k = 0; k < count; k++) {
      const point = at(k);
      if (point !== undefined) canvas.disc(point[0], point[1], radius, colour);
    }
    for (const [from, to] of connectivity) {
      const [start, end] = [at(from), at(to)];
      if (start !== undefined && end !== undefined) canvas.line(...start, ...end, lineColour, width);
    }
  }
  return canvas.toTensor();
}
