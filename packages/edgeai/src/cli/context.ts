/** @file What commands need of the world around them: where to write, colours, and the exit code that they leave. */

import { type Styler, stylerFor } from './style.ts';

/** Handed to every command. */
export interface CommandContext {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** For texts on `stdout`. */
  readonly style: Styler;
  /** Set by a command that ends otherwise than well without an error, for instance because it was interrupted. */
  exitCode: number;
}

/** The context of this process. */
export function processContext(): CommandContext {
  return { stdout: process.stdout, stderr: process.stderr, style: stylerFor(process.stdout), exitCode: 0 };
}

/** Writes a text and a newline. */
export function print(context: Pick<CommandContext, 'stdout'>, text: string): void {
  context.stdout.write(`${text}\n`);
}

/** Writes a value as JSON, indented for people on a terminal and in one line for programs. */
export function printJson(context: Pick<CommandContext, 'stdout'>, value: unknown): void {
  print(context, context.stdout.isTTY === true ? JSON.stringify(value, null, 2) : JSON.stringify(value));
}

/** Columns of the terminal, 100 where there is none. */
export function columnsOf(stream: NodeJS.WriteStream): number {
  return stream.columns || 100;
}
