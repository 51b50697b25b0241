/** @file Adam and AdamW: steps scaled by running averages of the gradient and of its square. */

import {
  add,
  add_,
  addcdivEach_,
  addcmul_,
  addScalar_,
  divEach_,
  type Handles,
  maximum_,
  mul_,
  neg,
  sqrt,
} from '../core/foreach.ts';
import type { Tensor } from '../core/tensor.ts';
import { atLeastZero, fraction } from './checks.ts';
import { Optimizer, type OptimizerSpec, stateHandles, type UpdateList } from './optimizer.ts';
import type { BaseOptions, ParamGroup, Params } from './param-group.ts';

export interface AdamOptions extends BaseOptions {
  /** Default 0.001. */
  lr: number;
  /** Decay of the averages of the gradient and of its square. Default `[0.9, 0.999]`. */
  betas: readonly [number, number];
  /** Added to the denominator. Default 1e-8. */
  eps: number;
  /** Adam: an L2 penalty, default 0. AdamW: shrinks the parameters by `lr · weightDecay` a step, default 0.01. */
  weightDecay: number;
  /** Divide by the largest average so far. Default `false`. */
  amsgrad: boolean;
  /** Climb instead of descend. Default `false`. */
  maximize: boolean;
}

type AdamState = { step: number; exp_avg: Tensor; exp_avg_sq: Tensor; max_exp_avg_sq?: Tensor };

const ADAM: AdamOptions = { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, amsgrad: false, maximize: false };
const ENTRIES = {
  step: 'step tensor',
  exp_avg: 'tensor',
  exp_avg_sq: 'tensor',
  max_exp_avg_sq: 'optional tensor',
} as const;

abstract class AdamBase extends Optimizer<AdamOptions, AdamState> {
  constructor(
    params: Params<AdamOptions>,
    options: Partial<AdamOptions>,
    spec: Pick<OptimizerSpec<AdamOptions>, 'defaults' | 'inert'>,
  ) {
    super(params, options, { ...spec, entries: ENTRIES, validate });
  }

  protected newState(param: Tensor, group: Readonly<ParamGroup<AdamOptions>>): AdamState {
    const state: AdamState = { step: 0, exp_avg: this.zerosLike(param), exp_avg_sq: this.zerosLike(param) };
    if (group.amsgrad) state.max_exp_avg_sq = this.zerosLike(param);
    return state;
  }

  protected update({ group, params, grads, states, pool }: UpdateList<AdamOptions, AdamState>): void {
    const { lr, eps, amsgrad } = group;
    const [beta1, beta2] = group.betas;
    const direction = this.decay({ group, params, grads: group.maximize ? neg(pool, grads) : grads, states, pool });
    const average = stateHandles(states, (state) => state.exp_avg);
    const square = stateHandles(states, (state) => state.exp_avg_sq);
    mul_(average, beta1);
    add_(average, direction, 1 - beta1);
    mul_(square, beta2);
    addcmul_(square, direction, direction, 1 - beta2);
    let second = square;
    if (amsgrad) {
      // Made here where the option was switched on under way.
      second = stateHandles(states, (state) => (state.max_exp_avg_sq ??= this.zerosLike(state.exp_avg)));
      maximum_(second, square);
    }
    const roots: number[] = [];
    const sizes: number[] = [];
    for (const state of states) {
      state.step += 1;
      roots.push(Math.sqrt(1 - beta2 ** state.step));
      sizes.push(-(lr / (1 - beta1 ** state.step)));
    }
    const denominator = sqrt(pool, second);
    divEach_(denominator, roots);
    addScalar_(denominator, eps);
    addcdivEach_(params, average, denominator, sizes);
  }

  /** Applies weight decay; returns the gradients to go on with. */
  protected abstract decay(list: UpdateList<AdamOptions, AdamState>): Handles;
}

/** `torch.optim.Adam`. */
export class Adam extends AdamBase {
  constructor(params: Params<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super(params, options, {
      defaults: ADAM,
      inert: { foreach: null, capturable: false, differentiable: false, fused: false },
    });
  }

  protected decay({ group, params, grads, pool }: UpdateList<AdamOptions, AdamState>): Handles {
    return group.weightDecay === 0 ? grads : add(pool, grads, params, group.weightDecay);
  }
}

/** `torch.optim.AdamW`: weight decay apart from the gradient. */
export class AdamW extends AdamBase {
  constructor(params: Params<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super(params, options, { defaults: { ...ADAM, weightDecay: 1e-2 }, inert: { foreach: null, capturable: false } });
  }

  protected decay({ group, params, grads }: UpdateList<AdamOptions, AdamState>): Handles {
    mul_(params, 1 - group.lr * group.weightDecay);
    return grads;
  }
}

function validate({ lr, eps, betas, weightDecay }: AdamOptions): void {
  atLeastZero('lr', lr);
  atLeastZero('eps', eps);
  fraction('betas[0]', betas[0]);
  fraction('betas[1]', betas[1]);
  atLeastZero('weightDecay', weightDecay);
}
