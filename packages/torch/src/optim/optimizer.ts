/**
 * @file The base of all optimisers: parameter groups, the frame of a step, and state dicts.
 *
 * A subclass says how one list of parameters with gradients is updated. It never makes Tensor objects for gradients or
 * intermediate results: those are handles in a pool that is released when the list is done.
 */

import { enableGrad, noGrad } from '../autograd/modes.ts';
import { callOp, handleOf, Operator } from '../core/dispatch.ts';
import { type HandlePool, type Handles, zero_ } from '../core/foreach.ts';
import { dispose, keep, scope } from '../core/scope.ts';
import type { Tensor } from '../core/tensor.ts';
import { ArgumentError } from '../errors.ts';
import { type Bucket, gatherGradients, releaseBuckets } from './gather.ts';
import {
  loadOptimizerState,
  type OptimizerStateDict,
  type ParamState,
  type StateLayout,
  saveOptimizerState,
} from './optimizer-state.ts';
import {
  type BaseOptions,
  fillOptions,
  makeGroup,
  type ParamGroup,
  type ParamGroupInit,
  type Params,
  toGroups,
} from './param-group.ts';

const ZEROS_LIKE = new Operator('aten::zeros_like');

/** What `update` works on: parameters of one group, device and element type, all with gradients. */
export interface UpdateList<O extends BaseOptions, S extends ParamState> {
  readonly group: Readonly<ParamGroup<O>>;
  readonly params: Handles;
  /** The gradients themselves: read only. */
  readonly grads: Handles;
  readonly states: readonly S[];
  /** For temporaries. */
  readonly pool: HandlePool;
}

/** What an optimiser class tells its base. */
export interface OptimizerSpec<O extends BaseOptions> extends StateLayout {
  readonly defaults: O;
  /** @throws {ArgumentError} for options out of range */
  validate(options: O): void;
}

/**
 * Trains parameters by their gradients.
 *
 * ```ts
 * const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
 * scope(() => {
 *   optimizer.zeroGrad();
 *   criterion(model(images), labels).backward();
 *   optimizer.step();
 * });
 * ```
 */
