/** @file What a module owns: parameters, which are trained, and buffers, which are only kept. */

import { callOp, handleOf, Operator } from '../core/dispatch.ts';
import { keep } from '../core/scope.ts';
import { Tensor } from '../core/tensor.ts';
import type { Device, Shape } from '../core/types.ts';
import type { DType } from '../dtype.ts';
import { native } from '../native.ts';

const EMPTY = new Operator('aten::empty', 'memory_format');
const DETACH = new Operator('aten::detach');

export interface FactoryOptions {
  dtype?: DType;
  device?: Device;
}

/** A tensor that is trained. It belongs to its module, never to a scope. */
export class Parameter extends Tensor {
  /** Shares the data of `data`; `requiresGrad` defaults to true. */
  constructor(data: Tensor, options: { requiresGrad?: boolean } = {}) {
    super(shareHandle(data), 'Parameter');
    this.requiresGrad = options.requiresGrad ?? true;
    keep(this);
  }

  /** A parameter with memory that is not filled yet, for `nn.init` to fill. */
  static empty(shape: Shape, options: FactoryOptions = {}): Parameter {
    return takeOver(emptyTensor(shape, options), (data) => new Parameter(data));
  }
}

export interface BufferOptions {
  /** `false` leaves the buffer out of state dicts. Default `true`. */
  persistent?: boolean;
  /** Loading a state dict without this key is no error and sets the buffer to zero. Default `false`. */
  zeroIfMissing?: boolean;
}

/** A tensor that belongs to a module's state and is not trained: running statistics, index tables. */
export class Buffer extends Tensor {
  /** False for buffers that are left out of state dicts. */
  readonly persistent: boolean;
  /** True for buffers that older state dicts lack. */
  readonly zeroIfMissing: boolean;

  constructor(data: Tensor, options: BufferOptions = {}) {
    super(shareHandle(data), 'Buffer');
    this.persistent = options.persistent ?? true;
    this.zeroIfMissing = options.zeroIfMissing ?? false;
    keep(this);
  }

  /** A buffer made from a temporary tensor, which is released. */
  static from(data: Tensor, options: BufferOptions = {}): Buffer {
    return takeOver(data, (temporary) => new Buffer(temporary, options));
  }
}

function emptyTensor(shape: Shape, options: FactoryOptions): Tensor {
  return callOp(EMPTY, shape, options.dtype, undefined, options.device) as Tensor;
}

/** A handle of its own on the same data, without history. */
function shareHandle(data: Tensor): number {
  const detached = callOp(DETACH, data) as Tensor;
  const handle = native.alias(handleOf(detached));
  detached.dispose();
  return handle;
}

function takeOver<T>(data: Tensor, make: (data: Tensor) => T): T {
  const made = make(data);
  data.dispose();
  return made;
}
