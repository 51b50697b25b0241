/** @file Filling parameters before training: the distributions of `torch.nn.init`, drawn in its order. */

import { noGrad } from '../autograd/modes.ts';
import { eye } from '../core/creation.ts';
import { callOp, Operator } from '../core/dispatch.ts';
import type { Generator } from '../core/generator.ts';
import { scope } from '../core/scope.ts';
import type { Tensor } from '../core/tensor.ts';
import { ArgumentError } from '../errors.ts';

const QR = new Operator('aten::linalg_qr');

/** What follows a layer; decides by how much its weights are scaled. */
export type Nonlinearity =
  | 'linear'
  | 'conv1d'
  | 'conv2d'
  | 'conv3d'
  | 'conv_transpose1d'
  | 'conv_transpose2d'
  | 'conv_transpose3d'
  | 'sigmoid'
  | 'tanh'
  | 'relu'
  | 'leaky_relu'
  | 'selu';

export type FanMode = 'fan_in' | 'fan_out';

export interface RandomInitOptions {
  /** Default: the default generator of the tensor's device. */
  generator?: Generator;
}

export interface KaimingOptions extends RandomInitOptions {
  /** Negative slope of the leaky ReLU that follows. Used with `leaky_relu` only. Default 0. */
  a?: number;
  /** `fan_in` keeps the variance in the forward pass, `fan_out` in the backward pass. Default `fan_in`. */
  mode?: FanMode;
  /** Default `leaky_relu`. */
  nonlinearity?: Nonlinearity;
}

/** Recommended gain for a nonlinearity; `param` is the negative slope of a leaky ReLU (default 0.01). */
export function calculateGain(nonlinearity: Nonlinearity, param?: number): number {
  switch (nonlinearity) {
    case 'tanh':
      return 5 / 3;
    case 'relu':
      return Math.sqrt(2);
    case 'leaky_relu': {
      const slope = param ?? 0.01;
      return Math.sqrt(2 / (1 + slope * slope));
    }
    case 'selu':
      return 3 / 4;
    case 'linear':
    case 'conv1d':
    case 'conv2d':
    case 'conv3d':
    case 'conv_transpose1d':
    case 'conv_transpose2d':
    case 'conv_transpose3d':
    case 'sigmoid':
      return 1;
    default:
      throw ArgumentError.expected(
        'nonlinearity',
        "one of 'linear', 'conv…', 'sigmoid', 'tanh', 'relu', 'leaky_relu', 'selu'",
        nonlinearity,
      );
  }
}

/** Connections into and out of one unit of a weight of two or more dimensions. @throws {ArgumentError} */
export function calculateFanInAndFanOut(tensor: Tensor): { fanIn: number; fanOut: number } {
  const { shape } = tensor;
  const [out, into, ...kernel] = shape;
  if (out === undefined || into === undefined) {
    throw new ArgumentError(
      'tensor',
      `Expected a tensor of two or more dimensions for tensor but received shape [${shape.join(', ')}]`,
    );
  }
  const receptive = kernel.reduce((product, size) => product * size, 1);
  return { fanIn: into * receptive, fanOut: out * receptive };
}

/** Uniform on [from, to). */
export function uniform_(tensor: Tensor, from = 0, to = 1, options: RandomInitOptions = {}): Tensor {
  return noGrad(() => tensor.uniform_(from, to, options));
}

/** Normal with the given mean and standard deviation. */
export function normal_(tensor: Tensor, mean = 0, std = 1, options: RandomInitOptions = {}): Tensor {
  return noGrad(() => tensor.normal_(mean, std, options));
}

/** One value everywhere. */
export function constant_(tensor: Tensor, value: number): Tensor {
  return noGrad(() => tensor.fill_(value));
}

export function ones_(tensor: Tensor): Tensor {
  return constant_(tensor, 1);
}

export function zeros_(tensor: Tensor): Tensor {
  return noGrad(() => tensor.zero_());
}

/** The identity, for a tensor of two dimensions. @throws {ArgumentError} */
export function eye_(tensor: Tensor): Tensor {
  const { shape } = tensor;
  const [rows, columns] = shape;
  if (rows === undefined || columns === undefined || shape.length !== 2) {
    throw new ArgumentError(
      'tensor',
      `Expected a tensor of two dimensions for tensor but received shape [${shape.join(', ')}]`,
    );
  }
  return noGrad(() => scope(() => tensor.copy_(eye(rows, columns))));
}

/** Normal, cut off at `a` and `b`, which are values and not multiples of `std`. */
export function truncNormal_(
  tensor: Tensor,
  mean = 0,
  std = 1,
  a = -2,
  b = 2,
  options: RandomInitOptions = {},
): Tensor {
  const below = (x: number) => (1 + erf(x / Math.SQRT2)) / 2;
  const lower = below((a - mean) / std);
  const upper = below((b - mean) / std);
  // Draws evenly between the two quantiles and maps back through the inverse of the distribution.
  return noGrad(() =>
    tensor
      .uniform_(2 * lower - 1, 2 * upper - 1, options)
      .erfinv_()
      .mul_(std * Math.SQRT2)
      .add_(mean)
      .clamp_({ min: a, max: b }),
  );
}

