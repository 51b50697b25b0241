/** @file What a run says goes to the terminal and, with the time of day, to `run.log` of its folder. */

import { closeSync, openSync, writeSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';

import type { Printer } from '../cli/progress.ts';
import { plain, type Styler } from '../cli/style.ts';
import { describeSystemError, FailureError } from '../errors.ts';

export interface RunLoggerOptions {
  /** Path of the log file; without one, only the terminal is written to. */
  file?: string;
  /** Continue the file (a resumed run) instead of beginning it anew. Default false. */
  append?: boolean;
  printer: Printer;
  style?: Styler;
  clock?: () => Date;
}

type Level = 'info' | 'warning' | 'error';

/** A tee: `info`, `warn` and `error` write one message each to both places. */
export class RunLogger {
  readonly #printer: Printer;
  readonly #style: Styler;
  readonly #clock: () => Date;
  readonly #file: string | undefined;
  #descriptor: number | undefined;

  /** Throws a FailureError where the log file cannot be opened. */
  constructor(options: RunLoggerOptions) {
    this.#printer = options.printer;
    this.#style = options.style ?? plain;
    this.#clock = options.clock ?? (() => new Date());
    this.#file = options.file;
    if (options.file === undefined) return;
    try {
      this.#descriptor = openSync(options.file, options.append === true ? 'a' : 'w');
    } catch (error) {
      throw new FailureError('LOG_FILE', `cannot write ${options.file}: ${describeSystemError(error)}`, {
        cause: error,
      });
    }
  }

  info(message: string): void {
    this.#printer.println(message);
    this.#record('info', message);
  }

  warn(message: string): void {
    this.#printer.println(`${this.#style('warning', 'warning:')} ${message}`);
    this.#record('warning', message);
  }

  error(message: string): void {
    this.#printer.println(`${this.#style('error', 'error:')} ${message}`);
    this.#record('error', message);
  }

  /** Only into the file: details that would drown the terminal. */
  detail(message: string): void {
    this.#record('info', message);
  }

  close(): void {
    if (this.#descriptor === undefined) return;
    closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #record(level: Level, message: string): void {
    if (this.#descriptor === undefined) return;
    const time = this.#clock().toISOString();
    const lines = stripVTControlCharacters(message).split('\n');
    const text = lines.map((line) => `${time} ${level.padEnd(7)} ${line}\n`).join('');
    try {
      writeSync(this.#descriptor, text);
    } catch (error) {
      // A log that cannot be written (full disk) must not end a training that can go on.
      this.close();
      this.#printer.println(
        `${this.#style('warning', 'warning:')} ${this.#file}: ${describeSystemError(error)}; logging on the terminal only`,
      );
    }
  }
}
