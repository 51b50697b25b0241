/** @file Reads the formats of optical flow and disparity: Middlebury's `.flo`, `.pfm`, and KITTI's 16-bit PNG. */

import { readFile } from 'node:fs/promises';
import { FileFormatError, fromTypedArray, scope, type Tensor } from '@edgeai/torch';
import type { PngSamples } from './png-samples.ts';

/** Planes of numbers: channel after channel, row after row from the top. */
export interface FloatPlanes {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly data: Float32Array;
}

/** float32 [channels, height, width]. */
export function planesToTensor({ data, channels, height, width }: FloatPlanes): Tensor {
  return fromTypedArray(data, [channels, height, width]);
}

/** A `.flo` file: 2 channels, motion to the right and down in pixels. @throws {FileFormatError} naming the file */
export async function loadFlo(path: string): Promise<FloatPlanes> {
  const bytes = await readFile(path);
  if (bytes.toString('latin1', 0, 4) !== 'PIEH')
    throw new FileFormatError('is not a .flo file (its first bytes are wrong)', path);
  if (bytes.length < 12) throw new FileFormatError('ends within its header', path);
  const [width, height] = [bytes.readInt32LE(4), bytes.readInt32LE(8)];
  checkSize(bytes.length - 12, 8 * width * height, width, height, path);
  const data = new Float32Array(2 * width * height);
  for (let i = 0; i < width * height; i++) {
    data[i] = bytes.readFloatLE(12 + 8 * i);
    data[width * height + i] = bytes.readFloatLE(16 + 8 * i);
  }
  return { channels: 2, height, width, data };
}

/**
 * A `.pfm` file, grey (`Pf`) or colour (`PF`), turned the right way up.
 *
 * @param channels keep so many at most
 * @throws {FileFormatError} naming the file
 */
export async function loadPfm(path: string, channels = 3): Promise<FloatPlanes> {
  const bytes = await readFile(path);
  const match = /^(PF|Pf)\s+(\d+)\s+(\d+)\s+([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s/.exec(bytes.toString('latin1', 0, 128));
  if (match === null) throw new FileFormatError('is not a PFM file (its header is wrong)', path);
  const stored = match[1] === 'PF' ? 3 : 1;
  const [width, height] = [Number(match[2]), Number(match[3])];
  const little = Number(match[4]) < 0;
  const start = match[0].length;
  checkSize(bytes.length - start, 4 * width * height * stored, width, height, path);
  const kept = Math.min(stored, channels);
  const data = new Float32Array(kept * width * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < kept; c++) {
        const at = start + 4 * (((height - 1 - y) * width + x) * stored + c);
        data[(c * height + y) * width + x] = little ? bytes.readFloatLE(at) : bytes.readFloatBE(at);
      }
  return { channels: kept, height, width, data };
}

function checkSize(have: number, wanted: number, width: number, height: number, path: string): void {
  if (width > 0 && height > 0 && have >= wanted) return;
  throw new FileFormatError(`has ${have} bytes of data, its header ${width} × ${height} says ${wanted}`, path);
}

/** KITTI's flow in a 16-bit RGB PNG: [flow float32 [2, H, W] in pixels, valid bool [H, W]]. */
export function kittiFlow(samples: PngSamples): [flow: Tensor, valid: Tensor] {
  const { data, height, width, channels } = samples;
  return scope(() => {
    const flow = new Float32Array(2 * height * width);
    const valid = new Uint8Array(height * width);
    for (let i = 0; i < height * width; i++) {
      flow[i] = ((data[i * channels] as number) - 2 ** 15) / 64;
      flow[height * width + i] = ((data[i * channels + 1] as number) - 2 ** 15) / 64;
      valid[i] = data[i * channels + 2] === 0 ? 0 : 1;
    }
    return [fromTypedArray(flow, [2, height, width]), fromTypedArray(valid, [height, width]).to('bool')];
  });
}