/** Glorot and Bengio's uniform distribution, for layers before tanh or sigmoid. */
export function xavierUniform_(tensor: Tensor, gain = 1, options: RandomInitOptions = {}): Tensor {
  const { fanIn, fanOut } = calculateFanInAndFanOut(tensor);
  const std = gain * Math.sqrt(2 / (fanIn + fanOut));
  const bound = Math.sqrt(3) * std;
  return uniform_(tensor, -bound, bound, options);
}

/** Glorot and Bengio's normal distribution. */
export function xavierNormal_(tensor: Tensor, gain = 1, options: RandomInitOptions = {}): Tensor {
  const { fanIn, fanOut } = calculateFanInAndFanOut(tensor);
  return normal_(tensor, 0, gain * Math.sqrt(2 / (fanIn + fanOut)), options);
}

/** He's uniform distribution, for layers before (leaky) ReLU. A tensor without elements is left alone. */
export function kaimingUniform_(tensor: Tensor, options: KaimingOptions = {}): Tensor {
  if (tensor.numel() === 0) return tensor;
  const bound = Math.sqrt(3) * kaimingStd(tensor, options);
  return uniform_(tensor, -bound, bound, options.generator === undefined ? {} : { generator: options.generator });
}

/** He's normal distribution. A tensor without elements is left alone. */
export function kaimingNormal_(tensor: Tensor, options: KaimingOptions = {}): Tensor {
  if (tensor.numel() === 0) return tensor;
  return normal_(
    tensor,
    0,
    kaimingStd(tensor, options),
    options.generator === undefined ? {} : { generator: options.generator },
  );
}

function kaimingStd(tensor: Tensor, { a = 0, mode = 'fan_in', nonlinearity = 'leaky_relu' }: KaimingOptions): number {
  if (mode !== 'fan_in' && mode !== 'fan_out') throw ArgumentError.expected('mode', "'fan_in' or 'fan_out'", mode);
  const { fanIn, fanOut } = calculateFanInAndFanOut(tensor);
  return calculateGain(nonlinearity, a) / Math.sqrt(mode === 'fan_in' ? fanIn : fanOut);
}

/** Orthogonal rows or columns, whichever are fewer; dimensions after the first are taken together. @throws {ArgumentError} */
export function orthogonal_(tensor: Tensor, gain = 1): Tensor {
  const { shape } = tensor;
  const [rows] = shape;
  if (rows === undefined || shape.length < 2) {
    throw new ArgumentError(
      'tensor',
      `Expected a tensor of two or more dimensions for tensor but received shape [${shape.join(', ')}]`,
    );
  }
  if (tensor.numel() === 0) return tensor;
  const columns = tensor.numel() / rows;
  return noGrad(() =>
    scope(() => {
      const flat = tensor.newEmpty([rows, columns]).normal_(0, 1);
      const [q, r] = callOp(QR, rows < columns ? flat.t() : flat) as [Tensor, Tensor];
      // The sign of R's diagonal makes the result uniform over all orthogonal matrices.
      const signed = q.mul(r.diag().sign());
      return tensor.copy_((rows < columns ? signed.t() : signed).reshape(shape)).mul_(gain);
    }),
  );
}

/** Keeps channels as they are: a delta at the kernel's centre, for a convolution of 1 to 3 spatial dimensions. */
export function dirac_(tensor: Tensor, groups = 1): Tensor {
  const { shape } = tensor;
  const [out, into, ...kernel] = shape;
  if (out === undefined || into === undefined || kernel.length < 1 || kernel.length > 3 || out % groups !== 0) {
    throw new ArgumentError(
      'tensor',
      `Expected a weight of 3 to 5 dimensions, its first a multiple of ${groups}, for tensor but received shape [${shape.join(', ')}]`,
    );
  }
  const centre = kernel.map((size) => Math.floor(size / 2));
  const perGroup = out / groups;
  return noGrad(() =>
    scope(() => {
      tensor.zero_();
      for (let group = 0; group < groups; group++) {
        for (let channel = 0; channel < Math.min(perGroup, into); channel++) {
          tensor.index(group * perGroup + channel, channel, ...centre).fill_(1);
        }
      }
      return tensor;
    }),
  );
}

/** The error function to double precision: Taylor's series near zero, a continued fraction of erfc in the tails. */
function erf(x: number): number {
  const size = Math.abs(x);
  if (size > 6) return Math.sign(x);
  const square = x * x;
  if (size < 2.5) {
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
      term *= -square / n;
      sum += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = size;
  for (let n = 60; n >= 1; n--) fraction = size + n / 2 / fraction;
  return Math.sign(x) * (1 - Math.exp(-square) / (Math.sqrt(Math.PI) * fraction));
}
