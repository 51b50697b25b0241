/** @file Temporary folders and small image files for the tests of this folder. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after } from 'node:test';
import { deflateSync, gunzipSync } from 'node:zlib';

/** A folder that is removed when the test file is done. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vision-datasets-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes a file, with the folders above it. @returns its path */
export function put(folder: string, name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

/** An image file of 2×1 pixels, (value, value, value) and (0, 0, 0). */
export function dot(value: number): Uint8Array {
  return Buffer.concat([Buffer.from('P6 2 1 255\n'), Buffer.from([value, value, value, 0, 0, 0])]);
}

/** An IDX file of bytes. */
export function idx(shape: readonly number[], values: readonly number[]): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.set([0, 0, 8, shape.length]);
  for (const [i, length] of shape.entries()) header.writeUInt32BE(length, 4 + 4 * i);
  return Buffer.concat([header, Buffer.from(values)]);
}

/** The bytes of one of the files in `fixtures/files.json`, which `fixtures/make-fixtures.py` wrote. */
export function fixture(name: string): Buffer {
  const files = JSON.parse(readFileSync(new URL('fixtures/files.json', import.meta.url), 'utf8')) as Record<
    string,
    string
  >;
  const packed = files[name];
  if (packed === undefined) throw new Error(`there is no fixture ${name}`);
  return gunzipSync(Buffer.from(packed, 'base64'));
}

/** Writes many files into a new folder. @returns the folder */
export function tree(files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = temporaryFolder();
  for (const [name, content] of Object.entries(files)) put(folder, name, content);
  return folder;
}

/** A PNG file of 8 or 16 bits a sample; `palette` makes its values indices. */
export function png(
  width: number,
  height: number,
  values: readonly number[],
  options: { bits?: 8 | 16; palette?: boolean } = {},
): Buffer {
  const { bits = 8, palette = false } = options;
  const channels = values.length / (width * height);
  const bytes = bits === 16 ? values.flatMap((value) => [value >> 8, value & 255]) : values;
  const row = (width * channels * bits) / 8;
  const raw = Array.from({ length: height }, (_, y) => [0, ...bytes.slice(y * row, (y + 1) * row)]).flat();
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([bits, palette ? 3 : ([0, 4, 2, 6][channels - 1] ?? 0), 0, 0, 0], 8);
  const colours = Array.from({ length: 768 }, (_, i) => (i * 37) & 255);
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', header),
    ...(palette ? [chunk('PLTE', Buffer.from(colours))] : []),
    chunk('IDAT', deflateSync(Buffer.from(raw))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, content: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), content]);
  const result = Buffer.alloc(body.length + 8);
  result.writeUInt32BE(content.length, 0);
  body.copy(result, 4);
  result.writeUInt32BE(crc32(body), body.length + 4);
  return result;
}

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** A PFM file of one channel, the top row first. */
export function pfm(width: number, height: number, values: readonly number[]): Buffer {
  const data = Buffer.alloc(4 * width * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) data.writeFloatLE(values[y * width + x] ?? 0, 4 * ((height - 1 - y) * width + x));
  return Buffer.concat([Buffer.from(`Pf\n${width} ${height}\n-1.0\n`), data]);
}

/** A `.flo` file; `values` are pairs. */
export function flo(width: number, height: number, values: readonly number[]): Buffer {
  const data = Buffer.alloc(12 + 4 * values.length);
  data.write('PIEH', 'latin1');
  data.writeInt32LE(width, 4);
  data.writeInt32LE(height, 8);
  for (const [i, value] of values.entries()) data.writeFloatLE(value, 12 + 4 * i);
  return data;
}
