/** @file The safetensors format: a JSON header that names tensors and their byte ranges, then the bytes. */

import { type DType, dtypeSize } from '../dtype.ts';
import { ArgumentError, FileFormatError } from '../errors.ts';
import { writeFileAtomic, writeFully } from './atomic.ts';
import { WIDENED, type WideUnsigned, widenUnsigned } from './elements.ts';
import { type InputFile, withInputFile } from './input-file.ts';
import { contiguousBytes, numelOf, TensorRecord } from './records.ts';

/** The format's own bound on its header. */
const MAX_HEADER = 100_000_000;
const LENGTH_SIZE = 8;

const NAMES: Readonly<Record<string, DType>> = {
  BOOL: 'bool',
  U8: 'uint8',
  I8: 'int8',
  I16: 'int16',
  I32: 'int32',
  I64: 'int64',
  F16: 'float16',
  BF16: 'bfloat16',
  F32: 'float32',
  F64: 'float64',
  C64: 'complex64',
};
const UNSIGNED: Readonly<Record<string, WideUnsigned>> = { U16: 'uint16', U32: 'uint32', U64: 'uint64' };
const UNSIGNED_SIZES: Readonly<Record<WideUnsigned, number>> = { uint16: 2, uint32: 4, uint64: 8 };

/** What a file holds: tensors by name, and free text about them. */
export interface SafetensorsContent {
  /** In the order of the header. */
  tensors: Map<string, TensorRecord>;
  metadata: Map<string, string>;
}

interface HeaderEntry {
  name: string;
  dtype: DType;
  widened: WideUnsigned | undefined;
  shape: number[];
  begin: number;
  end: number;
}

/**
 * Reads a safetensors file. uint16 is widened to int32, uint32 and uint64 to int64.
 *
 * @throws FileFormatError when the header is not valid, or its byte ranges leave the file, overlap or leave holes.
 */
export function readSafetensors(path: string): SafetensorsContent {
  return withInputFile(path, (file) => {
    const { header, dataStart } = readHeader(file);
    const metadata = new Map<string, string>();
    const entries: HeaderEntry[] = [];
    for (const [name, value] of Object.entries(header)) {
      if (name === '__metadata__') readMetadata(value, metadata, path);
      else entries.push(readEntry(name, value, path));
    }
    checkRanges(entries, file.size - dataStart, path);
    const tensors = new Map<string, TensorRecord>();
    for (const { name, dtype, widened, shape, begin, end } of entries) {
      const bytes = file.read(dataStart + begin, end - begin, `tensor '${name}'`);
      const elements = widened === undefined ? bytes : widenUnsigned(bytes, widened);
      if (elements === undefined) {
        throw new FileFormatError(
          `tensor '${name}' holds a value of 2^63 or more, which does not fit into int64`,
          path,
        );
      }
      tensors.set(name, TensorRecord.of(dtype, shape, elements));
    }
    return { tensors, metadata };
  });
}

function readHeader(file: InputFile): { header: object; dataStart: number } {
  const head = file.read(0, LENGTH_SIZE, 'the length of the header');
  const length = new DataView(head.buffer).getBigUint64(0, true);
  if (length > MAX_HEADER) {
    throw new FileFormatError(
      `not a safetensors file: its header would be ${length} bytes, more than ${MAX_HEADER}`,
      file.path,
    );
  }
  const bytes = file.read(LENGTH_SIZE, Number(length), 'the header');
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new FileFormatError('not a safetensors file: its header is not JSON', file.path, { cause });
  }
  if (bytes[0] !== 0x7b || !isObject(header)) {
    throw new FileFormatError('not a safetensors file: its header is not a JSON object', file.path);
  }
  return { header, dataStart: LENGTH_SIZE + bytes.length };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readMetadata(value: unknown, into: Map<string, string>, path: string): void {
  if (!isObject(value)) throw new FileFormatError('corrupt: __metadata__ is not an object', path);
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw new FileFormatError(`corrupt: __metadata__ '${key}' is not a string`, path);
    into.set(key, text);
  }
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

