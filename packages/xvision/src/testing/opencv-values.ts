/** @file Values that OpenCV computed for small arrays, recorded once in `opencv.json`, as the tests compare with them. */

import { readFileSync } from 'node:fs';
import { fromTypedArray, scope, type Tensor } from '@edgeai/torch';

/** An array in rows of pixels. */
export interface Recorded {
  readonly dtype: 'uint8' | 'float32';
  readonly shape: readonly number[];
  readonly data: string;
}

/** What a joint transform made of its input, with the random numbers that were drawn. */
export interface RecordedTransform {
  readonly pinned: Readonly<Record<string, unknown>>;
  readonly images: readonly Recorded[];
  readonly targets: readonly Recorded[];
}

interface OpenCvValues {
  readonly inputs: Readonly<Record<'img' | 'img8' | 'lab' | 'flow', Recorded>>;
  readonly resize: Readonly<Record<string, Recorded>>;
  readonly rotate: Readonly<Record<string, Recorded>>;
  readonly transforms: Readonly<Record<string, RecordedTransform>>;
  readonly visual: Readonly<Record<string, Recorded>>;
}

export const opencv = JSON.parse(readFileSync(new URL('opencv.json', import.meta.url), 'utf8')) as OpenCvValues;

/** The values in their order in the file. */
export function valuesOf({ dtype, data }: Recorded): Uint8Array | Float32Array {
  const bytes = new Uint8Array(Buffer.from(data, 'base64'));
  return dtype === 'uint8' ? bytes : new Float32Array(bytes.buffer);
}

/** As this library has it: `(C, H, W)`, labels `(1, H, W)`. */
export function mapOf(recorded: Recorded | undefined): Tensor {
  if (recorded === undefined) throw new Error('there is no such record');
  const [height = 0, width = 0, channels = 1] = recorded.shape;
  return scope(() => fromTypedArray(valuesOf(recorded), [height, width, channels]).permute([2, 0, 1]).contiguous());
}

/** The largest difference between a map and a record; the shapes must agree. */
export function difference(map: Tensor, recorded: Recorded | undefined): number {
  return scope(() => {
    const wanted = mapOf(recorded);
    if (wanted.shape.join() !== map.shape.join()) throw new Error(`expected [${wanted.shape}] but got [${map.shape}]`);
    return Number(map.to('float64').sub(wanted.to('float64')).abs().max().item());
  });
}
