/** @file Adagrad: steps scaled by the sum of all squared gradients so far. */

import { callOp, Operator } from '../core/dispatch.ts';
import { add, addcdivEach_, addcmul_, addScalar_, type Handles, neg, sqrt } from '../core/foreach.ts';
import { keep } from '../core/scope.ts';
import type { Tensor } from '../core/tensor.ts';
import { atLeastZero } from './checks.ts';
import { Optimizer, stateHandles, type UpdateList } from './optimizer.ts';
import type { BaseOptions, ParamGroup, ParamGroupInit, Params } from './param-group.ts';

const FULL_LIKE = new Operator('aten::full_like');

export interface AdagradOptions extends BaseOptions {
  /** Default 0.01. */
  lr: number;
  /** The learning rate of step n is `lr / (1 + (n − 1) · lrDecay)`. Default 0. */
  lrDecay: number;
  /** L2 penalty. Default 0. */
  weightDecay: number;
  /** Start of the sum. Default 0. */
  initialAccumulatorValue: number;
  /** Added to the denominator. Default 1e-10. */
  eps: number;
  /** Climb instead of descend. Default `false`. */
  maximize: boolean;
}

type AdagradState = { step: number; sum: Tensor };

/** `torch.optim.Adagrad`. */
export class Adagrad extends Optimizer<AdagradOptions, AdagradState> {
  constructor(params: Params<AdagradOptions>, options: Partial<AdagradOptions> = {}) {
    super(params, options, {
      defaults: { lr: 1e-2, lrDecay: 0, eps: 1e-10, weightDecay: 0, initialAccumulatorValue: 0, maximize: false },
      entries: { step: 'step tensor', sum: 'tensor' },
      inert: { foreach: null },
      validate,
    });
  }

  /** As PyTorch's class, remembers all parameters from the start. */
  override addParamGroup(init: ParamGroupInit<AdagradOptions>): void {
    super.addParamGroup(init);
    const group = this.paramGroups.at(-1);
    if (group !== undefined) for (const param of group.params) this.stateOf(param, group);
  }

  protected newState(param: Tensor, group: Readonly<ParamGroup<AdagradOptions>>): AdagradState {
    return { step: 0, sum: keep(callOp(FULL_LIKE, param, group.initialAccumulatorValue) as Tensor) };
  }

  protected update({ group, params, grads, states, pool }: UpdateList<AdagradOptions, AdagradState>): void {
    const { lr, lrDecay, eps, weightDecay, maximize } = group;
    let direction: Handles = maximize ? neg(pool, grads) : grads;
    if (weightDecay !== 0) direction = add(pool, direction, params, weightDecay);
    const rates = states.map((state) => {
      state.step += 1;
      return -(lr / (1 + (state.step - 1) * lrDecay));
    });
    const sums = stateHandles(states, (state) => state.sum);
    addcmul_(sums, direction, direction);
    const deviation = sqrt(pool, sums);
    addScalar_(deviation, eps);
    addcdivEach_(params, direction, deviation, rates);
  }
}

function validate({ lr, lrDecay, weightDecay, initialAccumulatorValue, eps }: AdagradOptions): void {
  atLeastZero('lr', lr);
  atLeastZero('lrDecay', lrDecay);
  atLeastZero('weightDecay', weightDecay);
  atLeastZero('initialAccumulatorValue', initialAccumulatorValue);
  atLeastZero('eps', eps);
}
