/** @file Puts an explanation below a picture: what its colours mean. */

import { cat, fromTypedArray, full, scope, type Tensor } from '@edgeai/torch';
import { imageToTensor } from '../io/decoded-image.ts';
import { loadSharp } from '../io/sharp.ts';
import type { Rgb } from './colours.ts';
import { flowToImage } from './flow-image.ts';

export interface LegendEntry {
  /** `null` for a remark on a line of its own, below the list. */
  readonly colour: Rgb | null;
  readonly text: string;
}

/** Lengths in pixels, in proportion to the picture. */
interface Layout {
  readonly fontSize: number;
  readonly line: number;
  readonly margin: number;
}

function layoutFor(width: number): Layout {
  const fontSize = Math.min(96, Math.max(13, Math.round(width / 45)));
  return { fontSize, line: Math.round(fontSize * 1.7), margin: Math.round(fontSize * 0.7) };
}

/** A generous guess: fonts without serifs are about half as wide as high. */
function textWidth(text: string, fontSize: number): number {
  return Math.ceil(text.length * fontSize * 0.62);
}

/**
 * A picture with a list of colours below it, in as many columns as fit, and remarks below that. A picture that is narrower than the
 * longest text is put on a wider white ground.
 *
 * @param image uint8 `(3, H, W)`
 * @returns a new, higher image
 */
export async function addLegend(image: Tensor, entries: readonly LegendEntry[]): Promise<Tensor> {
  const layout = layoutFor(image.size(2));
  const { fontSize, line, margin } = layout;
  const listed = entries.filter(({ colour }) => colour !== null);
  const remarks = entries.filter(({ colour }) => colour === null);
  const widest = (some: readonly LegendEntry[]) => Math.max(0, ...some.map(({ text }) => textWidth(text, fontSize)));
  const column = 2 * margin + fontSize + widest(listed);
  const width = Math.max(image.size(2), column + margin, widest(remarks) + 2 * margin);
  const columns = Math.max(1, Math.min(listed.length, Math.floor((width - margin) / column)));
  const rows = Math.ceil(listed.length / columns);
  const parts = listed.map(({ colour, text }, i) => {
    const x = margin + Math.floor(i / rows) * column;
    const y = margin + (i % rows) * line;
    const square = `<rect x="${x}" y="${y}" width="${fontSize}" height="${fontSize}" rx="2" fill="rgb(${colour?.join()})" stroke="#444"/>`;
    return square + textElement(text, x + fontSize + margin, y, layout);
  });
  parts.push(...remarks.map(({ text }, i) => textElement(text, margin, margin + (rows + i) * line, layout)));
  const lines = rows + remarks.length;
  using panel = await rasterise(parts.join(''), width, 2 * margin + lines * line - (line - fontSize));
  return below(image, panel);
}

/**
 * A picture of flow with the wheel of its directions below, and the length that its full colours stand for.
 *
 * @param image what {@link flowToImage} made of one flow
 * @param longest in pixels
 */
export async function addFlowLegend(image: Tensor, longest: number): Promise<Tensor> {
  const layout = layoutFor(image.size(2));
  const { fontSize, line, margin } = layout;
  const radius = 2 * fontSize;
  const lines = ['colour: direction of motion', 'white: at rest', `full colour: ${longest.toPrecision(3)} px`];
  const left = 2 * radius + 2 * margin;
  const height = 2 * margin + Math.max(2 * radius, lines.length * line);
  const width = Math.max(image.size(2), left + margin + Math.max(...lines.map((text) => textWidth(text, fontSize))));
  const texts = lines.map((text, i) => textElement(text, left, margin + i * line, layout));
  using panel = await rasterise(texts.join(''), width, height);
  return scope(() => {
    const disc = directions(radius);
    const top = Math.floor((height - 2 * radius) / 2);
    panel
      .narrow(1, top, 2 * radius)
      .narrow(2, margin, 2 * radius)
      .copy_(disc);
    return below(image, panel);
  });
}

/** All directions and lengths up to 1, as they are coloured, in a circle on white. */
function directions(radius: number): Tensor {
  const size = 2 * radius;
  const values = new Float32Array(2 * size * size);
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const [right, down] = [(x + 0.5) / radius - 1, (y + 0.5) / radius - 1];
      if (right ** 2 + down ** 2 > 1) continue;
      values[y * size + x] = right;
      values[size * size + y * size + x] = down;
    }
  return scope(() => flowToImage(fromTypedArray(values, [2, size, size])));
}

function textElement(text: string, x: number, y: number, { fontSize }: Layout): string {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const style = `font-family="DejaVu Sans, Verdana, Helvetica, Arial, sans-serif" font-size="${fontSize}" fill="#111"`;
  return `<text x="${x}" y="${y + Math.round(fontSize * 0.85)}" ${style}>${escaped}</text>`;
}

/** Draws SVG elements on white. */
async function rasterise(elements: string, width: number, height: number): Promise<Tensor> {
  const sharp = await loadSharp();
  const ground = `<rect width="${width}" height="${height}" fill="#fff"/>`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${ground}${elements}</svg>`;
  const data = await sharp(Buffer.from(svg)).flatten({ background: '#fff' }).removeAlpha().raw().toBuffer();
  return imageToTensor({ data, width, height, channels: 3 });
}

/** One image above the other; a narrower one is filled up with white on the right. */
function below(image: Tensor, panel: Tensor): Tensor {
  return scope(() => {
    const missing = panel.size(2) - image.size(2);
    const ground = missing > 0 ? full([3, image.size(1), missing], 255, { dtype: 'uint8' }) : null;
    return cat([ground === null ? image : cat([image, ground], 2), panel], 1);
  });
}
