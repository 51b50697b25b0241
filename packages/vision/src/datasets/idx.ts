/** @file Reads IDX files, the format of MNIST and its relatives: big-endian arrays, often compressed with gzip. */

import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { type DType, FileFormatError, fromBytes, type Tensor } from '@edgeai/torch';

const TYPES: Readonly<Record<number, DType>> = {
  8: 'uint8',
  9: 'int8',
  11: 'int16',
  12: 'int32',
  13: 'float32',
  14: 'float64',
};
const SIZES: Readonly<Record<number, number>> = { 8: 1, 9: 1, 11: 2, 12: 4, 13: 4, 14: 8 };

/**
 * The array in an IDX file, plain or compressed.
 *
 * @throws {FileFormatError} naming the file
 */
export function readIdx(path: string): Tensor {
  return parseIdx(readBytes(path), path);
}

function readBytes(path: string): Buffer {
  const bytes = readFileSync(path);
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return gunzipSync(bytes);
  } catch (error) {
    throw new FileFormatError(`cannot be decompressed, it is damaged or cut off (${(error as Error).message})`, path, {
      cause: error,
    });
  }
}

/** @param path what to call the file in errors */
export function parseIdx(bytes: Buffer, path?: string): Tensor {
  const code = bytes[2] ?? -1;
  const dimensions = bytes[3] ?? 0;
  const dtype = TYPES[code];
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0 || dtype === undefined || dimensions === 0) {
    throw new FileFormatError('is not an IDX file (its first bytes are wrong)', path);
  }
  const start = 4 + 4 * dimensions;
  if (bytes.length < start) throw new FileFormatError(`ends within its header of ${start} bytes`, path);
  const shape = Array.from({ length: dimensions }, (_, i) => bytes.readUInt32BE(4 + 4 * i));
  const size = SIZES[code] as number;
  const expected = shape.reduce((product, length) => product * length, size);
  if (bytes.length - start !== expected) {
    throw new FileFormatError(
      `has ${bytes.length - start} bytes of data, its header [${shape.join(', ')}] of ${dtype} says ${expected}`,
      path,
    );
  }
  const values = bytes.subarray(start);
  if (size === 1) return fromBytes(values, dtype, shape);
  const swapped = Buffer.from(values);
  if (size === 2) swapped.swap16();
  else if (size === 4) swapped.swap32();
  else swapped.swap64();
  return fromBytes(swapped, dtype, shape);
}
