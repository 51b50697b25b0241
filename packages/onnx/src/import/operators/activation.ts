/** @file Activations: layers of `nn` where these are the same function, else the formula. */

import {
  celu,
  elu,
  gelu,
  hardsigmoid,
  hardswish,
  leakyRelu,
  logSoftmax,
  mish,
  nn,
  oneHot,
  onesLike,
  prelu,
  relu,
  selu,
  sigmoid,
  softmax,
  softplus,
  type Tensor,
  tanh,
  where,
  zerosLike,
} from '@edgeai/torch';
import type { Lowering, LoweringTable, OnnxCall } from '../call.ts';

/** A layer without options. */
const plain =
  (Layer: new () => nn.Module, compute: (input: Tensor) => Tensor): Lowering =>
  (call) =>
    isFloat(call.tensor(0)) ? call.apply(() => new Layer(), compute) : compute(call.tensor(0));

function isFloat({ dtype }: Tensor): boolean {
  return dtype.startsWith('float') || dtype === 'bfloat16';
}

/** As exactly as a float32 attribute can say it. */
const near = (value: number, expected: number) => Math.abs(value - expected) < 1e-6;

function clip(call: OnnxCall): Tensor {
  const input = call.tensor(0);
  const bound = (name: string, i: number) => {
    if (call.opset < 11) return call.hasAttribute(name) ? call.float(name, 0) : undefined;
    return call.has(i) && call.isKnown(i) ? call.numbers(i)[0] : undefined;
  };
  const computed = (i: number) => call.opset >= 11 && call.has(i) && !call.isKnown(i);
  if (computed(1) || computed(2)) {
    let value = input;
    if (call.has(1)) value = value.maximum(call.tensor(1));
    return call.has(2) ? value.minimum(call.tensor(2)) : value;
  }
  const [min, max] = [infinite(bound('min', 1)), infinite(bound('max', 2))];
  if (min === undefined && max === undefined) return input.clone();
  if (isFloat(input) && min === 0 && max === undefined) return call.apply(() => new nn.ReLU(), relu);
  if (isFloat(input) && min === 0 && max === 6)
    return call.apply(
      () => new nn.ReLU6(),
      (x) => x.clamp(0, 6),
    );
  if (isFloat(input) && min !== undefined && max !== undefined && min <= max)
    return call.apply(
      () => new nn.Hardtanh({ minVal: min, maxVal: max }),
      (x) => x.clamp(min, max),
    );
  return input.clamp({ min: min ?? null, max: max ?? null });
}

/** Older files write the largest float32 for a bound that is none. */
function infinite(bound: number | undefined): number | undefined {
  return bound === undefined || Math.abs(bound) > 3.4e38 ? undefined : bound;
}

function hardSigmoid(call: OnnxCall): Tensor {
  const [alpha, beta] = [call.float('alpha', 0.2), call.float('beta', 0.5)];
  if (near(alpha, 1 / 6) && near(beta, 0.5)) return call.apply(() => new nn.Hardsigmoid(), hardsigmoid);
  return call.tensor(0).mul(alpha).add(beta).clamp(0, 1);
}

function leaky(call: OnnxCall): Tensor {
  const slope = call.float('alpha', 0.01);
  return call.apply(
    () => new nn.LeakyReLU(slope),
    (x) => leakyRelu(x, slope),
  );
}

/** One slope for all or one a channel is a layer; other shapes are a formula. */
function parametricRelu(call: OnnxCall): Tensor {
  const input = call.tensor(0);
  const shape = call.isStored(1) ? call.stored(1).shape : call.tensor(1).shape;
  const count = shape.reduce((product, size) => product * size, 1);
  const perChannel =
    count === input.shape[1] &&
    (shape[shape.length - input.ndim + 1] === count || (call.opset < 7 && shape.length === 1));
  if (call.isStored(1) && (count === 1 || perChannel)) {
    const layer = call.layer(() => {
      const made = new nn.PReLU({ numParameters: count });
      made.weight.dispose();
      made.weight = new nn.Parameter(call.stored(1).reshape([count]));
      return made;
    }, 1);
    return layer(input);
  }
  const given = call.tensor(1);
  const perChannelVector = call.opset < 7 && shape.length === 1 && count > 1;
  const slope = perChannelVector ? given.reshape([count, ...Array.from({ length: input.ndim - 2 }, () => 1)]) : given;
  if (isFloat(input) && count === 1) return prelu(input, slope.reshape([1]));
  return where(input.lt(0), input.mul(slope), input);
}

