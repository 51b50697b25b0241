/**
 * @file Decodes PNG files to the samples stored in them. sharp shows colours in 8 bits; some data sets need what lies below:
 * the indices of a palette (class numbers of Pascal VOC, CamVid) and 16-bit values (depth and flow of KITTI).
 */

import { promisify } from 'node:util';
import { inflate } from 'node:zlib';

const inflateAsync = promisify<Uint8Array, Buffer>(inflate);

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** Channels by the header's colour type. */
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const PALETTE = 3;

/** The seven passes of interlaced files: first pixel and step, in x and y. */
const ADAM7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

export interface PngHeader {
  readonly width: number;
  readonly height: number;
  /** Bits a sample: 1, 2, 4, 8 or 16. */
  readonly bitDepth: number;
  readonly isPalette: boolean;
  /** Samples a pixel; 1 for palettes. */
  readonly channels: number;
  readonly interlaced: boolean;
}

export interface PngSamples extends PngHeader {
  /** Row after row, the channels of a pixel side by side, as stored: not scaled to the full range. */
  readonly data: Uint8Array | Uint16Array;
}

/** The header; undefined where `bytes` is no PNG. */
export function pngHeader(bytes: Uint8Array): PngHeader | undefined {
  if (bytes.length < 33 || SIGNATURE.some((byte, i) => bytes[i] !== byte)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const colourType = view.getUint8(25);
  return {
    width: view.getUint32(16),
    height: view.getUint32(20),
    bitDepth: view.getUint8(24),
    isPalette: colourType === PALETTE,
    channels: CHANNELS[colourType] ?? 0,
    interlaced: view.getUint8(28) === 1,
  };
}

/** @throws {Error} saying what is wrong with the file */
export async function decodePngSamples(bytes: Uint8Array): Promise<PngSamples> {
  const header = pngHeader(bytes);
  if (header === undefined) throw new Error('it is not a PNG file');
  const { width, height, bitDepth, channels } = header;
  if (width === 0 || height === 0 || channels === 0 || ![1, 2, 4, 8, 16].includes(bitDepth))
    throw new Error(`the header says ${width} × ${height}, ${bitDepth} bits, ${channels} channels`);
  const rows = await inflateAsync(imageData(bytes));
  const count = width * height * channels;
  const data = bitDepth === 16 ? new Uint16Array(count) : new Uint8Array(count);
  let at = 0;
  for (const [x0, y0, dx, dy] of header.interlaced ? ADAM7 : [[0, 0, 1, 1] as const]) {
    const [columns, lines] = [Math.ceil((width - x0) / dx), Math.ceil((height - y0) / dy)];
    if (columns <= 0 || lines <= 0) continue;
    const rowBytes = Math.ceil((columns * channels * bitDepth) / 8);
    if (rows.length < at + (rowBytes + 1) * lines) throw new Error('its image data ends too early');
    unfilter(rows, at, rowBytes, lines, Math.max(1, (channels * bitDepth) >> 3));
    for (let line = 0; line < lines; line++, at += rowBytes + 1) {
      const first = ((y0 + line * dy) * width + x0) * channels;
      spread(rows, at + 1, columns, header, data, first, dx * channels);
    }
  }
  return { ...header, data };
}

/** The contents of all IDAT chunks. */
function imageData(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts: Uint8Array[] = [];
  for (let at = 8; ; ) {
    if (at + 12 > bytes.length) throw new Error(`it ends after ${bytes.length} bytes, in the middle of its chunks`);
    const size = view.getUint32(at);
    const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (kind === 'IEND') break;
    if (at + 12 + size > bytes.length)
      throw new Error(`it ends after ${bytes.length} of at least ${at + 12 + size} bytes`);
    if (kind === 'IDAT') parts.push(bytes.subarray(at + 8, at + 8 + size));
    at += 12 + size;
  }
  return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
}

/** Undoes, in place, that rows are stored as differences to their neighbours; each begins with a byte for the kind of filter. */
function unfilter(rows: Uint8Array, start: number, rowBytes: number, lines: number, pixelBytes: number): void {
  for (let line = 0; line < lines; line++) {
    const row = start + line * (rowBytes + 1) + 1;
    const above = line === 0 ? -1 : row - rowBytes - 1;
    const filter = rows[row - 1] as number;
    if (filter === 0) continue;
    if (filter > 4) throw new Error(`a row has the unknown filter ${filter}`);
    for (let i = 0; i < rowBytes; i++) {
      const left = i >= pixelBytes ? (rows[row + i - pixelBytes] as number) : 0;
      const up = above >= 0 ? (rows[above + i] as number) : 0;
      const corner = above >= 0 && i >= pixelBytes ? (rows[above + i - pixelBytes] as number) : 0;
      rows[row + i] = (rows[row + i] as number) + predict(filter, left, up, corner);
    }
  }
}

function predict(filter: number, left: number, up: number, corner: number): number {
  if (filter === 1) return left;
  if (filter === 2) return up;
  if (filter === 3) return (left + up) >> 1;
  // Paeth: whichever neighbour is closest to left + up − corner.
  const [toLeft, toUp, toCorner] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
  if (toLeft <= toUp && toLeft <= toCorner) return left;
  return toUp <= toCorner ? up : corner;
}

/** Unpacks the samples of a row, and puts its pixels where they belong. */
function spread(
  rows: Uint8Array,
  at: number,
  columns: number,
  { bitDepth, channels }: PngHeader,
  data: Uint8Array | Uint16Array,
  first: number,
  step: number,
): void {
  const mask = (1 << bitDepth) - 1;
  for (let x = 0, sample = 0; x < columns; x++)
    for (let c = 0; c < channels; c++, sample++) {
      const target = first + x * step + c;
      if (bitDepth === 8) data[target] = rows[at + sample] as number;
      else if (bitDepth === 16)
        data[target] = ((rows[at + 2 * sample] as number) << 8) | (rows[at + 2 * sample + 1] as number);
      else {
        const bit = sample * bitDepth;
        data[target] = ((rows[at + (bit >> 3)] as number) >> (8 - bitDepth - (bit & 7))) & mask;
      }
    }
}
