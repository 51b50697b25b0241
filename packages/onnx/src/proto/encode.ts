/** @file Messages to bytes. Large byte fields are passed on as they are, never copied into a bigger buffer. */

import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { Field, MessageType, ScalarKind } from './schema.ts';

/** Byte fields from this size on become chunks of their own. */
const LARGE = 4096;

/** A message as pieces that follow one another, with their total length. */
export interface Chunks {
  readonly parts: readonly Uint8Array[];
  readonly length: number;
}

/** Encodes a message. */
export function encode<T extends object>(type: MessageType<T>, value: T): Chunks {
  const sink = new Sink();
  writeMessage(sink, type, value);
  return sink.finish();
}

/** All chunks in one buffer. */
export function concat(chunks: Chunks): Uint8Array {
  const result = new Uint8Array(chunks.length);
  let at = 0;
  for (const part of chunks.parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}

class Sink {
  writer = new BinaryWriter();
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  push(part: Uint8Array): void {
    this.#parts.push(part);
    this.#length += part.length;
  }

  /** Ends what was written piecemeal, so that large parts can follow. */
  flush(): void {
    const small = this.writer.finish();
    if (small.length > 0) this.push(small);
    this.writer = new BinaryWriter();
  }

  finish(): Chunks {
    this.flush();
    return { parts: this.#parts, length: this.#length };
  }
}

function writeMessage(sink: Sink, type: MessageType<object>, value: object): void {
  for (const [name, field] of type.fields) {
    const content = (value as Record<string, unknown>)[name];
    if (content === undefined) continue;
    if (!field.repeated) writeOne(sink, field, content);
    else if (field.packed) writePacked(sink, field, content as unknown[]);
    else for (const item of content as unknown[]) writeOne(sink, field, item);
  }
}

function writeOne(sink: Sink, field: Field, value: unknown): void {
  const { kind, number } = field;
  if (typeof kind === 'function') {
    const { parts, length } = encode(kind(), value as object);
    sink.writer.tag(number, WireType.LengthDelimited).uint32(length);
    writeParts(sink, parts, length);
  } else if (kind === 'bytes') {
    const bytes = value as Uint8Array;
    sink.writer.tag(number, WireType.LengthDelimited).uint32(bytes.length);
    writeParts(sink, [bytes], bytes.length);
  } else {
    sink.writer.tag(number, wireType(kind));
    writeScalar(sink.writer, kind, value);
  }
}

function writeParts(sink: Sink, parts: readonly Uint8Array[], length: number): void {
  if (length >= LARGE) {
    sink.flush();
    for (const part of parts) sink.push(part);
  } else {
    for (const part of parts) sink.writer.raw(part);
  }
}

function writePacked(sink: Sink, field: Field, values: readonly unknown[]): void {
  if (values.length === 0 || typeof field.kind === 'function') return;
  sink.writer.tag(field.number, WireType.LengthDelimited).fork();
  for (const value of values) writeScalar(sink.writer, field.kind, value);
  sink.writer.join();
}

/** How a scalar lies in the file. */
export function wireType(kind: ScalarKind): WireType {
  if (kind === 'float') return WireType.Bit32;
  if (kind === 'double') return WireType.Bit64;
  return kind === 'string' || kind === 'bytes' ? WireType.LengthDelimited : WireType.Varint;
}

function writeScalar(writer: BinaryWriter, kind: ScalarKind, value: unknown): void {
  switch (kind) {
    case 'int':
    case 'int64':
      writer.int64(value as number | bigint);
      break;
    case 'uint64':
      writer.uint64(value as number | bigint);
      break;
    case 'float':
      writer.float(value as number);
      break;
    case 'double':
      writer.double(value as number);
      break;
    case 'string':
      writer.string(value as string);
      break;
    case 'bytes':
      writer.bytes(value as Uint8Array);
  }
}
