/**
 * @file The `_foreach_*` operators on lists of raw handles: what optimisers, clipping and averaging call many times a step.
 * No Tensor object is made for a gradient or an intermediate result; a `HandlePool` releases them together.
 */

import { type Handle, native, scratch } from '../native.ts';
import { handleOf, Operator } from './dispatch.ts';
import type { Tensor } from './tensor.ts';

/** Handles of several tensors, in a fixed order. */
export type Handles = readonly Handle[];

const op = (name: string, overload = '') => new Operator(`aten::_foreach_${name}`, overload);
const NEG = op('neg');
const SQRT = op('sqrt');
const ZERO_ = op('zero_');
const ADD = op('add', 'List');
const ADD_ = op('add_', 'List');
const ADD_SCALAR_ = op('add_', 'Scalar');
const MUL = op('mul', 'Scalar');
const MUL_ = op('mul_', 'Scalar');
const MUL_LIST_ = op('mul_', 'List');
const DIV_SCALARS_ = op('div_', 'ScalarList');
const ADDCMUL = op('addcmul', 'Scalar');
const ADDCMUL_ = op('addcmul_', 'Scalar');
const ADDCDIV_ = op('addcdiv_', 'Scalar');
const ADDCDIV_SCALARS_ = op('addcdiv_', 'ScalarList');
const MAXIMUM_ = op('maximum_', 'List');
const NORM = op('norm', 'Scalar');
const CLONE = new Operator('aten::clone');

function call(operator: Operator, ...args: unknown[]): unknown {
  if (operator.id < 0) operator.prepare();
  return native.call(operator.id, ...args);
}

/** Handles of live tensors. @throws {TensorDisposedError} */
export function handlesOf(tensors: readonly Tensor[]): Handle[] {
  return tensors.map(handleOf);
}

/** Owns the handles of temporaries; `release` lets go of all of them in one native call. */
export class HandlePool {
  #handles: Handle[] = [];

  /** Takes over one handle. */
  own(handle: Handle): Handle {
    this.#handles.push(handle);
    return handle;
  }

  /** Takes over a list of handles. */
  ownAll(handles: Handle[]): Handles {
    for (const handle of handles) this.#handles.push(handle);
    return handles;
  }

  release(): void {
    const handles = this.#handles;
    this.#handles = [];
    for (let start = 0; start < handles.length; start += scratch.length) {
      const count = Math.min(scratch.length, handles.length - start);
      for (let i = 0; i < count; i++) scratch[i] = handles[start + i] ?? 0;
      native.releaseScratch(count);
    }
  }
}

/** −x of each, as new tensors of the pool. */
export function neg(pool: HandlePool, self: Handles): Handles {
  return pool.ownAll(call(NEG, self) as Handle[]);
}

/** √x of each, as new tensors of the pool. */
export function sqrt(pool: HandlePool, self: Handles): Handles {
  return pool.ownAll(call(SQRT, self) as Handle[]);
}

/** self + alpha · other, as new tensors of the pool. */
export function add(pool: HandlePool, self: Handles, other: Handles, alpha = 1): Handles {
  return pool.ownAll(call(ADD, self, other, alpha) as Handle[]);
}

/** self · scalar, as new tensors of the pool. */
export function mul(pool: HandlePool, self: Handles, scalar: number): Handles {
  return pool.ownAll(call(MUL, self, scalar) as Handle[]);
}

/** self + value · a · b, as new tensors of the pool. */
export function addcmul(pool: HandlePool, self: Handles, a: Handles, b: Handles, value = 1): Handles {
  return pool.ownAll(call(ADDCMUL, self, a, b, value) as Handle[]);
}

/** The norm of order `ord` of each, as new tensors of the pool without dimensions. */
export function norm(pool: HandlePool, self: Handles, ord: number): Handles {
  return pool.ownAll(call(NORM, self, ord) as Handle[]);
}

/** A copy of one tensor. The caller owns it. */
export function cloneHandle(self: Handle): Handle {
  return call(CLONE, self) as Handle;
}

export function zero_(self: Handles): void {
  call(ZERO_, self);
}

/** self += alpha · other */
export function add_(self: Handles, other: Handles, alpha = 1): void {
  call(ADD_, self, other, alpha);
}

/** self += scalar */
export function addScalar_(self: Handles, scalar: number): void {
  call(ADD_SCALAR_, self, scalar);
}

/** self *= scalar */
export function mul_(self: Handles, scalar: number): void {
  call(MUL_, self, scalar);
}

/** self[i] *= other[i] */
export function mulEach_(self: Handles, other: Handles): void {
  call(MUL_LIST_, self, other);
}

/** self[i] /= scalars[i] */
export function divEach_(self: Handles, scalars: readonly number[]): void {
  call(DIV_SCALARS_, self, scalars);
}

/** self += value · a · b */
export function addcmul_(self: Handles, a: Handles, b: Handles, value = 1): void {
  call(ADDCMUL_, self, a, b, value);
}

/** self += value · a / b */
export function addcdiv_(self: Handles, a: Handles, b: Handles, value = 1): void {
  call(ADDCDIV_, self, a, b, value);
}

/** self[i] += scalars[i] · a[i] / b[i] */
export function addcdivEach_(self: Handles, a: Handles, b: Handles, scalars: readonly number[]): void {
  call(ADDCDIV_SCALARS_, self, a, b, scalars);
}

/** self = max(self, other) */
export function maximum_(self: Handles, other: Handles): void {
  call(MAXIMUM_, self, other);
}
