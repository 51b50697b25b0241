/** @file SampleError: a sample could not be read or made; says which one. */

import { EdgeAIError } from '../errors.ts';

/** A data set failed at one sample. `cause` is what it threw. */
export class SampleError extends EdgeAIError {
  /** Index in the loader's data set; for a stream, the position in it. */
  readonly index: number;
  /** What the data set says about the sample (`describe`), a path for instance. */
  readonly description: string | undefined;

  constructor(index: number, description: string | undefined, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const where = description === undefined || reason.includes(description) ? '' : ` (${description})`;
    super('BAD_SAMPLE', `Sample ${index}${where}: ${reason}`, { cause });
    this.index = index;
    this.description = description;
  }
}
