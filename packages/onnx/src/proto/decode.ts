/** @file Bytes to messages. Byte fields are views into the given buffer; fields that the tables do not know are passed over. */

import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { FileFormatError } from '@edgeai/torch';
import { wireType } from './encode.ts';
import type { Field, MessageType, ScalarKind } from './schema.ts';

/** ONNX nests graphs in attributes; a file that goes deeper than this was made to exhaust the stack. */
const DEEPEST = 100;

/**
 * Decodes a message. Repeated fields are always arrays, empty ones too.
 *
 * @throws {FileFormatError} when the bytes are cut off or are no such message
 */
export function decode<T extends object>(type: MessageType<T>, bytes: Uint8Array, path?: string): T {
  try {
    return readMessage(new BinaryReader(bytes), type, bytes.length, 0) as T;
  } catch (error) {
    throw new FileFormatError(`is no ${type.name}: ${error instanceof Error ? error.message : String(error)}`, path, {
      cause: error,
    });
  }
}

const tables = new WeakMap<MessageType<object>, Map<number, [string, Field]>>();

function fieldsByNumber(type: MessageType<object>): Map<number, [string, Field]> {
  let found = tables.get(type);
  if (found === undefined) {
    found = new Map(Array.from(type.fields, ([name, field]) => [field.number, [name, field]]));
    tables.set(type, found);
  }
  return found;
}

function readMessage(reader: BinaryReader, type: MessageType<object>, end: number, depth: number): object {
  if (depth > DEEPEST) throw new Error(`messages are nested more than ${DEEPEST} deep`);
  const result: Record<string, unknown> = {};
  for (const [name, field] of type.fields) if (field.repeated) result[name] = [];
  const fields = fieldsByNumber(type);
  while (reader.pos < end) {
    const [number, wire] = reader.tag();
    const [name, field] = fields.get(number) ?? [];
    if (name === undefined || field === undefined) {
      reader.skip(wire, number);
      continue;
    }
    if (field.repeated && isPackable(field) && wire === WireType.LengthDelimited) {
      const last = lengthOf(reader, end);
      const list = result[name] as unknown[];
      while (reader.pos < last) list.push(readScalar(reader, field.kind as ScalarKind));
      continue;
    }
    const expected = typeof field.kind === 'function' ? WireType.LengthDelimited : wireType(field.kind);
    if (wire !== expected) throw new Error(`field ${name} of ${type.name} has the wrong wire type ${wire}`);
    const value = readOne(reader, field, end, depth);
    if (field.repeated) (result[name] as unknown[]).push(value);
    else result[name] = value;
  }
  if (reader.pos > end) throw new Error(`${type.name} is longer than its place`);
  return result;
}

function isPackable({ kind }: Field): boolean {
  return typeof kind === 'string' && kind !== 'string' && kind !== 'bytes';
}

function readOne(reader: BinaryReader, field: Field, end: number, depth: number): unknown {
  const { kind } = field;
  if (typeof kind === 'function') return readMessage(reader, kind(), lengthOf(reader, end), depth + 1);
  return readScalar(reader, kind);
}

/** Reads a length and returns where what follows ends. */
function lengthOf(reader: BinaryReader, end: number): number {
  const last = reader.uint32() + reader.pos;
  if (last > end) throw new Error('the file is cut off');
  return last;
}

function readScalar(reader: BinaryReader, kind: ScalarKind): unknown {
  switch (kind) {
    case 'int':
      return Number(reader.int64());
    case 'int64':
      return narrow(reader.int64());
    case 'uint64':
      return narrow(reader.uint64());
    case 'float':
      return reader.float();
    case 'double':
      return reader.double();
    case 'string':
      return reader.string();
    case 'bytes':
      return reader.bytes();
  }
}

function narrow(value: bigint | string): number | bigint {
  const big = BigInt(value);
  const small = Number(big);
  return Number.isSafeInteger(small) ? small : big;
}
