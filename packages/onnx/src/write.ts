/** @file Writes ONNX files whole or not at all; weights go to a second file when a message could not hold them. */

import { basename } from 'node:path';
import { writeParts } from './files.ts';
import { encode } from './proto/encode.ts';
import { type ModelProto, modelProto, type TensorProto } from './proto/onnx.ts';

/** A protocol buffer message may have 2³¹ − 1 bytes; some room is left for the graph. */
const LARGEST = 2 ** 31 - 2 ** 24;

/** Data starts at multiples of this in the second file, so that runtimes can map it into memory. */
const ALIGNMENT = 4096;

/** Initialisers smaller than this stay in the model. */
const SMALL = 1024;

export interface WriteOptions {
  /** Bytes of weights from which on they go to `<path>.data`. Default: just under 2 GiB, where they must. */
  externalDataThreshold?: number;
}

/** Writes a model. @returns the path of the second file, if there is one */
export function writeOnnx(path: string, model: ModelProto, options: WriteOptions = {}): string | undefined {
  const weights = model.graph?.initializer ?? [];
  const size = weights.reduce((sum, { rawData }) => sum + (rawData?.length ?? 0), 0);
  if (size < Math.min(options.externalDataThreshold ?? LARGEST, LARGEST)) {
    writeParts(path, encode(modelProto, model).parts);
    return undefined;
  }
  const dataPath = `${path}.data`;
  const { parts, initializer } = moveOut(weights, basename(dataPath));
  // The data first: a model never refers to data that is not there.
  writeParts(dataPath, parts);
  writeParts(path, encode(modelProto, { ...model, graph: { ...model.graph, initializer } }).parts);
  return dataPath;
}

/** Large initialisers' data as one sequence of bytes, and the initialisers that refer to it. */
function moveOut(
  weights: readonly TensorProto[],
  location: string,
): { parts: Uint8Array[]; initializer: TensorProto[] } {
  const parts: Uint8Array[] = [];
  let length = 0;
  const initializer = weights.map((tensor) => {
    const { rawData, ...rest } = tensor;
    if (rawData === undefined || rawData.length < SMALL) return tensor;
    const gap = (ALIGNMENT - (length % ALIGNMENT)) % ALIGNMENT;
    if (gap > 0) parts.push(new Uint8Array(gap));
    const offset = length + gap;
    parts.push(rawData);
    length = offset + rawData.length;
    const externalData = [
      { key: 'location', value: location },
      { key: 'offset', value: String(offset) },
      { key: 'length', value: String(rawData.length) },
    ];
    return { ...rest, dataLocation: 1, externalData };
  });
  return { parts, initializer };
}
