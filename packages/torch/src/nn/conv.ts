/** @file Convolutions and transposed convolutions in one to three spatial dimensions. */

import { callOp, type Operator } from '../core/dispatch.ts';
import {
  conv1d$,
  conv1d$padding,
  conv2d$,
  conv2d$padding,
  conv3d$,
  conv3d$padding,
  convTranspose1d$,
  convTranspose2d$input,
  convTranspose3d$input,
} from '../core/generated/operators.ts';
import type { Tensor } from '../core/tensor.ts';
import { ArgumentError } from '../errors.ts';
import { pad } from './functional/pad.ts';
import { calculateFanInAndFanOut, kaimingUniform_, uniform_ } from './init.ts';
import { Module } from './module.ts';
import { type FactoryOptions, Parameter } from './parameter.ts';
import { repr } from './repr.ts';
import { expandSize, type SizeN, type SizeOf } from './sizes.ts';

export type PaddingMode = 'zeros' | 'reflect' | 'replicate' | 'circular';

export interface ConvOptions<D extends 1 | 2 | 3 = 2> extends FactoryOptions {
  /** Default 1. */
  stride?: SizeOf<D>;
  /** Elements added at both ends of each spatial dimension; `same` keeps the size, `valid` adds none. Default 0. */
  padding?: SizeOf<D> | 'same' | 'valid';
  /** Distance between the elements that the kernel sees. Default 1. */
  dilation?: SizeOf<D>;
  /** Channels are split into this many groups, each convolved by itself. Default 1. */
  groups?: number;
  /** Default `true`. */
  bias?: boolean;
  /** What the padding is made of. Default `zeros`. */
  paddingMode?: PaddingMode;
}

export interface ConvTransposeOptions<D extends 1 | 2 | 3 = 2> extends FactoryOptions {
  /** Default 1. */
  stride?: SizeOf<D>;
  /** Takes this much away at both ends of each spatial dimension of the result. Default 0. */
  padding?: SizeOf<D>;
  /** Added at one end of each spatial dimension of the result, to choose among the sizes that a stride allows. Default 0. */
  outputPadding?: SizeOf<D>;
  /** Default 1. */
  groups?: number;
  /** Default `true`. */
  bias?: boolean;
  /** Default 1. */
  dilation?: SizeOf<D>;
}

/** What `ConvNd` needs to know of its subclass's options. */
interface Geometry extends FactoryOptions {
  stride?: SizeN;
  padding?: SizeN | 'same' | 'valid';
  outputPadding?: SizeN;
  dilation?: SizeN;
  groups?: number;
  bias?: boolean;
  paddingMode?: PaddingMode;
}

const PADDING_MODES: readonly PaddingMode[] = ['zeros', 'reflect', 'replicate', 'circular'];

/** What all convolutions share: their geometry, `weight` and `bias`, and how these start. */
export abstract class ConvNd<Args extends unknown[] = never> extends Module<Args, Tensor> {
  inChannels: number;
  outChannels: number;
  kernelSize: readonly number[];
  stride: readonly number[];
  padding: readonly number[] | 'same' | 'valid';
  dilation: readonly number[];
  outputPadding: readonly number[];
  groups: number;
  paddingMode: PaddingMode;
  /** `(outChannels, inChannels / groups, …kernelSize)`; the first two exchanged in transposed convolutions. */
  weight: Parameter;
  /** `(outChannels)` */
  bias: Parameter | null;

