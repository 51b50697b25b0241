/** @file Layers that pad. */

import type { Tensor } from '../core/tensor.ts';
import { type PadMode, pad } from './functional/pad.ts';
import { Module } from './module.ts';
import { repr } from './repr.ts';
import { expandSize, type SizeN } from './sizes.ts';

/** One number for all ends, or before and after the last dimension, then the one before it. */
export type Padding1d = number | readonly [number, number];
export type Padding2d = number | readonly [number, number, number, number];
export type Padding3d = number | readonly [number, number, number, number, number, number];

abstract class PadLayer extends Module {
  padding: readonly number[];

  constructor(padding: SizeN, dims: number) {
    super();
    this.padding = expandSize('padding', padding, 2 * dims);
  }

  protected abstract get mode(): PadMode;

  forward(input: Tensor): Tensor {
    return pad(input, this.padding, { mode: this.mode });
  }

  override extraRepr(): string {
    return repr(this.padding);
  }
}

abstract class ConstantPad extends PadLayer {
  value: number;

  constructor(padding: SizeN, dims: number, value: number) {
    super(padding, dims);
    this.value = value;
  }

  protected override get mode(): PadMode {
    return 'constant';
  }

  override forward(input: Tensor): Tensor {
    return pad(input, this.padding, { value: this.value });
  }

  override extraRepr(): string {
    return `padding=${repr(this.padding)}, value=${repr(this.value)}`;
  }
}

abstract class ZeroPad extends ConstantPad {
  constructor(padding: SizeN, dims: number) {
    super(padding, dims, 0);
  }

  override extraRepr(): string {
    return repr(this.padding);
  }
}

abstract class ReflectionPad extends PadLayer {
  protected override get mode(): PadMode {
    return 'reflect';
  }
}

abstract class ReplicationPad extends PadLayer {
  protected override get mode(): PadMode {
    return 'replicate';
  }
}

abstract class CircularPad extends PadLayer {
  protected override get mode(): PadMode {
    return 'circular';
  }
}

/** Pads `(N, C, L)` or `(C, L)` with one value. */
export class ConstantPad1d extends ConstantPad {
  constructor(padding: Padding1d, value: number) {
    super(padding, 1, value);
  }
}

/** Pads `(N, C, H, W)` or `(C, H, W)` with one value. */
export class ConstantPad2d extends ConstantPad {
  constructor(padding: Padding2d, value: number) {
    super(padding, 2, value);
  }
}

/** Pads `(N, C, D, H, W)` or `(C, D, H, W)` with one value. */
export class ConstantPad3d extends ConstantPad {
  constructor(padding: Padding3d, value: number) {
    super(padding, 3, value);
  }
}

/** Pads `(N, C, L)` or `(C, L)` with zeros. */
export class ZeroPad1d extends ZeroPad {
  constructor(padding: Padding1d) {
    super(padding, 1);
  }
}

/** Pads `(N, C, H, W)` or `(C, H, W)` with zeros. */
export class ZeroPad2d extends ZeroPad {
  constructor(padding: Padding2d) {
    super(padding, 2);
  }
}

/** Pads `(N, C, D, H, W)` or `(C, D, H, W)` with zeros. */
export class ZeroPad3d extends ZeroPad {
  constructor(padding: Padding3d) {
    super(padding, 3);
  }
}

/** Pads `(N, C, L)` or `(C, L)` by reflection, without repeating the edge. */
export class ReflectionPad1d extends ReflectionPad {
  constructor(padding: Padding1d) {
    super(padding, 1);
  }
}

/** Pads `(N, C, H, W)` or `(C, H, W)` by reflection, without repeating the edge. */
export class ReflectionPad2d extends ReflectionPad {
  constructor(padding: Padding2d) {
    super(padding, 2);
  }
}

/** Pads `(N, C, D, H, W)` or `(C, D, H, W)` by reflection, without repeating the edge. */
export class ReflectionPad3d extends ReflectionPad {
  constructor(padding: Padding3d) {
    super(padding, 3);
  }
}

/** Pads `(N, C, L)` or `(C, L)` by repeating the edge. */
export class ReplicationPad1d extends ReplicationPad {
  constructor(padding: Padding1d) {
    super(padding, 1);
  }
}

/** Pads `(N, C, H, W)` or `(C, H, W)` by repeating the edge. */
export class ReplicationPad2d extends ReplicationPad {
  constructor(padding: Padding2d) {
    super(padding, 2);
  }
}

/** Pads `(N, C, D, H, W)` or `(C, D, H, W)` by repeating the edge. */
export class ReplicationPad3d extends ReplicationPad {
  constructor(padding: Padding3d) {
    super(padding, 3);
  }
}

/** Pads `(N, C, L)` or `(C, L)` with the other end. */
export class CircularPad1d extends CircularPad {
  constructor(padding: Padding1d) {
    super(padding, 1);
  }
}

/** Pads `(N, C, H, W)` or `(C, H, W)` with the other end. */
export class CircularPad2d extends CircularPad {
  constructor(padding: Padding2d) {
    super(padding, 2);
  }
}

/** Pads `(N, C, D, H, W)` or `(C, D, H, W)` with the other end. */
export class CircularPad3d extends CircularPad {
  constructor(padding: Padding3d) {
    super(padding, 3);
  }
}
