/** @file Takes ranges over from one network to another. */

import { noGrad } from '@edgeai/torch';
import { QuantizationError } from '../errors.ts';
import type { QuantizedModel } from '../quantized-model.ts';

/**
 * Gives the quantisers of `to` the state of those of `from`, its copy. An average of weights needs this after each update: an average of
 * power-of-two scales is none, and averaged scales do not go with averaged zero points.
 */
export function copyQuantizers<Args extends unknown[], Out>(
  from: QuantizedModel<Args, Out>,
  to: QuantizedModel<Args, Out>,
): void {
  const targets = to.quantizers();
  noGrad(() => {
    for (const [path, source] of from.quantizers()) {
      const target = targets.get(path);
      if (target === undefined) throw new QuantizationError('The other network has no such quantiser', path);
      source.refresh();
      const state = [...source.parameters(), ...source.buffers()];
      for (const [i, tensor] of [...target.parameters(), ...target.buffers()].entries()) {
        const value = state[i];
        if (value !== undefined) tensor.copy_(value);
      }
    }
  });
}
