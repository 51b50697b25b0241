/** @file Shows boxes in an image, with labels. */

import { ArgumentError, scope, type Tensor } from '@edgeai/torch';
import { convertFormat } from '../datapoints/boxes.ts';
import { BoundingBox } from '../datapoints/datapoint.ts';
import { Canvas } from './canvas.ts';
import { type Colour, type Colours, coloursFor, toRgb } from './colours.ts';

export interface DrawBoxesOptions {
  /** A text for each box; `null` for none. */
  labels?: readonly (string | null)[];
  /** One for all, or one for each. Default: torchvision's palette. */
  colors?: Colours;
  /** Lay the colour over the inside, transparent. Default false. */
  fill?: boolean;
  /** Of the lines, in pixels. Default 1. */
  width?: number;
  /** Height of the labels in pixels; multiples of 8 are drawn. Default 10. */
  fontSize?: number;
  /** Colour behind the labels, which are easier to read then. Default: none, as in torchvision 0.15. */
  labelBackground?: Colour;
}

/** How much of the colour covers the inside of a filled box, of 255. */
const FILL_OPACITY = 100;

/**
 * Draws boxes. A grey image becomes RGB.
 *
 * @param image uint8 [1 or 3, height, width]
 * @param boxes [boxes, 4] as left, top, right, bottom, in pixels, cut to whole ones; or a `BoundingBox`
 * @returns a new uint8 image [3, height, width]
 * @throws {ArgumentError} for other types or shapes, boxes turned inside out, or fewer labels or colours than boxes
 */
export function drawBoundingBoxes(image: Tensor, boxes: Tensor | BoundingBox, options: DrawBoxesOptions = {}): Tensor {
  const { labels, fill = false, width = 1, fontSize = 10, labelBackground } = options;
  checkImage(image);
  const { shape } = boxes instanceof BoundingBox ? boxes.data : boxes;
  if (shape.length !== 2 || shape[1] !== 4)
    throw ArgumentError.expected('boxes', 'the shape [boxes, 4]', `[${shape.join(', ')}]`);
  if (!Number.isInteger(width) || width < 1) throw ArgumentError.expected('width', 'a whole number above 0', width);
  const rows = scope(() => {
    const corners = boxes instanceof BoundingBox ? convertFormat(boxes.data, boxes.format, 'XYXY') : boxes;
    return corners.to('float64').trunc().toArray();
  }) as [number, number, number, number][];
  if (labels !== undefined && labels.length !== rows.length)
    throw ArgumentError.expected('labels', `${rows.length} texts, one a box`, labels);
  const colours = coloursFor(rows.length, options.colors);
  const scale = Math.max(1, Math.round(fontSize / 8));
  const background = labelBackground === undefined ? undefined : toRgb(labelBackground);
  const canvas = new Canvas(image);
  for (const [i, [x0, y0, x1, y1]] of rows.entries()) {
    if (!(x0 <= x1 && y0 <= y1))
      throw ArgumentError.expected('boxes', 'left ≤ right and top ≤ bottom', `[${[x0, y0, x1, y1].join(', ')}]`);
    const colour = colours[i] ?? [0, 0, 0];
    if (fill) canvas.rectangle(x0, y0, x1, y1, colour, FILL_OPACITY);
    canvas.frame(x0, y0, x1, y1, colour, width);
    const label = labels?.[i];
    if (label === undefined || label === null) continue;
    const [left, top] = [x0 + width + 1, y0 + width + 1];
    if (background !== undefined) {
      const size = Canvas.textSize(label, scale);
      canvas.rectangle(left - 1, top - 1, left + size.width, top + size.height, background);
    }
    canvas.text(left, top, label, colour, scale);
  }
  return canvas.toTensor();
}

/** @internal @throws {ArgumentError} for what is no uint8 image, grey or RGB */
export function checkImage(image: Tensor): void {
  if (image.dtype !== 'uint8' || image.ndim !== 3 || (image.size(0) !== 3 && image.size(0) !== 1))
    throw ArgumentError.expected(
      'image',
      'uint8 of shape [1 or 3, height, width]',
      `${image.dtype} [${image.shape.join(', ')}]`,
    );
}
