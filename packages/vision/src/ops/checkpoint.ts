/** @file Checkpointing: forget intermediate results in the forward pass, compute them again in the backward pass. */

import { customFunction, enableGrad, grad, noGrad, type Tensor } from '@edgeai/torch';

/**
 * Runs `compute(inputs)` so that nothing between inputs and output is kept for backward: less memory for a second
 * computation. `compute` must draw no random numbers, and reach trained tensors through `inputs` and `parameters` only.
 *
 * @param parameters the trained tensors that `compute` uses besides its inputs
 */
export function checkpoint(
  compute: (inputs: readonly Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  parameters: readonly Tensor[],
): Tensor {
  const trained = parameters.filter((parameter) => parameter.requiresGrad);
  // The inputs may have been released by the time of backward.
  const wanting = inputs.map((input) => input.requiresGrad);
  const run = customFunction({
    name: 'Checkpoint',
    forward(context, ...given: Tensor[]): Tensor {
      const own = given.slice(0, wanting.length);
      context.saveForBackward(...own);
      return noGrad(() => compute(own));
    },
    backward(context, gradient) {
      return enableGrad(() => {
        const leaves = context.savedTensors.map((saved, i) => {
          const leaf = saved.detach();
          leaf.requiresGrad = wanting[i] ?? false;
          return leaf;
        });
        const wanted = [...leaves.filter((leaf) => leaf.requiresGrad), ...trained];
        const found = grad([compute(leaves)], wanted, { gradOutputs: [gradient], allowUnused: true });
        const gradientOf = (tensor: Tensor) => found[wanted.indexOf(tensor)] ?? null;
        return [...leaves, ...trained].map(gradientOf);
      });
    },
  });
  return run(...inputs, ...trained);
}
