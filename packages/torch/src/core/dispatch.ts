/**
 * @file The one place through which every operator call passes: unwraps tensors, calls the addon, wraps the results, and
 * tells whoever is recording.
 */

import { ArgumentError, describeValue, EdgeAIError, TensorDisposedError } from '../errors.ts';
import { type Handle, native, type OperatorSchema } from '../native.ts';
import type { Tensor } from './tensor.ts';

/** How an argument must be unwrapped before it crosses into the addon. */
const PLAIN = 0;
const TENSOR = 1;
const TENSORS = 2;
const GENERATOR = 3;

/** How results come back. */
const RETURNS_NOTHING = 0;
const RETURNS_TENSOR = 1;
const RETURNS_ARGUMENT = 2;
const RETURNS_TENSORS = 3;
const RETURNS_VALUE = 4;
const RETURNS_SEVERAL = 5;

/** An operator of libtorch's dispatcher, looked up when it is first called. */
export class Operator {
  /** For example `aten::add`. */
  readonly name: string;
  /** For example `Tensor`; empty for the default overload. */
  readonly overload: string;
  /** @internal Position in the addon's list; -1 until first used. */
  id = -1;
  /** @internal */
  kinds: Uint8Array = new Uint8Array(0);
  /** @internal */
  returnMode = RETURNS_NOTHING;
  /** @internal */
  returnedArgument = -1;
  #schema: OperatorSchema | undefined;

  constructor(name: string, overload = '') {
    this.name = name;
    this.overload = overload;
  }

  /** Name with overload, as libtorch prints it: `aten::add.Tensor`. */
  get qualifiedName(): string {
    return this.overload === '' ? this.name : `${this.name}.${this.overload}`;
  }

  /** Arguments and returns as libtorch declares them. @throws {UnknownOperatorError} */
  get schema(): OperatorSchema {
    this.#schema ??= this.#resolve();
    return this.#schema;
  }

  #resolve(): OperatorSchema {
    const schema = native.findOperator(this.name, this.overload);
    if (schema === undefined) throw new UnknownOperatorError(this.qualifiedName, overloadsOf(this.name));
    this.kinds = Uint8Array.from(schema.arguments, ({ type }) => {
      if (type === 'Tensor') return TENSOR;
      if (type === 'Tensor[]' || type === 'Tensor?[]') return TENSORS;
      return type === 'Generator' ? GENERATOR : PLAIN;
    });
    const [first] = schema.returns;
    if (first === undefined) this.returnMode = RETURNS_NOTHING;
    else if (schema.returns.length > 1) this.returnMode = RETURNS_SEVERAL;
    else if (first.argument >= 0) {
      this.returnMode = RETURNS_ARGUMENT;
      this.returnedArgument = first.argument;
    } else if (first.type === 'Tensor') this.returnMode = RETURNS_TENSOR;
    else if (first.type === 'Tensor[]') this.returnMode = RETURNS_TENSORS;
    else this.returnMode = RETURNS_VALUE;
    this.id = schema.id;
    return schema;
  }

  /** @internal Looks the operator up if that has not happened yet. */
  prepare(): void {
    if (this.id < 0) this.#schema = this.#resolve();
  }
}

/** libtorch has no operator of this name (in this version, or before a library is loaded). */
export class UnknownOperatorError extends EdgeAIError {
  constructor(name: string, overloads: readonly string[] = []) {
    const cure =
      overloads.length > 0
        ? `its overloads here are ${overloads.map((overload) => overload || 'default').join(', ')}`
        : 'a library that defines it may have to be loaded first';
    super('UNKNOWN_OPERATOR', `libtorch has no operator ${name}; ${cure}`);
  }
}

function overloadsOf(name: string): string[] {
  return native.operatorNames().flatMap(([known, overload]) => (known === name ? [overload] : []));
}

/** Receives every operator call, with the arguments and results as JavaScript sees them. */
export type Recorder = (operator: Operator, args: readonly unknown[], result: unknown) => void;

let recorder: Recorder | undefined;

/** @internal Installs a recorder and returns the one before; `undefined` records nothing. */
export function setRecorder(next: Recorder | undefined): Recorder | undefined {
  const before = recorder;
  recorder = next;
  return before;
}