export abstract class Optimizer<O extends BaseOptions = BaseOptions, S extends ParamState = ParamState>
  implements Disposable
{
  /** The groups; their options may be changed between steps. */
  readonly paramGroups: ParamGroup<O>[] = [];
  /** Options of groups that do not set their own. */
  readonly defaults: Readonly<O>;
  /** What the optimiser remembers of each parameter, under PyTorch's names. It owns these tensors. */
  readonly state: Map<Tensor, S> = new Map();
  readonly #spec: OptimizerSpec<O>;
  #disposed = false;

  constructor(params: Params<O>, options: Partial<O>, spec: OptimizerSpec<O>) {
    this.#spec = spec;
    this.defaults = fillOptions(spec.defaults, options);
    spec.validate(this.defaults);
    for (const group of toGroups(params)) this.addParamGroup(group);
  }

  /** What is remembered of a parameter before its first step. Tensors are made by {@link Optimizer.zerosLike}. */
  protected abstract newState(param: Tensor, group: Readonly<ParamGroup<O>>): S;

  /** One step for a list of parameters. Runs without recording of gradients. */
  protected abstract update(list: UpdateList<O, S>): void;

  /** The group with this name. @throws {ArgumentError} */
  group(name: string): ParamGroup<O> {
    const found = this.paramGroups.find((group) => group.name === name);
    if (found === undefined) {
      const known = this.paramGroups.flatMap((group) => group.name ?? []);
      throw new ArgumentError('name', `No parameter group '${name}'; named groups: ${known.join(', ') || 'none'}`);
    }
    return found;
  }

  /**
   * Adds parameters with options of their own; options left out are the optimiser's.
   *
   * @throws {ArgumentError} for a parameter that is in a group already, and for unknown or invalid options
   */
  addParamGroup(init: ParamGroupInit<O>): void {
    const group = makeGroup<O>(init, this.defaults, this.paramGroups);
    this.#spec.validate(group);
    this.paramGroups.push(group);
  }

  /**
   * Updates every parameter that has a gradient.
   *
   * @param closure computes the loss anew, with gradients; it runs first, and its result is returned
   */
  step(): undefined;
  step(closure: () => Tensor): Tensor;
  step(closure?: () => Tensor): Tensor | undefined {
    if (this.#disposed) throw new ArgumentError('this', `This ${this.constructor.name} has been disposed`);
    const loss = closure === undefined ? undefined : enableGrad(closure);
    noGrad(() => {
      const gathered: { group: ParamGroup<O>; bucket: Bucket }[] = [];
      try {
        // Every handle is looked up before the first parameter changes.
        for (const group of this.paramGroups) {
          for (const bucket of gatherGradients(group.params)) gathered.push({ group, bucket });
        }
        for (const { group, bucket } of gathered) {
          const { tensors, params, grads, pool } = bucket;
          const states = tensors.map((tensor) => this.stateOf(tensor, group));
          this.update({ group, params, grads, states, pool });
          pool.release();
        }
      } finally {
        releaseBuckets(gathered.map(({ bucket }) => bucket));
      }
    });
    return loss;
  }

  /** Drops all gradients, or with `setToNone: false` fills them with zeros. */
  zeroGrad(options: { setToNone?: boolean } = {}): void {
    const { setToNone = true } = options;
    for (const { params } of this.paramGroups) {
      if (setToNone) {
        for (const param of params) param.grad = null;
        continue;
      }
      noGrad(() => {
        scope(() => {
          // A gradient that was made with createGraph has a history of its own.
          for (const param of params) {
            const gradient = param.grad;
            if (gradient !== null && gradient.gradFn !== null) param.grad = gradient.detach();
          }
        });
        const buckets = gatherGradients(params);
        try {
          for (const { grads } of buckets) zero_(grads);
        } finally {
          releaseBuckets(buckets);
        }
      });
    }
  }

  /**
   * The state in PyTorch's layout and under its names, for `save`: Python's `load_state_dict` takes it. The moments are the
   * optimiser's own tensors, not copies.
   */
  stateDict(): OptimizerStateDict {
    return saveOptimizerState(this.paramGroups, this.state, this.#spec);
  }

  /**
   * Takes over a state, also one that Python saved. Tensors are copied, to the device and element type of the parameters.
   *
   * @throws {OptimizerStateError} when it does not fit; nothing is changed then
   */
  loadStateDict(saved: unknown): void {
    const loaded = loadOptimizerState(this.constructor.name, this.paramGroups, saved, this.#spec);
    for (const old of this.state.values()) dispose(old);
    this.state.clear();
    for (const [param, state] of loaded.state) this.state.set(param, state as S);
    for (const [i, group] of this.paramGroups.entries()) Object.assign(group, loaded.options[i]);
  }

  /** Releases the optimiser's state. It must not be used afterwards. */
  dispose(): void {
    for (const state of this.state.values()) dispose(state);
    this.state.clear();
    this.#disposed = true;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  toString(): string {
    const groups = this.paramGroups.map(({ params, ...options }, i) => {
      const lines = Object.entries(options).map(([key, value]) => `    ${key}: ${String(value)}`);
      return `  group ${i} (${params.length} tensors)\n${lines.join('\n')}`;
    });
    return `${this.constructor.name}(\n${groups.join('\n')}\n)`;
  }

  /** The state of a parameter, made when it is needed first. */
  protected stateOf(param: Tensor, group: Readonly<ParamGroup<O>>): S {
    let found = this.state.get(param);
    if (found === undefined) {
      found = this.newState(param, group);
      this.state.set(param, found);
    }
    return found;
  }

  /** Zeros in the shape and memory layout of a parameter, which outlive every scope. */
  protected zerosLike(param: Tensor): Tensor {
    return keep(callOp(ZEROS_LIKE, param) as Tensor);
  }
}

/** The handles of one tensor of each state, in their order. */
export function stateHandles<S>(states: readonly S[], pick: (state: S) => Tensor): Handles {
  return states.map((state) => handleOf(pick(state)));
}
