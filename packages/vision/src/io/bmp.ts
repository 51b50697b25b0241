/** @file Windows bitmaps, which sharp does not know: decodes uncompressed ones (1, 4, 8, 24 and 32 bits a pixel), writes 24 bits. */

import type { DecodedImage } from './decoded-image.ts';

const UNCOMPRESSED = 0;
const BIT_FIELDS = 3;

export function isBmp(bytes: Uint8Array): boolean {
  return bytes[0] === 0x42 && bytes[1] === 0x4d && bytes.length > 26;
}

/** RGB; grey palettes give one channel. An unused fourth byte is ignored. @throws {Error} saying what is wrong with the file */
export function decodeBmp(bytes: Uint8Array): DecodedImage {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = view.getUint32(10, true);
  const headerSize = view.getUint32(14, true);
  const old = headerSize === 12;
  if (!old && (headerSize < 40 || bytes.length < 54))
    throw new Error(`a bitmap header of ${headerSize} bytes is not supported`);
  const width = old ? view.getUint16(18, true) : view.getInt32(18, true);
  const signedHeight = old ? view.getUint16(20, true) : view.getInt32(22, true);
  const bits = view.getUint16(old ? 24 : 28, true);
  const compression = old ? UNCOMPRESSED : view.getUint32(30, true);
  const height = Math.abs(signedHeight);
  if (width <= 0 || height === 0) throw new Error(`the header says ${width} × ${height}`);
  if (!usesPlainBytes(view, bits, compression))
    throw new Error(`bitmaps of ${bits} bits with compression ${compression} are not supported`);
  const rowBytes = Math.ceil((width * bits) / 32) * 4;
  if (bytes.length < start + rowBytes * height)
    throw new Error(`it ends after ${bytes.length} of ${start + rowBytes * height} bytes`);
  const palette = bits <= 8 ? readPalette(bytes, 14 + headerSize, start, old ? 3 : 4) : undefined;
  const channels = palette?.grey === true ? 1 : 3;
  const data = new Uint8Array(width * height * channels);
  for (let y = 0, o = 0; y < height; y++) {
    // Rows run from the bottom up, unless the height is negative.
    const row = start + rowBytes * (signedHeight > 0 ? height - 1 - y : y);
    for (let x = 0; x < width; x++, o += channels) {
      if (palette === undefined) {
        const at = row + (x * bits) / 8;
        data[o] = bytes[at + 2] as number;
        data[o + 1] = bytes[at + 1] as number;
        data[o + 2] = bytes[at] as number;
        continue;
      }
      const bit = x * bits;
      const index = ((bytes[row + (bit >> 3)] as number) >> (8 - bits - (bit & 7))) & ((1 << bits) - 1);
      for (let c = 0; c < channels; c++) data[o + c] = palette.colours[index * 3 + c] ?? 0;
    }
  }
  return { data, height, width, channels };
}

function usesPlainBytes(view: DataView, bits: number, compression: number): boolean {
  if (compression === UNCOMPRESSED) return bits === 1 || bits === 4 || bits === 8 || bits === 24 || bits === 32;
  // 32 bits with masks that say what would be so without them.
  return (
    compression === BIT_FIELDS &&
    bits === 32 &&
    view.getUint32(54, true) === 0xff0000 &&
    view.getUint32(58, true) === 0xff00 &&
    view.getUint32(62, true) === 0xff
  );
}

function readPalette(
  bytes: Uint8Array,
  from: number,
  to: number,
  entrySize: number,
): { colours: Uint8Array; grey: boolean } {
  const count = Math.min(256, Math.floor((to - from) / entrySize));
  const colours = new Uint8Array(count * 3);
  let grey = true;
  for (let i = 0; i < count; i++) {
    for (let c = 0; c < 3; c++) colours[i * 3 + c] = bytes[from + i * entrySize + 2 - c] as number;
    grey &&= colours[i * 3] === colours[i * 3 + 1] && colours[i * 3] === colours[i * 3 + 2];
  }
  return { colours, grey };
}

const HEADER_SIZE = 54;

/** A bitmap of 24 bits a pixel. @param image of 1 or 3 channels */
export function encodeBmp({ data, height, width, channels }: DecodedImage): Uint8Array {
  const rowBytes = Math.ceil((width * 3) / 4) * 4;
  const bytes = new Uint8Array(HEADER_SIZE + rowBytes * height);
  const view = new DataView(bytes.buffer);
  bytes.set([0x42, 0x4d]);
  view.setUint32(2, bytes.length, true);
  view.setUint32(10, HEADER_SIZE, true);
  view.setUint32(14, 40, true);
  view.setInt32(18, width, true);
  view.setInt32(22, height, true);
  view.setUint16(26, 1, true);
  view.setUint16(28, 24, true);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const from = (y * width + x) * channels;
      const to = HEADER_SIZE + (height - 1 - y) * rowBytes + x * 3;
      // Blue, green, red.
      for (let c = 0; c < 3; c++) bytes[to + c] = data[from + (channels === 3 ? 2 - c : 0)] as number;
    }
  return bytes;
}
