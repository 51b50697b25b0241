/** @file The straight-through estimator: one value forward, the gradient of another. */

import { customFunction, type Tensor } from '@edgeai/torch';

/** Has the value of `value` and the gradient of `x`, which is of the same shape (Bengio et al., 2013, arXiv:1308.3432). */
export const straightThrough = customFunction({
  name: 'StraightThrough',
  forward: (_ctx, _x: Tensor, value: Tensor): Tensor => value,
  backward: (_ctx, gradient) => [gradient, null],
});
