/** @file Reads MATLAB's level 5 MAT-files: numeric arrays, text, cells, structures and sparse matrices, compressed or not. */

import { readFileSync } from 'node:fs';
import { inflateSync } from 'node:zlib';
import { FileFormatError } from '@edgeai/torch';

/** Numbers in MATLAB's order: the first dimension runs fastest. */
export interface MatArray {
  readonly kind: 'array';
  readonly shape: readonly number[];
  readonly data:
    | Uint8Array
    | Int8Array
    | Uint16Array
    | Int16Array
    | Uint32Array
    | Int32Array
    | Float32Array
    | Float64Array;
}

/** A sparse matrix by its columns: rows of the values of column c are `rows[starts[c]] … rows[starts[c + 1] - 1]`. */
export interface MatSparse {
  readonly kind: 'sparse';
  readonly shape: readonly number[];
  readonly rows: Int32Array;
  readonly starts: Int32Array;
}

/** Several structures with the same fields; a single one is an array of one. */
export interface MatStruct {
  readonly kind: 'struct';
  readonly shape: readonly number[];
  readonly items: readonly Readonly<Record<string, MatValue>>[];
}

export interface MatCell {
  readonly kind: 'cell';
  readonly shape: readonly number[];
  readonly items: readonly MatValue[];
}

/** Text: one string for each row. */
export interface MatText {
  readonly kind: 'text';
  readonly rows: readonly string[];
}

export type MatValue = MatArray | MatSparse | MatStruct | MatCell | MatText;

const HEADER = 128;
const COMPRESSED = 15;
const MATRIX = 14;
const UTF8 = 16;

/** How the numbers of each type of element are stored: bytes each, and how to view them. */
const NUMBERS: Readonly<Record<number, { size: number; view: (bytes: ArrayBuffer) => MatArray['data'] }>> = {
  1: { size: 1, view: (b) => new Int8Array(b) },
  2: { size: 1, view: (b) => new Uint8Array(b) },
  3: { size: 2, view: (b) => new Int16Array(b) },
  4: { size: 2, view: (b) => new Uint16Array(b) },
  5: { size: 4, view: (b) => new Int32Array(b) },
  6: { size: 4, view: (b) => new Uint32Array(b) },
  7: { size: 4, view: (b) => new Float32Array(b) },
  9: { size: 8, view: (b) => new Float64Array(b) },
  16: { size: 1, view: (b) => new Uint8Array(b) },
  17: { size: 2, view: (b) => new Uint16Array(b) },
};
const [CELL, STRUCT, OBJECT, TEXT, SPARSE, FIRST_NUMERIC, LAST_NUMERIC] = [1, 2, 3, 4, 5, 6, 13];

/** The variables of a MAT-file by name. @throws {FileFormatError} naming the file */
export function readMat(path: string): Map<string, MatValue> {
  return parseMat(readFileSync(path), path);
}

/** @param path what to call the file in errors */
export function parseMat(bytes: Uint8Array, path?: string): Map<string, MatValue> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < HEADER || buffer.toString('latin1', 0, 6) !== 'MATLAB') {
    const hdf = buffer.toString('latin1', 1, 4) === 'HDF' || buffer.toString('latin1', 0, 10).includes('7.3');
    throw new FileFormatError(hdf ? 'is a MAT-file of version 7.3, expected version 5' : 'is not a MAT-file', path);
  }
  if (buffer.toString('latin1', 126, 128) !== 'IM')
    throw new FileFormatError('is a MAT-file of a machine with another byte order, which is not supported', path);
  const variables = new Map<string, MatValue>();
  const visit = (content: Buffer, start: number): void => {
    for (let at = start; at < content.length; ) {
      const element = elementAt(content, at, path);
      // Compressed elements stand without padding.
      at = element.type === COMPRESSED ? element.start + element.length : element.end;
      const data = content.subarray(element.start, element.start + element.length);
      if (element.type === COMPRESSED) visit(inflate(data, path), 0);
      else if (element.type === MATRIX) {
        const { name, value } = readMatrix(data, path);
        if (value !== undefined) variables.set(name, value);
      }
    }
  };
  visit(buffer, HEADER);
  return variables;
}

function inflate(data: Buffer, path: string | undefined): Buffer {
  try {
    return inflateSync(data);
  } catch (error) {
    throw new FileFormatError(`is damaged or cut off (${(error as Error).message})`, path, { cause: error });
  }
}

interface Element {
  readonly type: number;
  readonly start: number;
  readonly length: number;
  /** Where the next one begins. */
  readonly end: number;
}

function elementAt(bytes: Buffer, at: number, path: string | undefined): Element {
  if (at + 8 > bytes.length) throw new FileFormatError(`ends within an element at byte ${at}`, path);
  const tag = bytes.readUInt32LE(at);
  // Up to four bytes stand in the tag itself.
  if (tag >>> 16 > 0) return { type: tag & 0xffff, start: at + 4, length: Math.min(4, tag >>> 16), end: at + 8 };
  const length = bytes.readUInt32LE(at + 4);
  if (at + 8 + length > bytes.length)
    throw new FileFormatError(`ends within an element: ${length} bytes at ${at + 8}, of ${bytes.length}`, path);
  return { type: tag, start: at + 8, length, end: at + 8 + Math.ceil(length / 8) * 8 };
}

