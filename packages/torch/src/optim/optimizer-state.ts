/** @file Optimiser state in the layout of PyTorch's `state_dict`, so that training can move between Python and here. */

import { noGrad } from '../autograd/modes.ts';
import { full } from '../core/creation.ts';
import { callOp, camelCase, Operator } from '../core/dispatch.ts';
import { dispose, keep, scope } from '../core/scope.ts';
import { Tensor } from '../core/tensor.ts';
import { describeValue, EdgeAIError } from '../errors.ts';
import { Tuple } from '../serialization/pickle-values.ts';
import { type BaseOptions, checkType, type ParamGroup } from './param-group.ts';

const EMPTY_LIKE = new Operator('aten::empty_like');

/** What is remembered of one parameter: tensors, and the number of steps. */
export type ParamState = Record<string, Tensor | number | null | undefined>;

/** The state of an optimiser as PyTorch saves it. */
export interface OptimizerStateDict {
  /** By position of the parameter among all groups. */
  state: Map<number, Record<string, unknown>>;
  /** Options under PyTorch's names; `params` are positions. */
  param_groups: Record<string, unknown>[];
}

/**
 * What a saved entry is: a count of steps, which PyTorch keeps as a tensor or as a number; a tensor that must be there;
 * one that may be missing or `None`.
 */
export type StateEntry = 'step tensor' | 'step number' | 'tensor' | 'optional tensor';

export interface StateLayout {
  readonly entries: Readonly<Record<string, StateEntry>>;
  /** Options that PyTorch's class has and that mean nothing here, with the value that is written for them. */
  readonly inert: Readonly<Record<string, null | false>>;
}

/** A saved state does not fit the optimiser. */
export class OptimizerStateError extends EdgeAIError {
  constructor(optimizer: string, problem: string) {
    super('OPTIMIZER_STATE', `The saved state does not fit this ${optimizer}: ${problem}`);
  }
}

/** Inert in every version of PyTorch up to 2.x, whatever class wrote them. */
const INERT: ReadonlySet<string> = new Set([
  'foreach',
  'differentiable',
  'capturable',
  'fused',
  'decoupled_weight_decay',
]);

/** `weightDecay` → `weight_decay` */
function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** @internal */
export function saveOptimizerState(
  groups: readonly ParamGroup[],
  state: ReadonlyMap<Tensor, ParamState>,
  layout: StateLayout,
): OptimizerStateDict {
  const positions = new Map<Tensor, number>();
  const packed = groups.map((group) => {
    const entry: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(group)) {
      if (key === 'params' || value === undefined) continue;
      entry[snakeCase(key)] = Array.isArray(value) ? Tuple.fromItems(value) : value;
    }
    Object.assign(entry, layout.inert);
    entry.params = group.params.map((param) => {
      const position = positions.size;
      positions.set(param, position);
      return position;
    });
    return entry;
  });
  const byPosition = new Map<number, Record<string, unknown>>();
  for (const [param, position] of positions) {
    const known = state.get(param);
    if (known !== undefined) byPosition.set(position, packState(known, layout));
  }
  return { state: byPosition, param_groups: packed };
}

function packState(state: ParamState, layout: StateLayout): Record<string, unknown> {
  const entry: Record<string, unknown> = {};
  for (const [key, kind] of Object.entries(layout.entries)) {
    const value = state[key];
    if (value === undefined) continue;
    entry[key] = kind === 'step tensor' && typeof value === 'number' ? full([], value, { dtype: 'float32' }) : value;
  }
  return entry;
}

interface LoadedState {
  /** New options of each group. */
  readonly options: Record<string, unknown>[];
  /** New tensors, kept. */
  readonly state: Map<Tensor, ParamState>;
}

