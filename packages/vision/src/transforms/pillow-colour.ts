/** @file Pillow's arithmetic of colours on 8-bit images, bit for bit: `Image.blend`, HSV, tables, the smoothing filter. */

import { type DecodedImage, luma } from '../io/decoded-image.ts';

/** `Image.blend(from, image, factor)` with `from(i)` the byte at i: in float32, cut to bytes. */
function blend(image: DecodedImage, factor: number, from: (i: number) => number): DecodedImage {
  const { data } = image;
  const alpha = Math.fround(factor);
  if (alpha === 1) return { ...image, data: data.slice() };
  const target = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const start = from(i);
    const value = Math.fround(start + Math.fround(alpha * ((data[i] as number) - start)));
    target[i] = value <= 0 ? 0 : value >= 255 ? 255 : value;
  }
  return { ...image, data: target };
}

/** `ImageEnhance.Brightness`: away from black. */
export function pillowBrightness(image: DecodedImage, factor: number): DecodedImage {
  return blend(image, factor, () => 0);
}

/** `ImageEnhance.Contrast`: away from the mean grey. */
export function pillowContrast(image: DecodedImage, factor: number): DecodedImage {
  const { data, channels } = image;
  let sum = 0;
  if (channels < 3) for (let i = 0; i < data.length; i += channels) sum += data[i] as number;
  else for (let i = 0; i < data.length; i += channels) sum += grey(data, i);
  const mean = Math.trunc(sum / (data.length / channels) + 0.5);
  return blend(image, factor, () => mean);
}

/** `ImageEnhance.Color`: away from the grey version of each pixel. */
export function pillowSaturation(image: DecodedImage, factor: number): DecodedImage {
  const { data, channels } = image;
  if (channels < 3) return { ...image, data: data.slice() };
  return blend(image, factor, (i) => grey(data, i - (i % channels)));
}

/** `ImageEnhance.Sharpness`: away from the smoothed image. */
export function pillowSharpness(image: DecodedImage, factor: number): DecodedImage {
  const smooth = pillowSmooth(image).data;
  return blend(image, factor, (i) => smooth[i] as number);
}

function grey(data: Uint8Array, i: number): number {
  return luma(data[i] as number, data[i + 1] as number, data[i + 2] as number);
}

const CORNER = Math.fround(1 / 13);
const MIDDLE = Math.fround(5 / 13);

/** `ImageFilter.SMOOTH`: a 3×3 mean with five times the weight in the middle; the outermost pixels stay. */
export function pillowSmooth(image: DecodedImage): DecodedImage {
  const { data, height, width, channels } = image;
  const target = data.slice();
  const stride = width * channels;
  const { fround } = Math;
  const row = (i: number, middle: number) =>
    fround(
      fround(fround((data[i - channels] as number) * CORNER) + fround((data[i] as number) * middle)) +
        fround((data[i + channels] as number) * CORNER),
    );
  for (let y = 1; y < height - 1; y++) {
    for (let i = y * stride + channels; i < (y + 1) * stride - channels; i++) {
      let sum = fround(0.5 + row(i + stride, CORNER));
      sum = fround(sum + row(i, MIDDLE));
      sum = fround(sum + row(i - stride, CORNER));
      target[i] = sum >= 255 ? 255 : sum;
    }
  }
  return { ...image, data: target };
}

/** Turns the hue of an RGB image by `shift` of 256 steps, through Pillow's 8-bit HSV. */
export function pillowHue(image: DecodedImage, shift: number): DecodedImage {
  const { data } = image;
  const target = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 3) {
    const [h, s, v] = toHsv(data[i] as number, data[i + 1] as number, data[i + 2] as number);
    const [r, g, b] = fromHsv((h + shift) & 255, s, v);
    target[i] = r;
    target[i + 1] = g;
    target[i + 2] = b;
  }
  return { ...image, data: target };
}

