/** @file Makes folders for results. */

import { mkdirSync } from 'node:fs';

import { describeSystemError, FailureError } from '../errors.ts';

/** Makes a folder, and those above it, unless it is there. Throws a FailureError `OUTPUT_FOLDER`. */
export function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new FailureError('OUTPUT_FOLDER', `cannot create ${folder}: ${describeSystemError(error)}`, { cause: error });
  }
}
