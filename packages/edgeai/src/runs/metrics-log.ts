/** @file `metrics.jsonl` of a run: one JSON object a line, one line an epoch and phase, kept in step with the checkpoint on resume. */

import { closeSync, existsSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { writeFileAtomic } from '@edgeai/torch/files';

import { describeSystemError, FailureError } from '../errors.ts';

/**
 * One line. Everything that depends on the clock or the machine goes into `time`, so that an interrupted and an
 * uninterrupted run differ nowhere else.
 */
export interface MetricsRecord {
  /** Counted from 0. */
  epoch: number;
  /** Which part of the epoch the figures are from, such as `train`, `val`, `val-ema`. */
  phase: string;
  [figure: string]: number | string | boolean | null | undefined | MetricsTime;
  time?: MetricsTime;
}

/** Wall-clock facts: durations in seconds, rates per second, time of day as ISO text. */
export interface MetricsTime {
  [name: string]: number | string;
}

/** JSON has no NaN or infinities, and a diverged loss is worth recording: they are written as these texts. */
const NON_FINITE = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
]);

/** Appends records; each is on the disk when `append` returns. */
export class MetricsLog {
  readonly path: string;
  #descriptor: number | undefined;
  /** Bytes of whole lines; a line of which only a part could be written is taken back to here. */
  #size: number;

  private constructor(path: string, descriptor: number, size: number) {
    this.path = path;
    this.#descriptor = descriptor;
    this.#size = size;
  }

  /**
   * Opens the log. `lastEpoch` is the last epoch that the checkpoint being resumed knows as finished: records of later
   * epochs, and a torn last line, are removed. Without it the log begins empty.
   */
  static open(path: string, lastEpoch = -1): MetricsLog {
    const kept = existsSync(path) ? readLines(path).filter(({ record }) => record.epoch <= lastEpoch) : [];
    const text = kept.map(({ line }) => `${line}\n`).join('');
    writeFileAtomic(path, text);
    return new MetricsLog(path, openSync(path, 'a'), Buffer.byteLength(text));
  }

  /** All records of a log file. A torn last line (the process was killed while writing it) is left out. */
  static read(path: string): MetricsRecord[] {
    return readLines(path).map(({ record }) => record);
  }

  /** Throws a FailureError `CANNOT_WRITE`, with the file as it was before, for instance on a full disk. */
  append(record: MetricsRecord): void {
    if (this.#descriptor === undefined) throw new Error(`internal: ${this.path} has been closed`);
    const line = Buffer.from(`${JSON.stringify(record, encodeNumber)}\n`);
    try {
      let written = 0;
      while (written < line.length) written += writeSync(this.#descriptor, line, written);
      fsyncSync(this.#descriptor);
      this.#size += line.length;
    } catch (error) {
      ftruncateSync(this.#descriptor, this.#size);
      throw new FailureError('CANNOT_WRITE', `cannot write ${this.path}: ${describeSystemError(error)}`, {
        cause: error,
      });
    }
  }

  close(): void {
    if (this.#descriptor === undefined) return;
    closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}

function encodeNumber(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

function decodeNumber(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? (NON_FINITE.get(value) ?? value) : value;
}

/** The whole lines of the file with what they say; their text is kept so that rewriting changes no byte of them. */
function readLines(path: string): { line: string; record: MetricsRecord }[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  // After the last newline comes nothing, or what a killed process had written of its line.
  lines.pop();
  return lines.map((line, index) => {
    let record: unknown;
    try {
      record = JSON.parse(line, decodeNumber);
    } catch (error) {
      throw badLine(path, index + 1, error);
    }
    if (!isRecord(record)) throw badLine(path, index + 1);
    return { line, record };
  });
}

function isRecord(value: unknown): value is MetricsRecord {
  return typeof value === 'object' && value !== null && 'epoch' in value && typeof value.epoch === 'number';
}

function badLine(path: string, line: number, cause?: unknown): FailureError {
  return new FailureError('BAD_FILE', `${path}:${line}: expected a JSON object with an epoch`, { cause });
}