function readMatrix(bytes: Buffer, path: string | undefined): { name: string; value: MatValue | undefined } {
  if (bytes.length === 0) return { name: '', value: { kind: 'array', shape: [0, 0], data: new Uint8Array() } };
  let at = 0;
  const next = (): Element => {
    const element = elementAt(bytes, at, path);
    at = element.end;
    return element;
  };
  const flags = next();
  const kind = bytes.readUInt32LE(flags.start) & 0xff;
  const shape = Array.from(numbers(bytes, next(), path));
  const nameElement = next();
  const name = bytes.toString('latin1', nameElement.start, nameElement.start + nameElement.length);
  const count = shape.reduce((product, length) => product * length, 1);
  const matrices = (total: number): MatValue[] =>
    Array.from({ length: total }, () => {
      const { start, length } = next();
      return readMatrix(bytes.subarray(start, start + length), path).value ?? { kind: 'text', rows: [] };
    });
  if (kind >= FIRST_NUMERIC && kind <= LAST_NUMERIC) {
    const data = numbers(bytes, next(), path);
    if (data.length !== count)
      throw new FileFormatError(
        `${name} has ${data.length} numbers, its shape [${shape.join(', ')}] says ${count}`,
        path,
      );
    return { name, value: { kind: 'array', shape, data } };
  }
  switch (kind) {
    case TEXT:
      return { name, value: { kind: 'text', rows: textRows(characters(bytes, next(), path), shape) } };
    case CELL:
      return { name, value: { kind: 'cell', shape, items: matrices(count) } };
    case SPARSE: {
      const rows = Int32Array.from(numbers(bytes, next(), path));
      return { name, value: { kind: 'sparse', shape, rows, starts: Int32Array.from(numbers(bytes, next(), path)) } };
    }
    case STRUCT:
    case OBJECT: {
      if (kind === OBJECT) next();
      const width = numbers(bytes, next(), path)[0] ?? 32;
      const names = next();
      const fields = Array.from(
        { length: Math.floor(names.length / width) },
        (_, i) => bytes.toString('latin1', names.start + i * width, names.start + (i + 1) * width).split('\0')[0] ?? '',
      );
      const items = Array.from({ length: count }, () => {
        const values = matrices(fields.length);
        return Object.fromEntries(fields.map((field, i) => [field, values[i] as MatValue]));
      });
      return { name, value: { kind: 'struct', shape, items } };
    }
    default:
      return { name, value: undefined };
  }
}

function numbers(bytes: Buffer, { type, start, length }: Element, path: string | undefined): MatArray['data'] {
  const known = NUMBERS[type];
  if (known === undefined) throw new FileFormatError(`holds numbers of type ${type}, which are not supported`, path);
  const whole = Math.floor(length / known.size) * known.size;
  // A copy begins at a boundary that every type of number may begin at.
  return known.view(Uint8Array.from(bytes.subarray(start, start + whole)).buffer);
}

/** The code units of a text, column after column. */
function characters(bytes: Buffer, element: Element, path: string | undefined): ArrayLike<number> {
  if (element.type !== UTF8) return numbers(bytes, element, path);
  const text = bytes.toString('utf8', element.start, element.start + element.length);
  return Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
}

function textRows(codes: ArrayLike<number>, shape: readonly number[]): string[] {
  const [rows = 0, columns = 0] = shape;
  return Array.from({ length: rows }, (_, row) =>
    String.fromCharCode(...Array.from({ length: columns }, (_, column) => codes[column * rows + row] ?? 32)),
  );
}

/** A variable as an array of numbers. @throws {FileFormatError} when it is missing or something else */
export function matArray(variables: ReadonlyMap<string, MatValue>, name: string, path: string): MatArray {
  const value = variables.get(name);
  if (value?.kind !== 'array')
    throw new FileFormatError(`has no array ${name}, only ${[...variables.keys()].join(', ') || 'nothing'}`, path);
  return value;
}

/** A variable as structures. @throws {FileFormatError} when it is missing or something else */
export function matStruct(variables: ReadonlyMap<string, MatValue>, name: string, path: string): MatStruct {
  const value = variables.get(name);
  if (value?.kind !== 'struct')
    throw new FileFormatError(`has no structure ${name}, only ${[...variables.keys()].join(', ') || 'nothing'}`, path);
  return value;
}

/** The text in a value; undefined where it is none. */
export function matText(value: MatValue | undefined): string | undefined {
  return value?.kind === 'text' ? value.rows[0] : undefined;
}

/** The first number in a value; undefined where there is none. */
export function matNumber(value: MatValue | undefined): number | undefined {
  return value?.kind === 'array' ? value.data[0] : undefined;
}
