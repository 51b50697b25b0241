/**
 * @file One pass backward from a network's results in random directions. Products of an error with these gradients have, squared, the energy
 * of the results' error as their mean (Hutchinson's estimator): the error of any place is seen at the end without running the network with it.
 */

import { enableGrad, type Generator, grad, keep, noGrad, randn, scope, Tensor } from '@edgeai/torch';
import type { FakeQuantize } from '../fake-quantize.ts';
import type { QuantizedLayer } from '../quantized-layer.ts';
import type { QuantizedModel } from '../quantized-model.ts';

/** Places whose gradients are wanted. */
export interface Places {
  readonly quantizers: readonly FakeQuantize[];
  readonly layers: readonly QuantizedLayer[];
}

/** Gets values before their rounding, `(N, C, …)`, and their gradient. What it creates is released afterwards. */
export type ValueVisitor = (quantizer: FakeQuantize, value: Tensor, gradient: Tensor) => void;

/**
 * Runs the float network and goes back. Results count in units of their size, each image has a direction of its own.
 *
 * @returns the gradient of each layer's weight, and the number of images
 */
export function passBackward<Args extends unknown[], Out>(
  model: QuantizedModel<Args, Out>,
  inputs: Args,
  { quantizers, layers }: Places,
  generator: Generator,
  visit: ValueVisitor,
): { weights: readonly (Tensor | null)[]; images: number } {
  // A frozen network has gradients too.
  const frozen = layers.map(({ weight }) => weight).filter(({ requiresGrad }) => !requiresGrad);
  for (const weight of frozen) weight.requiresGrad = true;
  const waiting = new Set<Tensor>();
  const hooks = quantizers.map((quantizer) =>
    quantizer.registerForwardHook((_, [, moved], result) => {
      const output = result as Tensor;
      // What was only moved about has been rounded before.
      if (!output.requiresGrad || moved === true) return undefined;
      // By the time the gradient comes, the network has released its values.
      const value = noGrad(() => scope(() => keep(output.detach())));
      waiting.add(value);
      output.registerHook((gradient) => {
        noGrad(() => scope(() => visit(quantizer, value, gradient)));
        waiting.delete(value);
        value.dispose();
        return undefined;
      });
      return undefined;
    }),
  );
  try {
    return enableGrad(() => {
      const parts = tensorsOf(model.asFloat(() => model(...inputs))).filter(({ requiresGrad }) => requiresGrad);
      const losses = parts.map((part) => {
        const direction = randn(part.shape, { generator });
        const size = part
          .detach()
          .square()
          .sum()
          .div(part.shape[0] ?? 1)
          .sqrt();
        return part
          .mul(direction)
          .sum()
          .div(size.clamp({ min: 1e-20 }));
      });
      const weights = grad(
        losses,
        layers.map(({ weight }) => weight),
        { allowUnused: true },
      );
      return { weights, images: parts[0]?.shape[0] ?? 1 };
    });
  } finally {
    for (const remove of hooks) remove();
    // Values that the results do not depend on.
    for (const value of waiting) value.dispose();
    for (const weight of frozen) weight.requiresGrad = false;
  }
}

function tensorsOf(value: unknown): Tensor[] {
  if (value instanceof Tensor) return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(tensorsOf);
}