  constructor(
    dims: number,
    transposed: boolean,
    inChannels: number,
    outChannels: number,
    kernelSize: SizeN,
    options: Geometry,
  ) {
    super();
    const { groups = 1, bias = true, padding = 0, paddingMode = 'zeros', dtype, device } = options;
    for (const [name, channels] of Object.entries({ inChannels, outChannels })) {
      if (!Number.isInteger(groups) || groups < 1 || channels % groups !== 0) {
        throw new ArgumentError(name, `Expected a multiple of groups (${groups}) for ${name} but received ${channels}`);
      }
    }
    if (!PADDING_MODES.includes(paddingMode)) {
      throw ArgumentError.expected('paddingMode', `one of ${PADDING_MODES.join(', ')}`, paddingMode);
    }
    if (typeof padding === 'string' && padding !== 'same' && padding !== 'valid') {
      throw ArgumentError.expected('padding', "a size, 'same' or 'valid'", padding);
    }
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.kernelSize = expandSize('kernelSize', kernelSize, dims);
    this.stride = expandSize('stride', options.stride ?? 1, dims);
    this.padding = typeof padding === 'string' ? padding : expandSize('padding', padding, dims);
    this.dilation = expandSize('dilation', options.dilation ?? 1, dims);
    this.outputPadding = expandSize('outputPadding', options.outputPadding ?? 0, dims);
    this.groups = groups;
    this.paddingMode = paddingMode;
    if (padding === 'same' && this.stride.some((step) => step !== 1)) {
      throw new ArgumentError(
        'padding',
        `padding 'same' needs a stride of 1 but stride is [${this.stride.join(', ')}]`,
      );
    }
    const channels = transposed ? [inChannels, outChannels / groups] : [outChannels, inChannels / groups];
    this.weight = Parameter.empty([...channels, ...this.kernelSize], { dtype, device });
    this.bias = bias ? Parameter.empty([outChannels], { dtype, device }) : null;
    this.resetParameters();
  }

  /** Draws new weights: uniform within 1/√fanIn, as PyTorch does. */
  resetParameters(): void {
    kaimingUniform_(this.weight, { a: Math.sqrt(5) });
    if (this.bias === null) return;
    const { fanIn } = calculateFanInAndFanOut(this.weight);
    if (fanIn !== 0) uniform_(this.bias, -1 / Math.sqrt(fanIn), 1 / Math.sqrt(fanIn));
  }

  override extraRepr(): string {
    const { padding, dilation, outputPadding, groups, paddingMode } = this;
    let text = `${this.inChannels}, ${this.outChannels}, kernel_size=${repr(this.kernelSize)}, stride=${repr(this.stride)}`;
    if (typeof padding === 'string' || padding.some((n) => n !== 0)) text += `, padding=${repr(padding)}`;
    if (dilation.some((n) => n !== 1)) text += `, dilation=${repr(dilation)}`;
    if (outputPadding.some((n) => n !== 0)) text += `, output_padding=${repr(outputPadding)}`;
    if (groups !== 1) text += `, groups=${groups}`;
    if (this.bias === null) text += ', bias=False';
    if (paddingMode !== 'zeros') text += `, padding_mode=${paddingMode}`;
    return text;
  }
}

/** The same convolution with padding as numbers and by name. */
interface ConvOperators {
  readonly numeric: Operator;
  readonly named: Operator;
}

const CONV1D: ConvOperators = { numeric: conv1d$, named: conv1d$padding };
const CONV2D: ConvOperators = { numeric: conv2d$, named: conv2d$padding };
const CONV3D: ConvOperators = { numeric: conv3d$, named: conv3d$padding };

abstract class Convolution extends ConvNd<[Tensor]> {
  protected abstract get operators(): ConvOperators;

  constructor(dims: number, inChannels: number, outChannels: number, kernelSize: SizeN, options: Geometry) {
    super(dims, false, inChannels, outChannels, kernelSize, options);
  }

  /** @param input `(N, inChannels, …)` or `(inChannels, …)` */
  forward(input: Tensor): Tensor {
    const { padding, paddingMode, operators } = this;
    if (paddingMode !== 'zeros') {
      const padded = pad(input, this.explicitPadding(), { mode: paddingMode });
      return callOp(
        operators.numeric,
        padded,
        this.weight,
        this.bias,
        this.stride,
        0,
        this.dilation,
        this.groups,
      ) as Tensor;
    }
    const operator = typeof padding === 'string' ? operators.named : operators.numeric;
    return callOp(operator, input, this.weight, this.bias, this.stride, padding, this.dilation, this.groups) as Tensor;
  }

  /** Before and after the last spatial dimension, then the one before it, and so on: what `pad` takes. */
  private explicitPadding(): number[] {
    const { padding, kernelSize, dilation } = this;
    const perDimension = kernelSize.map((size, i): readonly [number, number] => {
      if (padding === 'valid') return [0, 0];
      if (padding !== 'same') return [padding[i] ?? 0, padding[i] ?? 0];
      const total = (dilation[i] ?? 1) * (size - 1);
      return [Math.floor(total / 2), total - Math.floor(total / 2)];
    });
    return perDimension.reverse().flat();
  }
}

/** Convolution over `(N, C, L)`. */
export class Conv1d extends Convolution {
  constructor(inChannels: number, outChannels: number, kernelSize: SizeOf<1>, options: ConvOptions<1> = {}) {
    super(1, inChannels, outChannels, kernelSize, options);
  }

