/** @file The Tensor: an integer handle to a libtorch tensor, with what does not come from an operator's schema. */

import { inspect } from 'node:util';
import { type DType, dtypeSize, isComplex, type TypedArray, typedArrayFor } from '../dtype.ts';
import { ArgumentError } from '../errors.ts';
import { type Handle, native } from '../native.ts';
import { bindTensor, callOp, handleOf, Operator } from './dispatch.ts';
import { formatTensor } from './format.ts';
import { TensorMethods } from './generated/methods.ts';
import { type Index, indexTensor } from './indexing.ts';
import { currentScope, type Scope, scope, setTensorClass, track, untrack } from './scope.ts';
import { setSelectTensorClass } from './select.ts';
import type { Complex, Device, Layout, MemoryFormat } from './types.ts';
import { noteRead } from './value-reads.ts';

const TO = new Operator('aten::to', 'dtype_layout');
const CONTIGUOUS = new Operator('aten::contiguous');
const DETACH = new Operator('aten::detach');

/** Nested arrays of numbers, booleans, bigints or complex numbers, as `toArray` returns them. */
export type NestedArray = number | bigint | boolean | Complex | NestedArray[];

export interface ToOptions {
  dtype?: DType;
  device?: Device;
  layout?: Layout;
  memoryFormat?: MemoryFormat;
  nonBlocking?: boolean;
  copy?: boolean;
}

export interface BackwardOptions {
  /** Gradient of the loss with respect to this tensor; needed unless it has one element. */
  gradient?: Tensor;
  /** Keep what backward needs, to call it again. Default: the value of `createGraph`. */
  retainGraph?: boolean;
  /** Build a graph of the gradients, for higher derivatives. */
  createGraph?: boolean;
  /** Accumulate only into these leaves. */
  inputs?: readonly Tensor[];
}

/** An n-dimensional array on a device, with PyTorch's semantics. Made by `tensor(…)`, `zeros(…)` and operators. */
export class Tensor extends TensorMethods implements Disposable {
  /** @internal 0 once released. */
  _handle: Handle;
  /** @internal */
  _scope: Scope | null;
  /** @internal Name of the operator that made it. */
  _origin: string;

  /** @internal */
  constructor(handle: Handle, origin = 'tensor') {
    super();
    this._handle = handle;
    this._origin = origin;
    this._scope = currentScope;
    track(this);
  }

  /** Sizes of all dimensions. */
  get shape(): number[] {
    return native.sizes(handleOf(this));
  }

  /** Number of dimensions. */
  get ndim(): number {
    return native.dim(handleOf(this));
  }

  get dtype(): DType {
    return native.dtype(handleOf(this));
  }

  get device(): Device {
    return native.device(handleOf(this));
  }

  /** Size of one dimension; negative ones count from the end. */
  size(dim: number): number {
    const { shape } = this;
    const found = shape[dim < 0 ? dim + shape.length : dim];
    if (found === undefined) {
      throw new ArgumentError(
        'dim',
        `Expected a dimension between ${-shape.length} and ${shape.length - 1} for dim but received ${dim}`,
      );
    }
    return found;
  }

  /** Number of dimensions; same as `ndim`. */
  dim(): number {
    return this.ndim;
  }

  /** Number of elements. */
  numel(): number {
    return native.numel(handleOf(this));
  }

  /** Steps between neighbours along each dimension, in elements. */
  stride(): number[] {
    return native.strides(handleOf(this));
  }

  storageOffset(): number {
    return native.storageOffset(handleOf(this));
  }

  isContiguous(options: { memoryFormat?: MemoryFormat } = {}): boolean {
    return native.isContiguous(handleOf(this), options.memoryFormat);
  }

  /** True when both tensors use the same memory. */
  sharesStorageWith(other: Tensor): boolean {
    return native.storageId(handleOf(this)) === native.storageId(handleOf(other));
  }

  get requiresGrad(): boolean {
    return native.requiresGrad(handleOf(this));
  }

  set requiresGrad(value: boolean) {
    native.setRequiresGrad(handleOf(this), value);
  }

  /** Sets `requiresGrad` and returns this tensor. */
  requiresGrad_(value = true): this {
    this.requiresGrad = value;
    return this;
  }

  /** True for a tensor that the user made, and whose gradient `backward` accumulates. */
  get isLeaf(): boolean {
    return native.isLeaf(handleOf(this));
  }

  /** The accumulated gradient, or `null`. Each read is a new handle on the same gradient. */
  get grad(): Tensor | null {
    const handle = native.getGrad(handleOf(this));
    return handle === null ? null : new Tensor(handle, 'grad');
  }

  set grad(value: Tensor | null) {
    native.setGrad(handleOf(this), value === null ? null : handleOf(value));
  }

  /** Name of the graph node that made this tensor (`AddBackward0`), or `null` for leaves. */
  get gradFn(): string | null {
    return native.gradFnName(handleOf(this));
  }

  /** Keeps this non-leaf tensor's gradient when `backward` passes. */
  retainGrad(): this {
    native.retainGrad(handleOf(this));
    return this;
  }

  /** Counts in-place changes. */
  get version(): number {
    return native.version(handleOf(this));
  }

  /** Accumulates the gradients of this tensor into the leaves it was computed from. */
  backward(options: BackwardOptions = {}): void {
    const { gradient, createGraph = false, retainGraph = createGraph, inputs } = options;
    native.backward(
      [handleOf(this)],
      gradient === undefined ? undefined : [handleOf(gradient)],
      retainGraph,
      createGraph,
      inputs?.map(handleOf),
    );
  }

