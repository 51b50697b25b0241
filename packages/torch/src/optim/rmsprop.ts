/** @file RMSprop: steps scaled by a running average of the squared gradient. */

import { add, add_, addcdiv_, addcmul, addcmul_, addScalar_, type Handles, mul_, neg, sqrt } from '../core/foreach.ts';
import type { Tensor } from '../core/tensor.ts';
import { atLeastZero } from './checks.ts';
import { Optimizer, stateHandles, type UpdateList } from './optimizer.ts';
import type { BaseOptions, ParamGroup, Params } from './param-group.ts';

export interface RMSpropOptions extends BaseOptions {
  /** Default 0.01. */
  lr: number;
  /** Decay of the average. Default 0.99. */
  alpha: number;
  /** Added to the denominator. Default 1e-8. */
  eps: number;
  /** L2 penalty. Default 0. */
  weightDecay: number;
  /** Share of the previous update that is kept. Default 0. */
  momentum: number;
  /** Divide by an estimate of the variance instead of the second moment. Default `false`. */
  centered: boolean;
  /** Climb instead of descend. Default `false`. */
  maximize: boolean;
}

type RMSpropState = { step: number; square_avg: Tensor; momentum_buffer?: Tensor; grad_avg?: Tensor };

/** `torch.optim.RMSprop`. */
export class RMSprop extends Optimizer<RMSpropOptions, RMSpropState> {
  constructor(params: Params<RMSpropOptions>, options: Partial<RMSpropOptions> = {}) {
    super(params, options, {
      defaults: { lr: 1e-2, momentum: 0, alpha: 0.99, eps: 1e-8, centered: false, weightDecay: 0, maximize: false },
      entries: {
        step: 'step number',
        square_avg: 'tensor',
        momentum_buffer: 'optional tensor',
        grad_avg: 'optional tensor',
      },
      inert: { foreach: null, differentiable: false },
      validate,
    });
  }

  protected newState(param: Tensor, group: Readonly<ParamGroup<RMSpropOptions>>): RMSpropState {
    const state: RMSpropState = { step: 0, square_avg: this.zerosLike(param) };
    if (group.momentum > 0) state.momentum_buffer = this.zerosLike(param);
    if (group.centered) state.grad_avg = this.zerosLike(param);
    return state;
  }

  protected update({ group, params, grads, states, pool }: UpdateList<RMSpropOptions, RMSpropState>): void {
    const { lr, alpha, eps, weightDecay, momentum, centered, maximize } = group;
    let direction: Handles = maximize ? neg(pool, grads) : grads;
    if (weightDecay !== 0) direction = add(pool, direction, params, weightDecay);
    for (const state of states) state.step += 1;
    const square = stateHandles(states, (state) => state.square_avg);
    mul_(square, alpha);
    addcmul_(square, direction, direction, 1 - alpha);
    let variance = square;
    if (centered) {
      const mean = stateHandles(states, (state) => (state.grad_avg ??= this.zerosLike(state.square_avg)));
      mul_(mean, alpha);
      add_(mean, direction, 1 - alpha);
      variance = addcmul(pool, square, mean, mean, -1);
    }
    const deviation = sqrt(pool, variance);
    addScalar_(deviation, eps);
    if (momentum > 0) {
      const buffers = stateHandles(states, (state) => (state.momentum_buffer ??= this.zerosLike(state.square_avg)));
      mul_(buffers, momentum);
      addcdiv_(buffers, direction, deviation);
      add_(params, buffers, -lr);
    } else {
      addcdiv_(params, direction, deviation, -lr);
    }
  }
}

function validate({ lr, eps, momentum, weightDecay, alpha }: RMSpropOptions): void {
  atLeastZero('lr', lr);
  atLeastZero('eps', eps);
  atLeastZero('momentum', momentum);
  atLeastZero('weightDecay', weightDecay);
  atLeastZero('alpha', alpha);
}