/** Pillow's HSV of a pixel, each 0 … 255: float32 quotients, cut. */
export function toHsv(r: number, g: number, b: number): [h: number, s: number, v: number] {
  const { fround } = Math;
  const most = Math.max(r, g, b);
  const range = most - Math.min(r, g, b);
  if (range === 0) return [0, 0, most];
  const rc = fround((most - r) / range);
  const gc = fround((most - g) / range);
  const bc = fround((most - b) / range);
  const sixths = fround(r === most ? bc - gc : g === most ? 2 + rc - bc : 4 + gc - rc);
  const hue = fround((sixths / 6 + 1) % 1);
  return [Math.trunc(hue * 255), Math.trunc(fround(range / most) * 255), most];
}

/** The RGB of a pixel in Pillow's HSV. */
export function fromHsv(h: number, s: number, v: number): [r: number, g: number, b: number] {
  if (s === 0) return [v, v, v];
  const { fround, floor } = Math;
  const sixth = floor(fround((h * 6) / 255));
  const f = fround(fround((h * 6) / 255) - sixth);
  const saturation = fround(s / 255);
  // C's round(): halves away from zero.
  const p = floor(v * (1 - saturation) + 0.5);
  const q = floor(v * (1 - saturation * f) + 0.5);
  const t = floor(v * (1 - saturation * (1 - f)) + 0.5);
  switch (sixth % 6) {
    case 0:
      return [v, t, p];
    case 1:
      return [q, v, p];
    case 2:
      return [p, v, t];
    case 3:
      return [p, q, v];
    case 4:
      return [t, p, v];
    default:
      return [v, p, q];
  }
}

/** What each byte becomes, for all channels or one table a channel: `Image.point`. */
export function pillowPoint(image: DecodedImage, tables: readonly Uint8Array[]): DecodedImage {
  const { data, channels } = image;
  const target = new Uint8Array(data.length);
  for (let c = 0; c < channels; c++) {
    const table = tables[tables.length === 1 ? 0 : c] as Uint8Array;
    for (let i = c; i < data.length; i += channels) target[i] = table[data[i] as number] as number;
  }
  return { ...image, data: target };
}

/** How often each byte occurs in a channel. */
export function histogram({ data, channels }: DecodedImage, channel: number): Float64Array {
  const counts = new Float64Array(256);
  for (let i = channel; i < data.length; i += channels) (counts[data[i] as number] as number)++;
  return counts;
}

/** A table from a function of the byte, cut towards zero and limited to bytes. */
export function byteTable(fn: (byte: number) => number): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => Math.min(255, Math.max(0, Math.trunc(fn(byte)))));
}

/** `ImageOps.autocontrast`: each channel's range stretched to 0 … 255. */
export function pillowAutocontrast(image: DecodedImage): DecodedImage {
  const tables = Array.from({ length: image.channels }, (_, channel) => {
    const counts = histogram(image, channel);
    const least = counts.findIndex((count) => count > 0);
    const most = counts.findLastIndex((count) => count > 0);
    if (most <= least) return byteTable((byte) => byte);
    const scale = 255 / (most - least);
    const offset = -least * scale;
    return byteTable((byte) => byte * scale + offset);
  });
  return pillowPoint(image, tables);
}

/** `ImageOps.equalize`, which torchvision's function of tensors repeats: each channel's histogram made flat. */
export function pillowEqualize(image: DecodedImage): DecodedImage {
  const tables = Array.from({ length: image.channels }, (_, channel) => {
    const counts = histogram(image, channel);
    const last = counts.findLast((count) => count > 0) ?? 0;
    const step = Math.floor((counts.reduce((a, b) => a + b, 0) - last) / 255);
    if (step === 0) return byteTable((byte) => byte);
    let below = Math.floor(step / 2);
    return byteTable((byte) => {
      const value = Math.floor(below / step);
      below += counts[byte] as number;
      return value;
    });
  });
  return pillowPoint(image, tables);
}
