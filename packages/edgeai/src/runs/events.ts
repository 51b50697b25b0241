/** @file Writes TensorBoard's event files (`events.out.tfevents.*`), which show a run's figures, images and texts as it goes. */

import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';

import { describeSystemError, FailureError, systemErrorCode } from '../errors.ts';
import { maskedCrc32c } from './crc32c.ts';
import { histogramOf } from './histogram.ts';
import { MessageWriter } from './protobuf.ts';

/** Field numbers of TensorFlow's Event, Summary and TensorProto messages; `read-events.ts` uses the same. */
export const EVENT = { wallTime: 1, step: 2, fileVersion: 3, summary: 5, sessionLog: 7 } as const;
export const SUMMARY_VALUE = { tag: 1, simpleValue: 2, image: 4, histogram: 5, tensor: 8, metadata: 9 } as const;
export const IMAGE = { height: 1, width: 2, colorspace: 3, encoded: 4 } as const;
export const HISTOGRAM = { min: 1, max: 2, count: 3, sum: 4, sumOfSquares: 5, limits: 6, counts: 7 } as const;
export const TENSOR = { dtype: 1, shape: 2, stringValue: 8 } as const;

const DT_STRING = 7;
const SESSION_START = 1;
/** Buffered bytes and milliseconds after which `add` writes by itself, so that a viewer can follow a running job. */
const FLUSH_BYTES = 64 * 1024;
const FLUSH_MS = 5000;

export interface EventWriterOptions {
  /** Milliseconds since 1970. */
  clock?: () => number;
  /** On resume: viewers forget what earlier files of the run say about this step and later ones. */
  purgeStep?: number;
}

/**
 * One event file. Every writer makes a file of its own; viewers join the files of a folder, so a resumed run simply adds
 * one. Records only ever go to the end: a killed process loses what was not flushed and damages at most the last record.
 */
export class EventWriter {
  readonly path: string;
  readonly #clock: () => number;
  #descriptor: number | undefined;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #lastFlush: number;

  /** Creates the file in `folder`, which must exist. Throws a FailureError where that is not possible. */
  constructor(folder: string, options: EventWriterOptions = {}) {
    this.#clock = options.clock ?? Date.now;
    this.#lastFlush = this.#clock();
    const opened = openNew(folder, Math.floor(this.#lastFlush / 1000));
    this.path = opened.path;
    this.#descriptor = opened.descriptor;
    this.#record(new MessageWriter().double(EVENT.wallTime, this.#seconds()).bytes(EVENT.fileVersion, 'brain.Event:2'));
    if (options.purgeStep !== undefined) {
      const start = new MessageWriter().integer(1, SESSION_START);
      this.#record(this.#event(options.purgeStep).bytes(EVENT.sessionLog, start));
    }
    this.flush();
  }

  /** A figure that becomes a point of the curve `tag`. */
  scalar(tag: string, value: number, step: number): void {
    this.#add(step, summaryValue(tag).float(SUMMARY_VALUE.simpleValue, value));
  }

  /** An image, already encoded as PNG. */
  image(tag: string, png: Uint8Array, width: number, height: number, step: number): void {
    const image = new MessageWriter()
      .integer(IMAGE.height, height)
      .integer(IMAGE.width, width)
      .integer(IMAGE.colorspace, 3)
      .bytes(IMAGE.encoded, png);
    this.#add(step, summaryValue(tag).bytes(SUMMARY_VALUE.image, image));
  }

  /** A text, shown as Markdown. */
  text(tag: string, text: string, step: number): void {
    const plugin = new MessageWriter().bytes(1, 'text').bytes(2, '');
    const shape = new MessageWriter().bytes(2, new MessageWriter().integer(1, 1));
    const tensor = new MessageWriter()
      .integer(TENSOR.dtype, DT_STRING)
      .bytes(TENSOR.shape, shape)
      .bytes(TENSOR.stringValue, text);
    const value = summaryValue(tag)
      .bytes(SUMMARY_VALUE.metadata, new MessageWriter().bytes(1, plugin))
      .bytes(SUMMARY_VALUE.tensor, tensor);
    this.#add(step, value);
  }

  /** The distribution of many numbers, such as the weights of a layer. */
  histogram(tag: string, values: ArrayLike<number>, step: number): void {
    const { min, max, count, sum, sumOfSquares, limits, counts } = histogramOf(values);
    const histogram = new MessageWriter()
      .double(HISTOGRAM.min, min)
      .double(HISTOGRAM.max, max)
      .double(HISTOGRAM.count, count)
      .double(HISTOGRAM.sum, sum)
      .double(HISTOGRAM.sumOfSquares, sumOfSquares)
      .doubles(HISTOGRAM.limits, limits)
      .doubles(HISTOGRAM.counts, counts);
    this.#add(step, summaryValue(tag).bytes(SUMMARY_VALUE.histogram, histogram));
  }

  /** Hands all records to the operating system. Throws a FailureError where it does not take them. */
  flush(): void {
    if (this.#descriptor === undefined) return;
    this.#lastFlush = this.#clock();
    const data = Buffer.concat(this.#pending);
    this.#pending = [];
    this.#pendingBytes = 0;
    try {
      let written = 0;
      while (written < data.length) written += writeSync(this.#descriptor, data, written);
    } catch (error) {
      throw cannotWrite(this.path, error);
    }
  }

  /** Flushes to the disk and closes the file. Safe to call twice. */
  close(): void {
    if (this.#descriptor === undefined) return;
    const descriptor = this.#descriptor;
    try {
      this.flush();
      fsyncSync(descriptor);
    } finally {
      this.#descriptor = undefined;
      closeSync(descriptor);
    }
  }

  #seconds(): number {
    return this.#clock() / 1000;
  }

  #event(step: number): MessageWriter {
    return new MessageWriter().double(EVENT.wallTime, this.#seconds()).integer(EVENT.step, step);
  }

  #add(step: number, value: MessageWriter): void {
    if (this.#descriptor === undefined) throw new Error(`internal: ${this.path} has been closed`);
    this.#record(this.#event(step).bytes(EVENT.summary, new MessageWriter().bytes(1, value)));
    if (this.#pendingBytes >= FLUSH_BYTES || this.#clock() - this.#lastFlush >= FLUSH_MS) this.flush();
  }

  /** TFRecord framing: length, its CRC, data, their CRC; little endian. */
  #record(message: MessageWriter): void {
    const data = message.finish();
    const record = Buffer.alloc(data.length + 16);
    record.writeBigUInt64LE(BigInt(data.length), 0);
    record.writeUInt32LE(maskedCrc32c(record.subarray(0, 8)), 8);
    record.set(data, 12);
    record.writeUInt32LE(maskedCrc32c(data), 12 + data.length);
    this.#pending.push(record);
    this.#pendingBytes += record.length;
  }
}

function summaryValue(tag: string): MessageWriter {
  return new MessageWriter().bytes(SUMMARY_VALUE.tag, tag);
}

/** The first free file name; two writers within one second get different numbers. */
function openNew(folder: string, seconds: number): { path: string; descriptor: number } {
  for (let n = 0; ; n++) {
    const path = join(folder, `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.${n}`);
    try {
      return { path, descriptor: openSync(path, 'ax') };
    } catch (error) {
      if (systemErrorCode(error) !== 'EEXIST') throw cannotWrite(path, error);
    }
  }
}

function cannotWrite(path: string, error: unknown): FailureError {
  return new FailureError('CANNOT_WRITE', `cannot write ${path}: ${describeSystemError(error)}`, { cause: error });
}
