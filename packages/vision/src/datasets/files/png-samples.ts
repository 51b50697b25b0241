/** @file PNG files for their numbers: palette indices and 16-bit samples as they are stored, which image readers turn into colours. */

import { readFile } from 'node:fs/promises';
import { FileFormatError, fromTypedArray, scope, type Tensor } from '@edgeai/torch';
import { decodePngSamples, type PngSamples } from '../../io/png.ts';

export type { PngSamples } from '../../io/png.ts';

/** Reads the file's samples as stored: 1 to 8 bits as bytes, 16 bits as such. @throws {FileFormatError} naming the file */
export async function loadPngSamples(path: string): Promise<PngSamples> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new FileFormatError(missing ? 'there is no such file' : (error as Error).message, path, { cause: error });
  }
  try {
    return await decodePngSamples(bytes);
  } catch (error) {
    throw new FileFormatError(`is not a readable PNG file: ${(error as Error).message}`, path, { cause: error });
  }
}

/** The samples as a tensor [channels, height, width]: uint8, or int32 for 16 bits. */
export function samplesToTensor({ data, height, width, channels }: PngSamples): Tensor {
  return scope(() => {
    const values = data instanceof Uint16Array ? Int32Array.from(data) : data;
    return fromTypedArray(values, [height, width, channels]).permute([2, 0, 1]);
  });
}

/** The indices of a mask file as a tensor [1, height, width]. */
export function maskToTensor(samples: PngSamples): Tensor {
  return scope(() => samplesToTensor(samples).narrow(0, 0, 1));
}
