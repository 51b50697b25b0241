/** @file Reads TensorBoard's event files back: for reports and for the tests of the writer. */

import { readFileSync } from 'node:fs';

import { FailureError } from '../errors.ts';
import { maskedCrc32c } from './crc32c.ts';
import { EVENT, HISTOGRAM, IMAGE, SUMMARY_VALUE, TENSOR } from './events.ts';
import type { Histogram } from './histogram.ts';
import { type Field, readFields, unpackDoubles } from './protobuf.ts';

/** One value of an event, by its kind. */
export type EventValue =
  | { kind: 'scalar'; tag: string; value: number }
  | { kind: 'image'; tag: string; width: number; height: number; png: Uint8Array }
  | { kind: 'text'; tag: string; text: string }
  | { kind: 'histogram'; tag: string; histogram: Histogram };

export interface LoggedEvent {
  /** Seconds since 1970. */
  wallTime: number;
  step: number;
  /** Only the first event of a file has one. */
  fileVersion?: string;
  /** True where a resumed run tells viewers to forget this step and later ones of earlier files. */
  purge: boolean;
  values: EventValue[];
}

export interface EventFile {
  events: LoggedEvent[];
  /** True where the last record was incomplete: the process was killed, or is still writing. */
  truncated: boolean;
}

/**
 * All whole records of an event file. A last record that is cut off or was never written out (zeros after a power cut)
 * is left out; a damaged record before the end throws a FailureError `BAD_FILE`.
 */
export function readEvents(path: string): EventFile {
  const data = readFileSync(path);
  const events: LoggedEvent[] = [];
  let position = 0;
  while (position < data.length) {
    const rest = data.subarray(position);
    if (rest.length < 12 || rest.every((byte) => byte === 0)) return { events, truncated: true };
    if (rest.readUInt32LE(8) !== maskedCrc32c(rest.subarray(0, 8))) throw damaged(path, position);
    const length = Number(rest.readBigUInt64LE(0));
    const end = 16 + length;
    if (rest.length < end) return { events, truncated: true };
    const message = rest.subarray(12, 12 + length);
    if (rest.readUInt32LE(12 + length) !== maskedCrc32c(message)) {
      if (rest.length === end) return { events, truncated: true };
      throw damaged(path, position);
    }
    events.push(decodeEvent(path, position, message));
    position += end;
  }
  return { events, truncated: false };
}

function damaged(path: string, position: number, cause?: unknown): FailureError {
  return new FailureError('BAD_FILE', `${path}: the record at byte ${position} is damaged`, { cause });
}

function decodeEvent(path: string, position: number, message: Buffer): LoggedEvent {
  try {
    const fields = readFields(message);
    const version = bytesOf(fields, EVENT.fileVersion);
    const summary = bytesOf(fields, EVENT.summary);
    return {
      wallTime: numberOf(fields, EVENT.wallTime),
      step: numberOf(fields, EVENT.step),
      ...(version === undefined ? {} : { fileVersion: version.toString('utf8') }),
      purge: bytesOf(fields, EVENT.sessionLog) !== undefined,
      values: summary === undefined ? [] : readFields(summary).flatMap(decodeValue),
    };
  } catch (error) {
    if (error instanceof RangeError) throw damaged(path, position, error);
    throw error;
  }
}

function decodeValue(entry: Field): EventValue[] {
  if (entry.field !== 1 || typeof entry.value === 'number') return [];
  const fields = readFields(entry.value);
  const tag = bytesOf(fields, SUMMARY_VALUE.tag)?.toString('utf8') ?? '';
  const image = bytesOf(fields, SUMMARY_VALUE.image);
  if (image !== undefined) return [{ kind: 'image', tag, ...decodeImage(readFields(image)) }];
  const histogram = bytesOf(fields, SUMMARY_VALUE.histogram);
  if (histogram !== undefined) return [{ kind: 'histogram', tag, histogram: decodeHistogram(readFields(histogram)) }];
  const tensor = bytesOf(fields, SUMMARY_VALUE.tensor);
  if (tensor !== undefined) {
    const text = bytesOf(readFields(tensor), TENSOR.stringValue)?.toString('utf8');
    return text === undefined ? [] : [{ kind: 'text', tag, text }];
  }
  if (!fields.some(({ field }) => field === SUMMARY_VALUE.simpleValue)) return [];
  return [{ kind: 'scalar', tag, value: numberOf(fields, SUMMARY_VALUE.simpleValue) }];
}

function decodeImage(fields: readonly Field[]): { width: number; height: number; png: Uint8Array } {
  return {
    width: numberOf(fields, IMAGE.width),
    height: numberOf(fields, IMAGE.height),
    png: new Uint8Array(bytesOf(fields, IMAGE.encoded) ?? []),
  };
}

function decodeHistogram(fields: readonly Field[]): Histogram {
  const limits = bytesOf(fields, HISTOGRAM.limits);
  const counts = bytesOf(fields, HISTOGRAM.counts);
  return {
    min: numberOf(fields, HISTOGRAM.min),
    max: numberOf(fields, HISTOGRAM.max),
    count: numberOf(fields, HISTOGRAM.count),
    sum: numberOf(fields, HISTOGRAM.sum),
    sumOfSquares: numberOf(fields, HISTOGRAM.sumOfSquares),
    limits: limits === undefined ? [] : unpackDoubles(limits),
    counts: counts === undefined ? [] : unpackDoubles(counts),
  };
}

/** The last value of a number field, 0 where it is absent (protobuf's rule). */
function numberOf(fields: readonly Field[], field: number): number {
  const value = fields.findLast((entry) => entry.field === field)?.value;
  return typeof value === 'number' ? value : 0;
}

function bytesOf(fields: readonly Field[], field: number): Buffer | undefined {
  const value = fields.findLast((entry) => entry.field === field)?.value;
  return typeof value === 'number' ? undefined : value;
}
