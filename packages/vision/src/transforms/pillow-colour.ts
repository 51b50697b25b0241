/** @file Pillow's arithmetic of colours on 8-bit images, bit for bit: `Image.blend`, HSV, tables, the smoothing filter. */

import { type DecodedImage, luma } from '../io/decoded-image.ts';

const { fround } = Math;

/** One byte of `Image.blend`: from `start` towards `byte` or past it, in float32. Stores into bytes limit and cut it. */
function mixed(start: number, byte: number, alpha: number): number {
  const value = fround(start + fround(alpha * (byte - start)));
  return value <= 0 ? 0 : value >= 255 ? 255 : value;
}

/** A blend with the same start for all bytes, as a table. */
function blendConstant(image: DecodedImage, factor: number, start: number): DecodedImage {
  const alpha = fround(factor);
  return pillowPoint(image, [byteTable((byte) => mixed(start, byte, alpha))]);
}

/** `ImageEnhance.Brightness`: away from black. */
export function pillowBrightness(image: DecodedImage, factor: number): DecodedImage {
  return blendConstant(image, factor, 0);
}

/** `ImageEnhance.Contrast`: away from the mean grey. */
export function pillowContrast(image: DecodedImage, factor: number): DecodedImage {
  const { data, channels } = image;
  let sum = 0;
  if (channels < 3) for (let i = 0; i < data.length; i += channels) sum += data[i] as number;
  else for (let i = 0; i < data.length; i += channels) sum += grey(data, i);
  return blendConstant(image, factor, Math.trunc(sum / (data.length / channels) + 0.5));
}

/** `ImageEnhance.Color`: away from the grey version of each pixel. */
export function pillowSaturation(image: DecodedImage, factor: number): DecodedImage {
  const { data, channels } = image;
  if (channels < 3) return { ...image, data: data.slice() };
  const alpha = fround(factor);
  const target = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += channels) {
    const start = grey(data, i);
    for (let k = i; k < i + channels; k++) target[k] = mixed(start, data[k] as number, alpha);
  }
  return { ...image, data: target };
}

/** `ImageEnhance.Sharpness`: away from the smoothed image. */
export function pillowSharpness(image: DecodedImage, factor: number): DecodedImage {
  const { data } = image;
  const smooth = pillowSmooth(image);
  const target = smooth.data;
  const alpha = fround(factor);
  for (let i = 0; i < data.length; i++) target[i] = mixed(target[i] as number, data[i] as number, alpha);
  return smooth;
}

function grey(data: Uint8Array, i: number): number {
  return luma(data[i] as number, data[i + 1] as number, data[i + 2] as number);
}

const CORNERS = Float32Array.from({ length: 256 }, (_, byte) => byte * fround(1 / 13));
const MIDDLES = Float32Array.from({ length: 256 }, (_, byte) => byte * fround(5 / 13));

/** `ImageFilter.SMOOTH`: a 3×3 mean with five times the weight in the middle; the outermost pixels stay. */
export function pillowSmooth(image: DecodedImage): DecodedImage {
  const { data, height, width, channels } = image;
  const target = data.slice();
  const stride = width * channels;
  // The products are those of a byte with one of two weights; the sums are float32, from left to right and bottom to top.
  for (let y = 1; y < height - 1; y++) {
    for (let i = y * stride + channels; i < (y + 1) * stride - channels; i++) {
      let sum = fround(0.5 + weighted(i + stride, CORNERS));
      sum = fround(sum + weighted(i, MIDDLES));
      sum = fround(sum + weighted(i - stride, CORNERS));
      target[i] = sum >= 255 ? 255 : sum;
    }
  }
  return { ...image, data: target };

  function weighted(i: number, middle: Float32Array): number {
    const left = CORNERS[data[i - channels] as number] as number;
    const right = CORNERS[data[i + channels] as number] as number;
    return fround(fround(left + (middle[data[i] as number] as number)) + right);
  }
}

/** Turns the hue of an RGB image by `shift` of 256 steps, through Pillow's 8-bit HSV. */
export function pillowHue(image: DecodedImage, shift: number): DecodedImage {
  const { data } = image;
  const target = new Uint8Array(data.length);
  const hsv = new Uint8Array(3);
  for (let i = 0; i < data.length; i += 3) {
    toHsv(data, i, hsv, 0);
    hsv[0] = (hsv[0] as number) + shift;
    fromHsv(hsv, 0, target, i);
  }
  return { ...image, data: target };
}

/** Pillow's HSV of the pixel at `i`, each 0 … 255, into `target` at `o`: float32 quotients, cut. */
export function toHsv(data: Uint8Array, i: number, target: Uint8Array, o: number): void {
  const r = data[i] as number;
  const g = data[i + 1] as number;
  const b = data[i + 2] as number;
  const most = Math.max(r, g, b);
  const range = most - Math.min(r, g, b);
  target[o + 2] = most;
  if (range === 0) {
    target[o] = target[o + 1] = 0;
    return;
  }
  const rc = fround((most - r) / range);
  const gc = fround((most - g) / range);
  const bc = fround((most - b) / range);
  const sixths = fround(r === most ? bc - gc : g === most ? 2 + rc - bc : 4 + gc - rc);
  target[o] = fround((sixths / 6 + 1) % 1) * 255;
  target[o + 1] = fround(range / most) * 255;
}

/** The RGB of the pixel in Pillow's HSV at `i`, into `target` at `o`. */
export function fromHsv(data: Uint8Array, i: number, target: Uint8Array, o: number): void {
  const s = data[i + 1] as number;
  const v = data[i + 2] as number;
  if (s === 0) {
    target[o] = target[o + 1] = target[o + 2] = v;
    return;
  }
  const sixths = fround(((data[i] as number) * 6) / 255);
  const sixth = Math.floor(sixths);
  const f = fround(sixths - sixth);
  const saturation = fround(s / 255);
  // C's round(): halves away from zero.
  const p = Math.floor(v * (1 - saturation) + 0.5);
  const q = Math.floor(v * (1 - saturation * f) + 0.5);
  const t = Math.floor(v * (1 - saturation * (1 - f)) + 0.5);
  switch (sixth % 6) {
    case 0:
      store(target, o, v, t, p);
      break;
    case 1:
      store(target, o, q, v, p);
      break;
    case 2:
      store(target, o, p, v, t);
      break;
    case 3:
      store(target, o, p, q, v);
      break;
    case 4:
      store(target, o, t, p, v);
      break;
    default:
      store(target, o, v, p, q);
  }
}

function store(target: Uint8Array, o: number, r: number, g: number, b: number): void {
  target[o] = r;
  target[o + 1] = g;
  target[o + 2] = b;
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