/** Gives a result in the place of what an operator would compute, or `undefined` to have it computed. */
export type StandIn = (operator: Operator, args: readonly unknown[]) => Tensor | undefined;

let standIn: StandIn | undefined;

/** @internal Installs what stands in while a recorder listens, and returns the one before. */
export function setStandIn(next: StandIn | undefined): StandIn | undefined {
  const before = standIn;
  standIn = next;
  return before;
}

/** @internal What dispatch needs to know of the Tensor class, which is defined on top of it. */
interface TensorBinding {
  readonly isTensor: (value: unknown) => value is Tensor;
  readonly wrap: (handle: Handle, origin: string) => Tensor;
}

let binding: TensorBinding;

/** @internal */
export function bindTensor(given: TensorBinding): void {
  binding = given;
}

/** Base of objects that stand for a native random generator. */
export interface GeneratorLike {
  /** @internal */
  readonly _generator: number;
}

function wrapResult(raw: unknown, origin: string): unknown {
  if (typeof raw === 'number') return binding.wrap(raw, origin);
  return Array.isArray(raw) ? raw.map((item) => wrapResult(item, origin)) : raw;
}

function wrapSeveral(operator: Operator, raw: unknown[], args: readonly unknown[]): unknown[] {
  return operator.schema.returns.map(({ argument, type }, i) => {
    if (argument >= 0) return args[argument];
    return type === 'Tensor' || type === 'Tensor[]' ? wrapResult(raw[i], operator.name) : raw[i];
  });
}

/** @internal The handle of a live tensor. @throws {TensorDisposedError} naming the operator that made it. */
export function handleOf(tensor: Tensor): Handle {
  const handle = tensor?._handle;
  if (!(handle > 0)) throw handleError(tensor);
  return handle;
}

function handleError(tensor: Tensor): EdgeAIError {
  if (!binding.isTensor(tensor)) return ArgumentError.expected('tensor', 'a Tensor', tensor);
  return new TensorDisposedError(
    `This tensor (made by ${tensor._origin}) has been released: its scope ended or dispose() was called. Return it from the scope or keep() it to use it longer`,
  );
}

function unwrap(operator: Operator, position: number, value: unknown): unknown {
  const kind = operator.kinds[position];
  if (kind === PLAIN) return value;
  if (kind === TENSOR) {
    if (binding.isTensor(value)) return handleOf(value);
    if (value === null || value === undefined) return value;
    throw expectedTensor(operator, position, 'a Tensor', value);
  }
  if (kind === TENSORS) {
    if (value === null || value === undefined) return value;
    if (!Array.isArray(value)) throw expectedTensor(operator, position, 'an array of Tensors', value);
    return value.map((item) => {
      if (binding.isTensor(item)) return handleOf(item);
      if (item === null || item === undefined) return null;
      throw expectedTensor(operator, position, 'an array of Tensors', item);
    });
  }
  if (kind !== GENERATOR || value === null || value === undefined) return value;
  const index = (value as Partial<GeneratorLike>)._generator;
  if (typeof index !== 'number') throw expectedTensor(operator, position, 'a Generator', value);
  return index;
}

function expectedTensor(operator: Operator, position: number, expected: string, actual: unknown): ArgumentError {
  const name = operator.schema.arguments[position]?.name ?? `argument ${position}`;
  return new ArgumentError(
    name,
    `${operator.qualifiedName}: expected ${expected} for ${name} but received ${describeValue(actual)}`,
  );
}

/**
 * Calls an operator with its arguments in schema order. Arguments left out or `undefined` take the schema's default.
 * In-place operators return the very object that they changed.
 */
export function callOp(operator: Operator, ...args: unknown[]): unknown {
  return callArray(operator, args);
}

