/** @file Reads ONNX files, and data that they keep in other files beside them. */

import { closeSync, existsSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import { FileFormatError, fromBytes, type Tensor, tensor } from '@edgeai/torch';
import { decode } from './proto/decode.ts';
import { type ModelProto, modelProto, type TensorProto } from './proto/onnx.ts';
import { torchType } from './types.ts';

/**
 * Reads a model. Data in other files is read into `rawData`.
 *
 * @throws {FileFormatError} when the file is missing, cut off or no ONNX model, or refers to files outside its folder
 */
export function readOnnx(path: string): ModelProto {
  if (!existsSync(path)) throw new FileFormatError('no such file', path);
  const model = decode(modelProto, readFileSync(path), path);
  if (model.graph === undefined || model.irVersion === undefined)
    throw new FileFormatError('is no ONNX model: it has no graph', path);
  for (const initializer of model.graph.initializer ?? [])
    if (initializer.dataLocation === 1) readExternal(initializer, path);
  return model;
}

function readExternal(tensorProto: TensorProto, path: string): void {
  const entries = new Map(tensorProto.externalData?.map(({ key = '', value = '' }) => [key, value]));
  const location = normalize(entries.get('location') ?? '');
  if (isAbsolute(location) || location === '.' || location.startsWith('..')) {
    throw new FileFormatError(
      `initialiser '${tensorProto.name}' refers to '${location}', which is not below the model's folder`,
      path,
    );
  }
  const file = join(dirname(path), location);
  if (!existsSync(file)) throw new FileFormatError(`its data is in ${location}, which is missing`, path);
  const offset = Number(entries.get('offset') ?? 0);
  const length = entries.has('length') ? Number(entries.get('length')) : statSync(file).size - offset;
  const bytes = new Uint8Array(length);
  const fd = openSync(file, 'r');
  try {
    for (let done = 0; done < length; ) {
      const count = readSync(fd, bytes, done, Math.min(length - done, 2 ** 30), offset + done);
      if (count === 0)
        throw new FileFormatError(
          `is cut off: '${tensorProto.name}' needs bytes ${offset} to ${offset + length}`,
          file,
        );
      done += count;
    }
  } finally {
    closeSync(fd);
  }
  tensorProto.rawData = bytes;
  tensorProto.dataLocation = 0;
  tensorProto.externalData = [];
}

/** The tensor that an initialiser or attribute holds, whichever field its elements are in. */
export function toTensor(proto: TensorProto): Tensor {
  const dtype = torchType(proto.dataType);
  const { name = '', dims = [], rawData } = proto;
  if (dtype === undefined)
    throw new FileFormatError(`tensor '${name}' has element type ${proto.dataType}, which torch does not have`);
  if (rawData !== undefined) return fromBytes(rawData, dtype, dims);
  if (dtype === 'float16' || dtype === 'bfloat16') {
    // Bit patterns, one in each int32.
    const bits = Uint16Array.from(proto.int32Data ?? []);
    return fromBytes(new Uint8Array(bits.buffer), dtype, dims);
  }
  const lists = [proto.floatData, proto.int32Data, proto.int64Data, proto.doubleData, proto.uint64Data];
  const values = lists.find((list) => list !== undefined && list.length > 0) ?? [];
  return tensor([...values], { dtype }).reshape(dims);
}
