/** @file Loads weights into a model of perhaps another number of classes, and says what did not fit. */

import type { nn } from '@edgeai/torch';

import { FailureError } from '../errors.ts';

/** Keys that are named in a message; the rest is counted. */
const SHOWN = 6;

/**
 * Copies what fits and returns sentences about what does not: a head for other classes keeps its initial values. Throws a
 * FailureError `WEIGHTS` where so little fits that the weights must be of another model.
 */
export function loadFitting(model: nn.AnyModule, state: nn.StateDict, source: string): string[] {
  const wanted = Object.keys(model.stateDict()).length;
  const { missing, unexpected, mismatched } = model.loadStateDict(state, { strict: false, ignoreMismatched: true });
  const loaded = wanted - missing.length - mismatched.length;
  if (loaded < wanted / 2) {
    throw new FailureError(
      'WEIGHTS',
      `${source}: only ${loaded} of the model's ${wanted} tensors are in it with the right shape; are these the weights of another model? Missing: ${list(missing)}`,
    );
  }
  const remarks: string[] = [];
  if (mismatched.length > 0) {
    const shapes = mismatched.map(
      ({ key, expected, received }) => `${key} [${received.join(', ')}] → [${expected.join(', ')}]`,
    );
    remarks.push(`${source}: of another shape, so they begin anew: ${list(shapes)}`);
  }
  if (missing.length > 0) remarks.push(`${source}: not in it, so they begin anew: ${list(missing)}`);
  if (unexpected.length > 0) remarks.push(`${source}: not part of the model, left out: ${list(unexpected)}`);
  return remarks;
}

function list(names: readonly string[]): string {
  if (names.length === 0) return 'none';
  const more = names.length - SHOWN;
  return `${names.slice(0, SHOWN).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
