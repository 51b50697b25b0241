/** @file A sheet of small pictures from a data set, with their labels, boxes or masks drawn: one look tells whether all is well. */

import { fromTypedArray, scope, type Tensor } from '@edgeai/torch';
import { type DecodedImage, imageToTensor } from '../../io/decoded-image.ts';
import { loadSharp } from '../../io/sharp.ts';
import { classColours, type Rgb } from '../../utils/colours.ts';
import { drawBoundingBoxes } from '../../utils/draw-boxes.ts';
import { makeGrid } from '../../utils/grid.ts';
import type { PngSamples } from '../files/png-samples.ts';
import type { Annotation, LayoutSplit } from './layout.ts';
import { spread } from './statistics.ts';

export interface ContactSheetOptions {
  /** Pictures on the sheet. Default 24. */
  count?: number;
  /** Width and height of each, in pixels. Default 224. */
  cell?: number;
  /** Pictures in a row. Default 6. */
  columns?: number;
  /** Which samples. Default: evenly spread. */
  indices?: readonly number[];
}

export interface ContactSheet {
  /** uint8 [3, height, width]. It belongs to no scope: dispose it. */
  readonly image: Tensor;
  readonly indices: readonly number[];
  /** Samples that could not be read, shown as a crossed-out cell. */
  readonly unreadable: readonly { readonly path: string; readonly message: string }[];
}

const MASK_OPACITY = 0.6;
/** Values of masks that stand for no class in all the data sets with masks. */
const VOID = 255;

/** Draws samples of a part. */
export async function contactSheet(
  split: LayoutSplit,
  classes: readonly string[],
  options: ContactSheetOptions = {},
): Promise<ContactSheet> {
  const { count = 24, cell = 224, columns = 6 } = options;
  const indices = options.indices ?? spread(split.length, count);
  const unreadable: { path: string; message: string }[] = [];
  const cells: Tensor[] = [];
  try {
    for (const index of indices) {
      try {
        const image = await split.image(index);
        cells.push(await drawCell(image, await split.annotation(index), classes, cell));
      } catch (error) {
        unreadable.push({ path: split.path(index), message: (error as Error).message });
        cells.push(crossedOut(cell));
      }
    }
    const grid = scope(() => makeGrid(cells, { nrow: columns, padding: 4, padValue: 255 }).to('uint8'));
    return { image: grid, indices, unreadable };
  } finally {
    for (const made of cells) made.dispose();
  }
}

/** A picture in the middle of a square cell, with what is said about it. */
async function drawCell(
  image: DecodedImage,
  { label, boxes, mask }: Annotation,
  classes: readonly string[],
  cell: number,
): Promise<Tensor> {
  const painted = mask === undefined ? image : withMask(image, mask, Math.max(classes.length, 2));
  const scale = Math.min(cell / image.width, cell / image.height);
  const [width, height] = [Math.max(1, Math.round(image.width * scale)), Math.max(1, Math.round(image.height * scale))];
  const [left, top] = [Math.floor((cell - width) / 2), Math.floor((cell - height) / 2)];
  const sharp = await loadSharp();
  const { data, height: rows, width: rowLength, channels } = painted;
  const small = await sharp(data, { raw: { width: rowLength, height: rows, channels: channels as 1 | 2 | 3 | 4 } })
    // Pixels of tiny pictures stay visible.
    .resize(width, height, { fit: 'fill', kernel: scale > 1.5 ? 'nearest' : 'lanczos3' })
    .extend({ top, left, bottom: cell - height - top, right: cell - width - left, background: '#222' })
    .removeAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer();
  return scope(() => {
    const picture = imageToTensor({ data: small, width: cell, height: cell, channels: 3 });
    const names = [...new Set([...classes, ...(boxes ?? []).map(({ name }) => name)])];
    const palette = classColours(names.length);
    const drawn: { box: number[]; text: string; colour: Rgb }[] = (boxes ?? []).map(({ box, name }) => ({
      box: [
        clamp(box[0] * scale + left, cell),
        clamp(box[1] * scale + top, cell),
        clamp(box[2] * scale + left, cell),
        clamp(box[3] * scale + top, cell),
      ],
      text: name,
      colour: palette[names.indexOf(name)] ?? [255, 255, 255],
    }));
    if (label !== undefined)
      drawn.push({
        box: [0, 0, cell - 1, cell - 1],
        text: (classes[label] ?? `class ${label}`).slice(0, Math.floor(cell / 8) - 1),
        colour: palette[label] ?? [255, 255, 255],
      });
    const visible = drawn.filter(({ box: [x0 = 0, y0 = 0, x1 = 0, y1 = 0] }) => x1 > x0 && y1 > y0);
    if (visible.length === 0) return picture.contiguous();
    const corners = fromTypedArray(Float32Array.from(visible.flatMap(({ box }) => box)), [visible.length, 4]);
    return drawBoundingBoxes(picture, corners, {
      labels: visible.map(({ text }) => text),
      colors: visible.map(({ colour }) => colour),
      width: 2,
      fontSize: 8,
      labelBackground: 'black',
    });
  });
}

function clamp(value: number, cell: number): number {
  return Math.min(Math.max(Math.round(value), 0), cell - 1);
}

/** The picture with the colours of its classes laid over it. */
function withMask(image: DecodedImage, mask: PngSamples, classes: number): DecodedImage {
  const colours = classColours(classes);
  const data = Uint8Array.from(image.data);
  for (let y = 0; y < image.height; y++)
    for (let x = 0; x < image.width; x++) {
      const [my, mx] = [Math.floor((y * mask.height) / image.height), Math.floor((x * mask.width) / image.width)];
      const value = mask.data[(my * mask.width + mx) * mask.channels] as number;
      const colour = value === VOID ? undefined : colours[value];
      if (colour === undefined) continue;
      for (let c = 0; c < 3; c++) {
        const at = (y * image.width + x) * image.channels + c;
        data[at] = Math.round((data[at] as number) * (1 - MASK_OPACITY) + (colour[c] as number) * MASK_OPACITY);
      }
    }
  return { ...image, data };
}

/** A cell for what cannot be read. */
function crossedOut(cell: number): Tensor {
  const data = new Uint8Array(cell * cell * 3).fill(34);
  for (let i = 0; i < cell; i++) for (const x of [i, cell - 1 - i]) data.set([200, 40, 40], (i * cell + x) * 3);
  return scope(() => imageToTensor({ data, width: cell, height: cell, channels: 3 }).contiguous());
}