  protected override get operators(): ConvOperators {
    return CONV1D;
  }
}

/** Convolution over `(N, C, H, W)`. */
export class Conv2d extends Convolution {
  constructor(inChannels: number, outChannels: number, kernelSize: SizeOf<2>, options: ConvOptions<2> = {}) {
    super(2, inChannels, outChannels, kernelSize, options);
  }

  protected override get operators(): ConvOperators {
    return CONV2D;
  }
}

/** Convolution over `(N, C, D, H, W)`. */
export class Conv3d extends Convolution {
  constructor(inChannels: number, outChannels: number, kernelSize: SizeOf<3>, options: ConvOptions<3> = {}) {
    super(3, inChannels, outChannels, kernelSize, options);
  }

  protected override get operators(): ConvOperators {
    return CONV3D;
  }
}

/** A transposed convolution (the gradient of a convolution with respect to its input), also called deconvolution. */
abstract class TransposedConvolution extends ConvNd<[Tensor, (readonly number[])?]> {
  protected abstract get operator(): Operator;

  constructor(dims: number, inChannels: number, outChannels: number, kernelSize: SizeN, options: Geometry) {
    super(dims, true, inChannels, outChannels, kernelSize, options);
  }

  /**
   * @param input `(N, inChannels, …)` or `(inChannels, …)`
   * @param outputSize spatial size of the result, one of those that the stride allows; it takes the place of `outputPadding`
   * @throws {ArgumentError} for a size that the stride does not allow
   */
  forward(input: Tensor, outputSize?: readonly number[]): Tensor {
    const outputPadding = outputSize === undefined ? this.outputPadding : this.paddingFor(input, outputSize);
    return callOp(
      this.operator,
      input,
      this.weight,
      this.bias,
      this.stride,
      this.padding,
      outputPadding,
      this.groups,
      this.dilation,
    ) as Tensor;
  }

  private paddingFor(input: Tensor, outputSize: readonly number[]): number[] {
    const dims = this.kernelSize.length;
    const { shape } = input;
    // A whole shape is taken as well as its spatial part.
    const wanted = outputSize.length === shape.length ? outputSize.slice(-dims) : outputSize;
    if (wanted.length !== dims) {
      throw new ArgumentError(
        'outputSize',
        `Expected ${dims} or ${shape.length} sizes for outputSize but received [${outputSize.join(', ')}]`,
      );
    }
    return wanted.map((size, i) => {
      const stride = this.stride[i] ?? 1;
      const padding = typeof this.padding === 'string' ? 0 : (this.padding[i] ?? 0);
      const reach = (this.dilation[i] ?? 1) * ((this.kernelSize[i] ?? 1) - 1);
      const smallest = ((shape[shape.length - dims + i] ?? 0) - 1) * stride - 2 * padding + reach + 1;
      if (size < smallest || size >= smallest + stride) {
        throw new ArgumentError(
          'outputSize',
          `Expected ${smallest} to ${smallest + stride - 1} for dimension ${i} of outputSize but received ${size}`,
        );
      }
      return size - smallest;
    });
  }
}

/** Transposed convolution over `(N, C, L)`. */
export class ConvTranspose1d extends TransposedConvolution {
  constructor(inChannels: number, outChannels: number, kernelSize: SizeOf<1>, options: ConvTransposeOptions<1> = {}) {
    super(1, inChannels, outChannels, kernelSize, options);
  }

  protected override get operator(): Operator {
    return convTranspose1d$;
  }
}

/** Transposed convolution over `(N, C, H, W)`. */
export class ConvTranspose2d extends TransposedConvolution {
  constructor(inChannels: number, outChannels: number, kernelSize: SizeOf<2>, options: ConvTransposeOptions<2> = {}) {
    super(2, inChannels, outChannels, kernelSize, options);
  }

  protected override get operator(): Operator {
    return convTranspose2d$input;
  }
}

/** Transposed convolution over `(N, C, D, H, W)`. */
export class ConvTranspose3d extends TransposedConvolution {
  constructor(inChannels: number, outChannels: number, kernelSize: SizeOf<3>, options: ConvTransposeOptions<3> = {}) {
    super(3, inChannels, outChannels, kernelSize, options);
  }

  protected override get operator(): Operator {
    return convTranspose3d$input;
  }
}