/** @internal Checks everything and copies the tensors; the caller installs the result. @throws {OptimizerStateError} */
export function loadOptimizerState<O extends BaseOptions>(
  name: string,
  groups: readonly ParamGroup<O>[],
  saved: unknown,
  spec: StateLayout & { readonly defaults: O; validate(options: O): void },
): LoadedState {
  const fail = (problem: string): never => {
    throw new OptimizerStateError(name, problem);
  };
  const { param_groups: savedGroups, state: savedState } = isRecord(saved) ? saved : {};
  if (!Array.isArray(savedGroups) || !isRecordOrMap(savedState)) {
    return fail(`it has no 'state' and 'param_groups'; received ${describeValue(saved)}`);
  }
  if (savedGroups.length !== groups.length) {
    return fail(`it has ${savedGroups.length} parameter groups, expected ${groups.length}`);
  }
  const byKey = new Map<string, Tensor>();
  const options = groups.map((group, i) => {
    const entry: unknown = savedGroups[i];
    const ids: unknown = isRecord(entry) ? entry.params : undefined;
    if (!isRecord(entry) || !Array.isArray(ids)) return fail(`its group ${i} has no 'params'`);
    if (ids.length !== group.params.length) {
      return fail(`its group ${i} has ${ids.length} parameters, expected ${group.params.length}`);
    }
    for (const [j, param] of group.params.entries()) byKey.set(String(ids[j]), param);
    const found = readOptions(entry, i, spec.defaults, fail);
    spec.validate({ ...group, ...found });
    return found;
  });
  const state = new Map<Tensor, ParamState>();
  try {
    for (const [id, entry] of entriesOf(savedState)) {
      const param = byKey.get(String(id));
      if (param === undefined) return fail(`it has state of a parameter ${String(id)} that belongs to no group`);
      if (!isRecordOrMap(entry)) return fail(`its state of parameter ${String(id)} is ${describeValue(entry)}`);
      state.set(
        param,
        readState(param, new Map(entriesOf(entry)), spec, (problem) => fail(`parameter ${String(id)}: ${problem}`)),
      );
    }
  } catch (error) {
    for (const made of state.values()) dispose(made);
    throw error;
  }
  return { options, state };
}

type Fail = (problem: string) => never;

function readOptions(
  entry: Record<string, unknown>,
  position: number,
  defaults: object,
  fail: Fail,
): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [key, raw] of Object.entries(entry)) {
    if (key === 'params' || INERT.has(key) || raw === null) continue;
    const value = raw instanceof Tensor ? raw.item() : Array.isArray(raw) ? [...raw] : raw;
    const option = camelCase(key);
    if (Object.hasOwn(defaults, option)) checkType(option, (defaults as Record<string, unknown>)[option], value);
    result[option] = value;
  }
  for (const [option, value] of Object.entries(defaults)) {
    // Flags were added to PyTorch's classes over time, and files of before lack them.
    if (typeof value !== 'boolean' && !Object.hasOwn(result, option)) {
      fail(`its group ${position} has no '${snakeCase(option)}'; another kind of optimiser may have saved it`);
    }
  }
  return result;
}

function readState(param: Tensor, saved: ReadonlyMap<unknown, unknown>, layout: StateLayout, fail: Fail): ParamState {
  for (const key of saved.keys()) {
    if (!Object.hasOwn(layout.entries, String(key))) {
      fail(
        `it has '${String(key)}', which is not part of this optimiser's state; another kind of optimiser may have saved it`,
      );
    }
  }
  return noGrad(() =>
    keep(
      scope(() => {
        const state: ParamState = {};
        for (const [key, kind] of Object.entries(layout.entries)) {
          const value = saved.get(key);
          if (kind.startsWith('step')) {
            const count = value instanceof Tensor ? value.item() : value;
            if (typeof count !== 'number') return fail(`'${key}' is ${describeValue(value)}, expected a number`);
            state[key] = count;
          } else if (value instanceof Tensor) {
            const shape = param.shape;
            if (String(value.shape) !== String(shape))
              return fail(`'${key}' has shape [${value.shape}], expected [${shape}]`);
            state[key] = (callOp(EMPTY_LIKE, param) as Tensor).copy_(value);
          } else if (kind === 'optional tensor' && (value === null || value === undefined)) {
            if (value === null) state[key] = null;
          } else {
            return fail(`'${key}' is ${describeValue(value)}, expected a Tensor`);
          }
        }
        return state;
      }),
    ),
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Tensor) &&
    !(value instanceof Map)
  );
}

function isRecordOrMap(value: unknown): value is Record<string, unknown> | ReadonlyMap<unknown, unknown> {
  return isRecord(value) || value instanceof Map;
}

function entriesOf(value: Record<string, unknown> | ReadonlyMap<unknown, unknown>): [unknown, unknown][] {
  return value instanceof Map ? [...value] : Object.entries(value);
}
