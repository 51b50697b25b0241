/** @file Checks analytic gradients against central differences, in float64. */

import { arange } from '../core/creation.ts';
import { scope } from '../core/scope.ts';
import type { Tensor } from '../core/tensor.ts';
import { ArgumentError, EdgeAIError } from '../errors.ts';
import { grad } from './grad.ts';
import { noGrad } from './modes.ts';

export interface GradcheckOptions {
  /** Step of the central difference. Default 1e-6. */
  eps?: number;
  /** Default 1e-5. */
  atol?: number;
  /** Default 1e-3. */
  rtol?: number;
}

/** An analytic gradient differs from the numerical one. */
export class GradcheckError extends EdgeAIError {
  constructor(message: string) {
    super('GRADCHECK', message);
  }
}

/**
 * Compares the gradients of `fn` with central differences, for every element of every input that requires gradients.
 *
 * @param inputs float64 tensors; those that require gradients are perturbed one element at a time
 * @throws {GradcheckError} naming the input, the element and both values where they differ
 */
export function gradcheck(
  fn: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  options: GradcheckOptions = {},
): true {
  const { eps = 1e-6, atol = 1e-5, rtol = 1e-3 } = options;
  const checked = inputs.filter((input) => input.requiresGrad);
  if (checked.length === 0)
    throw new ArgumentError('inputs', 'Expected at least one input that requires gradients for inputs');
  for (const input of checked) {
    if (input.dtype !== 'float64')
      throw ArgumentError.expected('inputs', 'float64 tensors (differences need the precision)', input.dtype);
  }
  scope(() => {
    const output = fn(...inputs);
    // Weights that differ from element to element turn one backward pass into a check of all outputs.
    const weights = arange(0, output.numel(), 1, { dtype: 'float64' }).mul(0.37).sin().add(1.5).reshape(output.shape);
    const analytic = grad([output.mul(weights).sum()], checked, { allowUnused: true });
    checked.forEach((input, which) => {
      const expected = analytic[which]?.contiguous().view([-1]).toTypedArray() as Float64Array | undefined;
      const flat = input.detach().view([-1]);
      for (let element = 0; element < flat.numel(); element++) {
        const numeric = centralDifference(
          () =>
            fn(...inputs)
              .mul(weights)
              .sum()
              .item(),
          flat,
          element,
          eps,
        );
        const value = expected?.[element] ?? 0;
        if (!(Math.abs(value - numeric) <= atol + rtol * Math.abs(numeric))) {
          throw new GradcheckError(
            `Gradient of input ${inputs.indexOf(input)} at flat element ${element} is ${value}, but central differences give ${numeric}`,
          );
        }
      }
    });
  });
  return true;
}

function centralDifference(evaluate: () => number, flat: Tensor, element: number, eps: number): number {
  return noGrad(() =>
    scope(() => {
      const place = flat.select(0, element);
      const original = place.item();
      place.fill_(original + eps);
      const above = evaluate();
      place.fill_(original - eps);
      const below = evaluate();
      place.fill_(original);
      return (above - below) / (2 * eps);
    }),
  );
}
