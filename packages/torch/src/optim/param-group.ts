/** @file Parameter groups: which tensors an optimiser trains, with which options; checked once, when they are added. */

import { eachTensor } from '../core/scope.ts';
import { Tensor } from '../core/tensor.ts';
import { ArgumentError, describeValue } from '../errors.ts';

/** What the options of every optimiser have. */
export interface BaseOptions {
  /** Learning rate; schedulers change it. */
  lr: number;
}

/** What a group may carry beside its optimiser's options. Schedulers write all but the name. */
export interface GroupExtras {
  /** For logs, and for `optimizer.group(name)`. */
  name?: string;
  /** Learning rate before any scheduler changed it. */
  initialLr?: number;
  maxLr?: number;
  minLr?: number;
  maxMomentum?: number;
  baseMomentum?: number;
}

/** Parameters that share options. The options may be changed between steps. */
export type ParamGroup<O extends BaseOptions = BaseOptions> = O & GroupExtras & { readonly params: Tensor[] };

/** A group as the user gives it: what is left out comes from the optimiser's own options. */
export type ParamGroupInit<O extends BaseOptions = BaseOptions> = Partial<O> & {
  params: Iterable<Tensor>;
  name?: string;
};

/** What an optimiser trains: parameters, or groups of them. */
export type Params<O extends BaseOptions = BaseOptions> = Iterable<Tensor> | Iterable<ParamGroupInit<O>>;

const EXTRAS: ReadonlySet<string> = new Set(['name', 'initialLr', 'maxLr', 'minLr', 'maxMomentum', 'baseMomentum']);

/** Parameters or groups as a list of groups. @throws {ArgumentError} */
export function toGroups<O extends BaseOptions>(params: Params<O>): ParamGroupInit<O>[] {
  const isIterable =
    (typeof params === 'object' || typeof params === 'function') && params !== null && Symbol.iterator in params;
  if (!isIterable || params instanceof Tensor) {
    const hint = typeof params === 'function' ? ' (for a module: module.parameters())' : '';
    throw new ArgumentError(
      'params',
      `Expected an array of Tensors or of parameter groups for params but received ${describeValue(params)}${hint}`,
    );
  }
  const items: (Tensor | ParamGroupInit<O>)[] = [...params];
  if (items.length === 0)
    throw new ArgumentError('params', 'Expected at least one parameter for params but received none');
  const tensors = items.filter((item) => item instanceof Tensor);
  if (tensors.length === items.length) return [{ params: tensors } as unknown as ParamGroupInit<O>];
  return items as ParamGroupInit<O>[];
}

/** Options with `defaults` filled in. @throws {ArgumentError} for a name that the optimiser does not have */
export function fillOptions<O extends BaseOptions>(
  defaults: O,
  given: Partial<O>,
  allowed: ReadonlySet<string> = new Set(),
): O {
  const result = { ...defaults };
  for (const [key, value] of Object.entries(given)) {
    if (!Object.hasOwn(defaults, key)) {
      if (allowed.has(key)) continue;
      throw new ArgumentError(key, `Unknown option '${key}'; options here: ${Object.keys(defaults).join(', ')}`);
    }
    if (value === undefined) continue;
    checkType(key, defaults[key as keyof O], value);
    result[key as keyof O] = value as O[keyof O];
  }
  return result;
}

/** An option's type never changes: a number stays a number, a pair of numbers a pair. @throws {ArgumentError} */
export function checkType(key: string, like: unknown, value: unknown): void {
  if (Array.isArray(like)) {
    const fits =
      Array.isArray(value) && value.length === like.length && value.every((item) => typeof item === 'number');
    if (!fits) throw ArgumentError.expected(key, `an array of ${like.length} numbers`, value);
  } else if (typeof value !== typeof like || Number.isNaN(value)) {
    throw ArgumentError.expected(key, `a ${typeof like}`, value);
  }
}

/**
 * A group with all its options, its parameters checked against `existing` ones.
 *
 * @throws {ArgumentError} for what is not a leaf tensor, a parameter that is trained already, an unknown option
 */
export function makeGroup<O extends BaseOptions>(
  init: ParamGroupInit<O>,
  defaults: O,
  existing: readonly ParamGroup<O>[],
): ParamGroup<O> {
  if (typeof init !== 'object' || init === null || init instanceof Tensor || !('params' in init)) {
    throw ArgumentError.expected('params', 'either Tensors alone or parameter groups { params, … } alone', init);
  }
  const { params, ...given } = init;
  const list = params instanceof Tensor ? [params] : [...params];
  const taken = new Set<Tensor>();
  for (const group of existing) eachTensor(group.params, (tensor) => taken.add(tensor));
  for (const [i, param] of list.entries()) {
    if (!(param instanceof Tensor)) throw ArgumentError.expected(`params[${i}]`, 'a Tensor', param);
    if (taken.has(param)) {
      throw new ArgumentError(
        'params',
        `params[${i}] ${param.shape.length > 0 ? `of shape [${param.shape}] ` : ''}is in this optimiser already; a parameter belongs to one group, once`,
      );
    }
    if (!param.isLeaf)
      throw new ArgumentError('params', `params[${i}] is the result of an operation; only leaf tensors can be trained`);
    taken.add(param);
  }
  if (init.name !== undefined && existing.some((group) => group.name === init.name)) {
    throw new ArgumentError('name', `There is a parameter group named '${init.name}' already`);
  }
  const options = fillOptions(defaults, given as unknown as Partial<O>, EXTRAS);
  const extras = Object.fromEntries(
    Object.entries(given).filter(([key, value]) => EXTRAS.has(key) && value !== undefined),
  );
  return { params: list, ...options, ...extras };
}
