/** @file Limits gradients before a step: by the norm of all of them together, or each element by itself. */

import { noGrad } from '../autograd/modes.ts';
import { zeros } from '../core/creation.ts';
import { handleOf, Operator } from '../core/dispatch.ts';
import { mulEach_, norm } from '../core/foreach.ts';
import { stack } from '../core/generated/functions.ts';
import { scope } from '../core/scope.ts';
import { Tensor } from '../core/tensor.ts';
import { ArgumentError, EdgeAIError } from '../errors.ts';
import { native } from '../native.ts';
import { gatherGradients, releaseBuckets } from './gather.ts';

const CLAMP_ = new Operator('aten::clamp_');

export interface ClipGradNormOptions {
  /** Order of the norm; `Infinity` for the largest element. Default 2. */
  normType?: number;
  /** Throw when the norm is infinite or not a number, before any gradient changes. Default `false`. */
  errorIfNonfinite?: boolean;
}

/** The norm of the gradients is not finite, so they cannot be scaled to a limit. */
export class NonFiniteGradientError extends EdgeAIError {
  constructor(normType: number, value: number) {
    super(
      'NONFINITE_GRADIENT',
      `The norm of order ${normType} of the gradients is ${value}, so they cannot be clipped; pass errorIfNonfinite: false to scale them by it all the same`,
    );
  }
}

/**
 * Scales the gradients of `parameters` in place, all by one factor, so that their norm as one vector is at most `maxNorm`.
 *
 * @returns the norm before clipping, without dimensions, on the device of the first gradient
 * @throws {NonFiniteGradientError} with `errorIfNonfinite`
 */
export function clipGradNorm_(
  parameters: Tensor | Iterable<Tensor>,
  maxNorm: number,
  options: ClipGradNormOptions = {},
): Tensor {
  const { normType = 2, errorIfNonfinite = false } = options;
  if (typeof maxNorm !== 'number' || Number.isNaN(maxNorm))
    throw ArgumentError.expected('maxNorm', 'a number', maxNorm);
  return noGrad(() =>
    scope(() => {
      const buckets = gatherGradients(parameters instanceof Tensor ? [parameters] : parameters);
      try {
        const [first] = buckets;
        if (first === undefined) return zeros([]);
        const norms = buckets.flatMap(({ grads, pool, device }) =>
          norm(pool, grads, normType).map((handle) => {
            const one = new Tensor(native.alias(handle), 'norm');
            return device === first.device ? one : one.to({ device: first.device });
          }),
        );
        const total = stack(norms).norm(normType);
        if (errorIfNonfinite && !Number.isFinite(total.item()))
          throw new NonFiniteGradientError(normType, total.item());
        // Multiplying by a factor of 1 is cheaper than asking the device whether it is below 1.
        const factor = total.add(1e-6).reciprocal().mul(maxNorm).clamp({ max: 1 });
        for (const { grads, device } of buckets) {
          const here = handleOf(device === first.device ? factor : factor.to({ device }));
          mulEach_(grads, new Array<number>(grads.length).fill(here));
        }
        return total;
      } finally {
        releaseBuckets(buckets);
      }
    }),
  );
}

/** Limits each element of the gradients of `parameters` to −clipValue … clipValue, in place. */
export function clipGradValue_(parameters: Tensor | Iterable<Tensor>, clipValue: number): void {
  if (!(clipValue >= 0)) throw ArgumentError.expected('clipValue', 'a number of at least 0', clipValue);
  noGrad(() => {
    const buckets = gatherGradients(parameters instanceof Tensor ? [parameters] : parameters);
    try {
      CLAMP_.prepare();
      for (const { grads } of buckets) for (const grad of grads) native.call(CLAMP_.id, grad, -clipValue, clipValue);
    } finally {
      releaseBuckets(buckets);
    }
  });
}