  /**
   * Calls `hook` with this tensor's gradient whenever one is computed; what it returns replaces the gradient. The gradient
   * is released when the hook returns; `keep` it to use it later.
   *
   * @returns an object whose `remove()` takes the hook away
   */
  registerHook(hook: (gradient: Tensor) => Tensor | undefined): { remove(): void } {
    if (typeof hook !== 'function') throw ArgumentError.expected('hook', 'a function', hook);
    const position = native.registerHook(handleOf(this), (handle) =>
      scope(() => {
        const result = hook(new Tensor(handle, 'grad'));
        // The engine takes over this alias; the tensor itself goes with the scope.
        return result === undefined ? undefined : native.alias(handleOf(result));
      }),
    );
    return {
      remove: () => {
        if (this._handle !== 0) native.removeHook(this._handle, position);
      },
    };
  }

  /** The same data without history. In-place changes show in both. */
  detach(): Tensor {
    return callOp(DETACH, this) as Tensor;
  }

  /** The single element as a number, boolean, or bigint where the number would not be exact. */
  item(): number {
    noteRead(this, 'item()');
    const value = native.item(handleOf(this));
    if (typeof value === 'object')
      throw new ArgumentError('self', 'item() of a complex tensor; use toArray() on its real and imaginary parts');
    return value as number;
  }

  /** All elements in row-major order, copied. float16 and bfloat16 come as bit patterns, int64 as bigints. */
  toTypedArray(): TypedArray {
    noteRead(this, 'toTypedArray()');
    const { dtype } = this;
    const array = new (typedArrayFor(dtype))(new ArrayBuffer(this.numel() * dtypeSize(dtype)));
    native.copyTo(handleOf(this), array);
    return array;
  }

  /** Copies all elements in row-major order into `target` (a typed array, Buffer or DataView of the same size in bytes). */
  copyTo(target: ArrayBufferView): void {
    native.copyTo(handleOf(this), target);
  }

  /** A typed array over this tensor's own memory, without a copy. Needs a contiguous tensor on the CPU. */
  sharedTypedArray(): TypedArray {
    return new (typedArrayFor(this.dtype))(native.shareBytes(handleOf(this)));
  }

  /** Elements as nested arrays of numbers (int64 as numbers where exact, bigints elsewhere; complex as `{real, imag}`). */
  toArray(): NestedArray {
    noteRead(this, 'toArray()');
    return scope(() => {
      const { dtype, shape } = this;
      const readable = dtype === 'float16' || dtype === 'bfloat16' ? this.to('float32') : this;
      const flat = readable.toTypedArray();
      const complex = isComplex(dtype);
      let next = 0;
      const build = (depth: number): NestedArray => {
        const length = shape[depth];
        if (length !== undefined) return Array.from({ length }, () => build(depth + 1));
        const value = flat[next++] as number | bigint;
        if (complex) return { real: value as number, imag: flat[next++] as number };
        if (dtype === 'bool') return value !== 0;
        return typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value;
      };
      return build(0);
    });
  }

  /** Converts to a dtype, device or memory format. Where nothing changes, the result is another handle on the same tensor. */
  to(target: DType | Device | ToOptions | Tensor, options: ToOptions = {}): Tensor {
    const wanted: ToOptions = toOptions(target, options);
    const result = callOp(
      TO,
      this,
      wanted.dtype,
      wanted.layout,
      wanted.device,
      undefined,
      wanted.nonBlocking ?? false,
      wanted.copy ?? false,
      wanted.memoryFormat,
    ) as Tensor;
    return result;
  }

  cpu(): Tensor {
    return this.to({ device: 'cpu' });
  }

  cuda(index = 0): Tensor {
    return this.to({ device: `cuda:${index}` });
  }

  float(): Tensor {
    return this.to('float32');
  }

  double(): Tensor {
    return this.to('float64');
  }

  long(): Tensor {
    return this.to('int64');
  }

  int(): Tensor {
    return this.to('int32');
  }

  bool(): Tensor {
    return this.to('bool');
  }

  /** A tensor with its elements in memory order: another handle on this one where that is so already. */
  contiguous(options: { memoryFormat?: MemoryFormat } = {}): Tensor {
    return callOp(CONTIGUOUS, this, options.memoryFormat) as Tensor;
  }

  /**
   * Basic and advanced indexing: integers, `slice(start, end, step)`, `null` for a new dimension, `'...'`, and index or
   * mask tensors. `x.index(0, slice(1, 3))` is Python's `x[0, 1:3]`.
   */
  index(...indices: Index[]): Tensor {
    return indexTensor(this, indices);
  }

  /** Iterates over the first dimension. */
  *[Symbol.iterator](): Iterator<Tensor> {
    const length = this.size(0);
    for (let i = 0; i < length; i++) yield this.select(0, i);
  }

  /** @internal True while the tensor has not been released. */
  get isAlive(): boolean {
    return this._handle !== 0;
  }

  /** Drops this reference. What autograd or other tensors need of the memory stays alive. Safe to call again. */
  dispose(): void {
    const handle = this._handle;
    if (handle === 0) return;
    untrack(this);
    this._handle = 0;
    native.release(handle);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  override toString(): string {
    return this._handle === 0 ? `Tensor(released, made by ${this._origin})` : formatTensor(this);
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

function toOptions(target: DType | Device | ToOptions | Tensor, options: ToOptions): ToOptions {
  if (target instanceof Tensor) return { dtype: target.dtype, device: target.device, ...options };
  if (typeof target === 'object') return target;
  return /^(cpu|cuda|meta|mps)/.test(target) ? { device: target, ...options } : { dtype: target as DType, ...options };
}

setTensorClass(Tensor);
setSelectTensorClass(Tensor);
bindTensor({
  isTensor: (value): value is Tensor => value instanceof Tensor,
  wrap: (handle, origin) => new Tensor(handle, origin),
});