function callArray(operator: Operator, args: readonly unknown[]): unknown {
  if (operator.id < 0) operator.prepare();
  if (recorder !== undefined && standIn !== undefined) {
    const made = standIn(operator, args);
    if (made !== undefined) {
      recorder(operator, args, made);
      return made;
    }
  }
  const { id } = operator;
  let returned: unknown;
  // Spelled out for the usual counts: an array of arguments in between costs more than the call.
  switch (args.length) {
    case 1:
      returned = native.call(id, unwrap(operator, 0, args[0]));
      break;
    case 2:
      returned = native.call(id, unwrap(operator, 0, args[0]), unwrap(operator, 1, args[1]));
      break;
    case 3:
      returned = native.call(
        id,
        unwrap(operator, 0, args[0]),
        unwrap(operator, 1, args[1]),
        unwrap(operator, 2, args[2]),
      );
      break;
    default:
      returned = native.call(id, ...args.map((value, i) => unwrap(operator, i, value)));
  }
  let result: unknown;
  switch (operator.returnMode) {
    case RETURNS_TENSOR:
      result = returned === null ? null : binding.wrap(returned as Handle, operator.name);
      break;
    case RETURNS_ARGUMENT:
      result = args[operator.returnedArgument];
      break;
    case RETURNS_TENSORS:
      result = wrapResult(returned, operator.name);
      break;
    case RETURNS_SEVERAL:
      result = wrapSeveral(operator, returned as unknown[], args);
      break;
    case RETURNS_VALUE:
      result = returned;
      break;
    default:
      result = undefined;
  }
  if (recorder !== undefined) recorder(operator, args, result);
  return result;
}

/** @internal True for an options object: not a tensor, array, complex number, typed array or instance of a class. */
export function isOptions(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return (prototype === Object.prototype || prototype === null) && !('real' in value && 'imag' in value);
}

const optionNames = new WeakMap<Operator, Map<string, number>>();

/** @internal `keep_dim` → `keepDim`; a trailing underscore (in-place) stays. */
export function camelCase(name: string): string {
  return name.replace(/(?<=[a-zA-Z0-9])_([a-zA-Z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** The short way for the most frequent kind of call: at most two arguments in, one new tensor out, nobody recording. */
function callShort(operator: Operator, count: 1 | 2, first: unknown, second: unknown): unknown {
  if (operator.id < 0) operator.prepare();
  if (operator.returnMode !== RETURNS_TENSOR || recorder !== undefined) {
    return callArray(operator, count === 1 ? [first] : [first, second]);
  }
  const handle =
    count === 1
      ? native.call(operator.id, unwrap(operator, 0, first))
      : native.call(operator.id, unwrap(operator, 0, first), unwrap(operator, 1, second));
  return handle === null ? null : binding.wrap(handle as Handle, operator.name);
}

/** @internal As `invoke`, for a method: `self` comes apart from the other arguments. */
export function invokeMethod(operator: Operator, self: unknown, args: unknown[]): unknown {
  if (args.length === 0) return callShort(operator, 1, self, undefined);
  if (args.length === 1) {
    const only = args[0];
    if (only !== undefined && (binding.isTensor(only) || !isOptions(only))) return callShort(operator, 2, self, only);
  }
  return invoke(operator, [self, ...args]);
}

/**
 * @internal Calls an operator whose last given argument may be an options object with the remaining arguments by name.
 * @throws {ArgumentError} for an option that the operator does not have.
 */
export function invoke(operator: Operator, args: unknown[]): unknown {
  const last = args[args.length - 1];
  if (!isOptions(last)) {
    while (args.length > 0 && args[args.length - 1] === undefined) args.pop();
    return callArray(operator, args);
  }
  let names = optionNames.get(operator);
  if (names === undefined) {
    names = new Map(operator.schema.arguments.map(({ name }, i) => [camelCase(name), i]));
    optionNames.set(operator, names);
  }
  const given = args.length - 1;
  const full = args.slice(0, given);
  for (const [key, value] of Object.entries(last)) {
    const position = names.get(key);
    if (position === undefined || position < given) {
      const known = [...names.keys()].slice(given);
      throw new ArgumentError(
        key,
        `${operator.qualifiedName}: ${position === undefined ? `unknown option '${key}'` : `'${key}' was given twice`}; options here: ${known.join(', ') || 'none'}`,
      );
    }
    while (full.length <= position) full.push(undefined);
    full[position] = value;
  }
  return callArray(operator, full);
}
