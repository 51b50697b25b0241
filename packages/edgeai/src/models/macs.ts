/** @file Counts a network's multiply-accumulates by watching its convolutions and linear layers compute. */

import { inferenceMode, nn, scope, Tensor } from '@edgeai/torch';

/**
 * Multiply-accumulates of one pass over `inputs`: those of convolutions, transposed convolutions and linear layers, as the
 * published figures count them (no activations, norms, pools or additions).
 */
export function countMacs(model: nn.AnyModule, inputs: readonly Tensor[]): number {
  let total = 0;
  const removals: (() => void)[] = [];
  for (const module of model.modules()) {
    const count = counterOf(module);
    if (count === null) continue;
    removals.push(
      module.registerForwardHook((_, args, output) => {
        const [input] = args;
        if (input instanceof Tensor && output instanceof Tensor) total += count(input, output);
        return undefined;
      }),
    );
  }
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

type Counter = (input: Tensor, output: Tensor) => number;

function counterOf(module: nn.AnyModule): Counter | null {
  if (module instanceof nn.Linear) return (_, output) => output.numel() * module.weight.size(1);
  // A transposed convolution multiplies each input element with its whole kernel, a convolution computes each output
  // element from one: in both cases the weight without its first dimension.
  if (isTransposed(module)) return (input) => input.numel() * perElement(module.weight);
  if (isConvolution(module)) return (_, output) => output.numel() * perElement(module.weight);
  return null;
}

function perElement(weight: Tensor): number {
  return weight.numel() / weight.size(0);
}

function isConvolution(module: nn.AnyModule): module is nn.Conv1d | nn.Conv2d | nn.Conv3d {
  return module instanceof nn.Conv1d || module instanceof nn.Conv2d || module instanceof nn.Conv3d;
}

function isTransposed(module: nn.AnyModule): module is nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d {
  return (
    module instanceof nn.ConvTranspose1d || module instanceof nn.ConvTranspose2d || module instanceof nn.ConvTranspose3d
  );
}
