/** @file Stochastic depth: leaves out residual branches at random while training (Huang et al., 2016, arXiv:1603.09382). */

import { ArgumentError, fx, nn, scope, type Tensor } from '@edgeai/torch';

/** Whether each sample of a batch is drawn by itself, or the whole batch at once. */
export type StochasticDepthMode = 'row' | 'batch';

/**
 * Sets samples to zero with probability `p` and scales the others by 1 / (1 − p).
 *
 * @param input `(N, …)`
 * @param training `false` returns the input unchanged
 * @throws {ArgumentError} for a probability outside 0 … 1 or an unknown mode
 */
export const stochasticDepth = fx.wrap('stochastic_depth', leaveOut);

function leaveOut(input: Tensor, p: number, mode: StochasticDepthMode, training = true): Tensor {
  check(p, mode);
  if (!training || p === 0) return input;
  const survival = 1 - p;
  return scope(() => {
    const shape = input.shape.map((size, dimension) => (mode === 'row' && dimension === 0 ? size : 1));
    const noise = input.newEmpty(shape).bernoulli_(survival);
    if (survival > 0) noise.div_(survival);
    return input.mul(noise);
  });
}

function check(p: number, mode: StochasticDepthMode): void {
  if (!(p >= 0 && p <= 1)) throw ArgumentError.expected('p', 'a probability between 0 and 1', p);
  if (mode !== 'row' && mode !== 'batch') throw ArgumentError.expected('mode', "'row' or 'batch'", mode);
}

/** {@link stochasticDepth} as a layer, which goes by `training`. */
export class StochasticDepth extends nn.Module {
  p: number;
  mode: StochasticDepthMode;

  /** @throws {ArgumentError} for a probability outside 0 … 1 or an unknown mode */
  constructor(p: number, mode: StochasticDepthMode) {
    super();
    check(p, mode);
    this.p = p;
    this.mode = mode;
  }

  forward(input: Tensor): Tensor {
    return stochasticDepth(input, this.p, this.mode, this.training);
  }

  override extraRepr(): string {
    return `p=${this.p}, mode=${this.mode}`;
  }
}
