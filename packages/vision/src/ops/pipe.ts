/** @file Runs a tensor through several steps and lets go of what lies between them, as Python does at `x = f(x)`. */

import { releaseIfOwned, type Tensor } from '@edgeai/torch';

/** A module or function of one tensor. */
export type Step = (input: Tensor) => Tensor;

/**
 * `pipe(x, this.conv1, this.bn1, this.relu)`: feeds each step's result to the next. Results in between are released as soon as
 * they have been consumed, so that a forward pass holds no more memory than it needs. `input` stays with the caller.
 */
export function pipe(input: Tensor, ...steps: readonly Step[]): Tensor {
  let current = input;
  for (const step of steps) {
    const next = step(current);
    // In-place steps return their input; the caller's tensor is not ours to release.
    if (next !== current && current !== input) releaseIfOwned(current);
    current = next;
  }
  return current;
}
