/** @file Turns whatever reached the top into a message for a person and an exit code. */

import { CommanderError } from 'commander';

import { exitCodeOf } from '../errors.ts';
import { stylerFor } from './style.ts';

/** Errors that were thrown on purpose carry a stable `code`; all others are ours. */
function isExpected(error: Error): boolean {
  return 'code' in error && typeof error.code === 'string';
}

/**
 * Reports an error on `stderr` and returns the exit code. Stack traces are shown with EDGEAI_DEBUG=1 only.
 * Commander has written its own messages already.
 */
export function reportFailure(
  error: unknown,
  stderr: NodeJS.WriteStream,
  env: Readonly<Record<string, string | undefined>>,
): number {
  if (error instanceof CommanderError) return exitCodeOf(error);
  const debug = env.EDGEAI_DEBUG !== undefined && env.EDGEAI_DEBUG !== '' && env.EDGEAI_DEBUG !== '0';
  const known = error instanceof Error ? error : new Error(String(error));
  const style = stylerFor(stderr);
  const label = style('error', 'error:');
  if (debug) stderr.write(`${label} ${known.stack ?? known.message}${causes(known)}\n`);
  else if (isExpected(known)) stderr.write(`${label} ${known.message}\n`);
  else {
    const prefix = known.message.startsWith('internal:') ? '' : 'internal: ';
    stderr.write(
      `${label} ${prefix}${known.message}\n${style('dim', 'This is a fault of edgeai; EDGEAI_DEBUG=1 shows where it happened.')}\n`,
    );
  }
  return codeFor(known);
}

/** Arguments that a library refused came from the command line: wrong usage, like our own checks. */
function codeFor(error: Error): number {
  const usage = 'code' in error && (error.code === 'UNKNOWN_MODEL' || error.code === 'INVALID_ARGUMENT');
  return usage ? 2 : exitCodeOf(error);
}

function causes(error: Error): string {
  let text = '';
  for (let cause = error.cause; cause !== undefined; cause = cause instanceof Error ? cause.cause : undefined) {
    text += `\ncaused by: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`;
  }
  return text;
}
