/** @file Stochastic gradient descent, with momentum (Polyak's or Nesterov's) and weight decay. */

import { add, add_, cloneHandle, type Handles, mul_, neg } from '../core/foreach.ts';
import { keep } from '../core/scope.ts';
import { Tensor } from '../core/tensor.ts';
import { ArgumentError } from '../errors.ts';
import type { Handle } from '../native.ts';
import { atLeastZero } from './checks.ts';
import { Optimizer, type UpdateList } from './optimizer.ts';
import type { BaseOptions, Params } from './param-group.ts';

export interface SGDOptions extends BaseOptions {
  /** Share of the previous update that is kept. Default 0. */
  momentum: number;
  /** Takes this share off each new gradient as it enters the momentum. Default 0. */
  dampening: number;
  /** L2 penalty. Default 0. */
  weightDecay: number;
  /** Look ahead along the momentum; needs momentum and no dampening. Default `false`. */
  nesterov: boolean;
  /** Climb instead of descend. Default `false`. */
  maximize: boolean;
}

type SGDState = { momentum_buffer: Tensor | null };

/** `torch.optim.SGD`. */
export class SGD extends Optimizer<SGDOptions, SGDState> {
  constructor(params: Params<SGDOptions>, options: Partial<SGDOptions> & BaseOptions) {
    super(params, options, {
      defaults: { lr: Number.NaN, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false, maximize: false },
      entries: { momentum_buffer: 'optional tensor' },
      inert: { foreach: null, differentiable: false },
      validate,
    });
  }

  protected newState(): SGDState {
    return { momentum_buffer: null };
  }

  protected update({ group, params, grads, states, pool }: UpdateList<SGDOptions, SGDState>): void {
    const { lr, momentum, dampening, weightDecay, nesterov, maximize } = group;
    let direction: Handles = maximize ? neg(pool, grads) : grads;
    if (weightDecay !== 0) direction = add(pool, direction, params, weightDecay);
    if (momentum !== 0) {
      const buffers = accumulate(states, direction, momentum, 1 - dampening);
      direction = nesterov ? add(pool, direction, buffers, momentum) : buffers;
    }
    add_(params, direction, -lr);
  }
}

/** Moves each buffer towards its gradient; the first gradient is its buffer's start, undampened. */
function accumulate(states: readonly SGDState[], direction: Handles, momentum: number, share: number): Handles {
  const known: Handle[] = [];
  const towards: Handle[] = [];
  const all = states.map((state, i) => {
    const gradient = direction[i] ?? 0;
    if (state.momentum_buffer !== null) {
      known.push(state.momentum_buffer._handle);
      towards.push(gradient);
    } else {
      state.momentum_buffer = keep(new Tensor(cloneHandle(gradient), 'momentum_buffer'));
    }
    return state.momentum_buffer._handle;
  });
  if (known.length > 0) {
    mul_(known, momentum);
    add_(known, towards, share);
  }
  return all;
}

function validate({ lr, momentum, dampening, weightDecay, nesterov }: SGDOptions): void {
  atLeastZero('lr', lr);
  atLeastZero('momentum', momentum);
  atLeastZero('weightDecay', weightDecay);
  if (nesterov && (momentum <= 0 || dampening !== 0)) {
    throw new ArgumentError(
      'nesterov',
      `Expected momentum above 0 and dampening 0 for nesterov but received momentum ${momentum}, dampening ${dampening}`,
    );
  }
}