function readEntry(name: string, value: unknown, path: string): HeaderEntry {
  const { dtype: type, shape, data_offsets: range } = isObject(value) ? value : {};
  const isRange = isSizes(range) && range.length === 2;
  if (typeof type !== 'string' || !isSizes(shape) || shape.length > 64 || !isRange) {
    throw new FileFormatError(
      `corrupt: the header of tensor '${name}' lacks a valid dtype, shape or data_offsets`,
      path,
    );
  }
  const widened = Object.hasOwn(UNSIGNED, type) ? UNSIGNED[type] : undefined;
  const dtype = widened === undefined ? (Object.hasOwn(NAMES, type) ? NAMES[type] : undefined) : WIDENED[widened];
  if (dtype === undefined)
    throw new FileFormatError(`tensor '${name}' has dtype ${type}, which is not supported`, path);
  const [begin = 0, end = 0] = range;
  const expected = numelOf(shape) * (widened === undefined ? dtypeSize(dtype) : UNSIGNED_SIZES[widened]);
  if (end - begin !== expected) {
    throw new FileFormatError(
      `corrupt: tensor '${name}' of shape [${shape}] and dtype ${type} should have ${expected} bytes but has ${end - begin}`,
      path,
    );
  }
  return { name, dtype, widened, shape, begin, end };
}

/** The ranges must cover the data without overlap or hole; a key given twice shows as a hole too. */
function checkRanges(entries: readonly HeaderEntry[], size: number, path: string): void {
  let covered = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== covered) {
      const what = begin < covered ? 'overlaps the tensor before it' : 'leaves a hole before it';
      throw new FileFormatError(`corrupt: tensor '${name}' at bytes ${begin} to ${end} ${what}`, path);
    }
    covered = end;
  }
  if (covered !== size) {
    throw new FileFormatError(`truncated or corrupt: the tensors take ${covered} bytes but the file has ${size}`, path);
  }
}

/**
 * Writes a safetensors file atomically. Tensors are written row-major and each on its own: sharing is not kept.
 *
 * @throws ArgumentError for element types that the format lacks (complex128, the quantised ones).
 */
export function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, TensorRecord>,
  metadata: ReadonlyMap<string, string> = new Map(),
): void {
  const items = [...tensors].map(([name, tensor]) => ({ name, tensor, type: typeName(name, tensor) }));
  // Widest elements first: then each tensor is aligned to its own element size.
  const ordered = [...items].sort((a, b) => dtypeSize(b.tensor.dtype) - dtypeSize(a.tensor.dtype));
  const offsets = new Map<string, [number, number]>();
  let at = 0;
  for (const { name, tensor } of ordered) {
    const length = numelOf(tensor.shape) * dtypeSize(tensor.dtype);
    offsets.set(name, [at, at + length]);
    at += length;
  }
  // Built as text: an object would move names that look like numbers to the front.
  const fields = items.map(({ name, tensor, type }) => {
    const entry = { dtype: type, shape: tensor.shape, data_offsets: offsets.get(name) };
    return `${JSON.stringify(name)}:${JSON.stringify(entry)}`;
  });
  if (metadata.size > 0) {
    const texts = [...metadata].map(([key, text]) => `${JSON.stringify(key)}:${JSON.stringify(text)}`);
    fields.unshift(`"__metadata__":{${texts.join(',')}}`);
  }
  const json = Buffer.from(`{${fields.join(',')}}`);
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, ' ')]);
  if (padded.length > MAX_HEADER)
    throw new ArgumentError('tensors', `the header of ${padded.length} bytes is too long`);
  const length = new DataView(new ArrayBuffer(LENGTH_SIZE));
  length.setBigUint64(0, BigInt(padded.length), true);
  writeFileAtomic(path, (fd) => {
    writeFully(fd, new Uint8Array(length.buffer));
    writeFully(fd, padded);
    for (const { tensor } of ordered) writeFully(fd, contiguousBytes(tensor));
  });
}

function typeName(name: string, tensor: TensorRecord): string {
  if (name === '__metadata__') throw new ArgumentError('tensors', `a tensor cannot be named '__metadata__'`);
  if (!(tensor instanceof TensorRecord)) throw ArgumentError.expected(`tensors['${name}']`, 'a TensorRecord', tensor);
  const type = Object.keys(NAMES).find((key) => NAMES[key] === tensor.dtype);
  if (type === undefined)
    throw new ArgumentError('tensors', `safetensors has no ${tensor.dtype}, the dtype of '${name}'`);
  return type;
}
