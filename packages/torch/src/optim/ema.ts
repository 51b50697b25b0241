/** @file A moving average of a model's weights, which often predicts better than the last weights themselves. */

import { noGrad } from '../autograd/modes.ts';
import { zeros } from '../core/creation.ts';
import { add_, HandlePool, handlesOf, mul, mul_ } from '../core/foreach.ts';
import { scope } from '../core/scope.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Device } from '../core/types.ts';
import { dtypeSize, isFloatingPoint } from '../dtype.ts';
import { ArgumentError } from '../errors.ts';
import { cloneModule } from '../nn/copy.ts';
import { type AnyModule, Module } from '../nn/module.ts';
import { Buffer } from '../nn/parameter.ts';

/**
 * A copy of a model whose parameters and buffers follow the model's as an exponential moving average:
 * `average = decay · average + (1 − decay) · model`; the first update copies. Calling it calls the averaged model.
 *
 * State-dict keys are `n_averaged` and `module.…`, as in torchvision's reference scripts.
 *
 * ```ts
 * const ema = new optim.ExponentialMovingAverage(model, 0.999);
 * // after a step of the optimiser:
 * ema.updateParameters(model);
 * ```
 */
export class ExponentialMovingAverage<Args extends unknown[] = [Tensor], Out = Tensor> extends Module<Args, Out> {
  /** The averaged model. */
  readonly module: Module<Args, Out>;
  /** Updates so far, int64. */
  readonly n_averaged: Buffer;
  readonly decay: number;

  /** @param options.device where the average lives; that of the model when left out */
  constructor(model: Module<Args, Out>, decay: number, options: { device?: Device } = {}) {
    if (!(decay >= 0 && decay <= 1)) throw ArgumentError.expected('decay', 'a number between 0 and 1', decay);
    super();
    this.decay = decay;
    this.n_averaged = Buffer.from(zeros([], { dtype: 'int64', device: options.device }));
    this.module = cloneModule(model);
    if (options.device !== undefined) this.module.to(options.device);
  }

  forward(...args: Args): Out {
    return this.module(...args);
  }

  /**
   * Moves the average towards the present weights of `model`.
   *
   * @throws {ArgumentError} when the model has other parameters or buffers than the one that was copied
   */
  updateParameters(model: AnyModule): void {
    const averages = stateOf(this.module);
    const current = stateOf(model);
    requireSame(averages, current);
    noGrad(() => {
      scope(() => {
        if (this.n_averaged.item() === 0) {
          for (const [i, tensor] of averages.entries()) tensor.copy_(current[i] ?? tensor);
        } else {
          average(averages, current, this.decay);
        }
        this.n_averaged.add_(1);
      });
    });
  }
}

function stateOf(module: AnyModule): Tensor[] {
  return [...module.parameters(), ...module.buffers()];
}

function requireSame(averages: readonly Tensor[], current: readonly Tensor[]): void {
  const same =
    averages.length === current.length &&
    averages.every((tensor, i) => String(tensor.shape) === String(current[i]?.shape));
  if (!same) {
    throw new ArgumentError(
      'model',
      `Expected the model that was averaged, or one built alike, for model; its ${current.length} parameters and buffers differ from the ${averages.length} of the average in number or shape`,
    );
  }
}

/** Lists of about this many bytes stay in the processor's cache between the three operators. */
const CHUNK_BYTES = 2 ** 18;

function average(averages: readonly Tensor[], current: readonly Tensor[], decay: number): void {
  let mine: Tensor[] = [];
  let theirs: Tensor[] = [];
  let bytes = 0;
  const flush = () => {
    if (mine.length === 0) return;
    const pool = new HandlePool();
    try {
      // Two products, then their sum: the rounding of the expression as Python evaluates it.
      const share = mul(pool, handlesOf(theirs), 1 - decay);
      const target = handlesOf(mine);
      mul_(target, decay);
      add_(target, share);
    } finally {
      pool.release();
    }
    mine = [];
    theirs = [];
    bytes = 0;
  };
  for (const [i, tensor] of averages.entries()) {
    const { dtype, device } = tensor;
    const other = current[i]?.to({ device }) ?? tensor;
    if (!isFloatingPoint(dtype) || other.dtype !== dtype) {
      // Counters: averaged as floats, cut back to whole numbers.
      tensor.copy_(tensor.mul(decay).add(other.mul(1 - decay)));
      continue;
    }
    mine.push(tensor);
    theirs.push(other);
    bytes += tensor.numel() * dtypeSize(dtype);
    if (bytes >= CHUNK_BYTES) flush();
  }
  flush();
}
