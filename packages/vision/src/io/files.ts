/** @file Whole files as tensors of bytes: what torchvision's `read_file` and `write_file` do. */

import * as fs from 'node:fs/promises';
import { ArgumentError, fromTypedArray, scope, type Tensor } from '@edgeai/torch';

/** The bytes of a file: uint8 tensor [size]. Made after an `await`, it belongs to no scope: dispose it. */
export async function readFile(path: string): Promise<Tensor> {
  const bytes = await fs.readFile(path);
  return fromTypedArray(bytes, [bytes.length]);
}

/** Writes a uint8 tensor [size] to a file. @throws {ArgumentError} for other types and shapes */
export async function writeFile(path: string, data: Tensor): Promise<void> {
  if (data.dtype !== 'uint8' || data.ndim !== 1)
    throw ArgumentError.expected('data', 'a uint8 tensor [size]', `${data.dtype} [${data.shape.join(', ')}]`);
  await fs.writeFile(
    path,
    scope(() => data.contiguous().toTypedArray() as Uint8Array),
  );
}