/** Before opset 13 all dimensions from `axis` on are one. */
function normalised(Layer: new (dim: number) => nn.Module, compute: (x: Tensor, dim: number) => Tensor): Lowering {
  return (call) => {
    const input = call.tensor(0);
    const flat = call.opset < 13;
    const axis = call.axis(call.int('axis', flat ? 1 : -1), input.ndim);
    const rest = input.shape.slice(axis).filter((size) => size !== 1).length;
    if (!flat || axis === input.ndim - 1 || (rest <= 1 && (input.shape[axis] ?? 1) !== 1))
      return call.apply(
        () => new Layer(axis),
        (x) => compute(x, axis),
      );
    return compute(input.flatten(axis), axis).reshape(input.shape);
  };
}

function hardmax(call: OnnxCall): Tensor {
  const given = call.tensor(0);
  const axis = call.axis(call.int('axis', call.opset < 13 ? 1 : -1), given.ndim);
  const input = call.opset < 13 ? given.flatten(axis) : given;
  const ones = oneHot(input.argmax(axis), input.shape[axis] ?? 1);
  return ones.movedim(-1, axis).to(input.dtype).reshape(given.shape);
}

function scaledElu(call: OnnxCall): Tensor {
  const [alpha, gamma] = [call.float('alpha', 1.6732632), call.float('gamma', 1.0507009)];
  if (near(alpha, 1.6732632) && near(gamma, 1.0507009)) return call.apply(() => new nn.SELU(), selu);
  return elu(call.tensor(0), alpha).mul(gamma);
}

function shrink(call: OnnxCall): Tensor {
  const input = call.tensor(0);
  const [bias, lambd] = [call.float('bias', 0), call.float('lambd', 0.5)];
  const none = zerosLike(input);
  return where(input.lt(-lambd), input.add(bias), where(input.gt(lambd), input.sub(bias), none));
}

function thresholded(call: OnnxCall): Tensor {
  const input = call.tensor(0);
  return where(input.gt(call.float('alpha', 1)), input, zerosLike(input));
}

/** In training mode it draws as libtorch does, which is not what another runtime draws. */
function dropout(call: OnnxCall): Tensor | Tensor[] {
  const ratio = call.opset >= 12 ? (call.optionalNumber(1) ?? 0.5) : call.float('ratio', 0.5);
  const training = call.opset >= 12 && call.has(2) && call.scalar(2) !== 0;
  if (training && ratio > 0) throw call.unsupported('its training mode is fixed in the file; nn.Dropout has its own');
  const value = call.apply(
    () => new nn.Dropout(ratio),
    (x) => x.clone(),
  );
  return call.wants(1) ? [value, onesLike(value, { dtype: 'bool' })] : value;
}

export const activations: LoweringTable = {
  Relu: plain(nn.ReLU, relu),
  Sigmoid: plain(nn.Sigmoid, sigmoid),
  Tanh: plain(nn.Tanh, tanh),
  Softsign: plain(nn.Softsign, nn.functional.softsign),
  Softplus: plain(nn.Softplus, softplus),
  HardSwish: plain(nn.Hardswish, hardswish),
  Mish: plain(nn.Mish, mish),
  Clip: clip,
  HardSigmoid: hardSigmoid,
  LeakyRelu: leaky,
  PRelu: parametricRelu,
  Elu: (call) => {
    const alpha = call.float('alpha', 1);
    return call.apply(
      () => new nn.ELU(alpha),
      (x) => elu(x, alpha),
    );
  },
  Celu: (call) => {
    const alpha = call.float('alpha', 1);
    return call.apply(
      () => new nn.CELU(alpha),
      (x) => celu(x, alpha),
    );
  },
  Selu: scaledElu,
  Gelu: (call) => {
    const approximate = call.string('approximate', 'none') === 'tanh' ? 'tanh' : 'none';
    return call.apply(
      () => new nn.GELU({ approximate }),
      (x) => gelu(x, { approximate }),
    );
  },
  Softmax: normalised(nn.Softmax, (x, dim) => softmax(x, dim)),
  LogSoftmax: normalised(nn.LogSoftmax, (x, dim) => logSoftmax(x, dim)),
  Hardmax: hardmax,
  Shrink: shrink,
  ThresholdedRelu: thresholded,
  Dropout: dropout,
};
