/** @file Counts a network's multiply-accumulates by watching its layers compute: no graph is needed. */

import { inferenceMode, type nn, scope, Tensor } from '@edgeai/torch';
import { layerMacs } from './layer-macs.ts';

/**
 * Multiply-accumulates of one pass over `inputs`: those of convolutions, transposed convolutions and linear layers, as the
 * published figures of convolutional networks count them (no attention, activations, norms, pools or additions).
 */
export function countMacs(model: nn.AnyModule, inputs: readonly Tensor[]): number {
  let total = 0;
  const removals = model.modules().map((module) =>
    module.registerForwardHook((_, args, output) => {
      const [input] = args;
      if (input instanceof Tensor && output instanceof Tensor)
        total += layerMacs(module, input.shape, output.shape) ?? 0;
      return undefined;
    }),
  );
  const wasTraining = model.training;
  try {
    model.eval();
    inferenceMode(() => scope(() => void model(...inputs)));
  } finally {
    for (const remove of removals) remove();
    model.train(wasTraining);
  }
  return total;
}
