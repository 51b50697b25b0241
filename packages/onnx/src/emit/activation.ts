/** @file Activations: one ONNX operator where the chosen opset has it, else the formula. */

import type { Value } from '../builder.ts';
import { type Emitter, type EmitterTable, float, type Lowering } from '../lowering.ts';

/** An operator that takes the input alone. */
const unary =
  (opType: string): Emitter =>
  (call) =>
    call.op(opType, [call.tensor('self')]);

function clip(call: Lowering, min: number | undefined, max: number | undefined): Value {
  const { dtype } = call.result;
  if (min === 0 && max === undefined) return call.op('Relu', [call.tensor('self')]);
  const bound = (value: number | undefined) => (value === undefined ? '' : call.scalar(value, dtype));
  const input = call.cast(call.tensor('self'), call.meta('self').dtype, dtype);
  return call.op('Clip', [input, bound(min), bound(max)]);
}

function clamp(call: Lowering): Value {
  if (!call.isTensor('min') && !call.isTensor('max'))
    return clip(call, call.optionalNumber('min'), call.optionalNumber('max'));
  let value = call.tensor('self');
  if (call.has('min')) value = call.op('Max', [value, call.tensor('min')]);
  return call.has('max') ? call.op('Min', [value, call.tensor('max')]) : value;
}

/** One sixth, as onnxruntime and libtorch take it. */
const SIXTH = 1 / 6;

function hardSigmoid(call: Lowering): Value {
  return call.op('HardSigmoid', [call.tensor('self')], { alpha: float(SIXTH), beta: float(0.5) });
}

function hardSwish(call: Lowering): Value {
  const input = call.tensor('self');
  return call.opset >= 14 ? call.op('HardSwish', [input]) : call.op('Mul', [input, hardSigmoid(call)]);
}

function gelu(call: Lowering): Value {
  const input = call.tensor('self');
  const { dtype } = call.result;
  const approximate = call.has('approximate') ? call.string('approximate') : 'none';
  if (call.opset >= 20) return call.op('Gelu', [input], { approximate });
  const half = call.scalar(0.5, dtype);
  const one = call.scalar(1, dtype);
  let inner: Value;
  if (approximate === 'tanh') {
    const cube = call.op('Mul', [call.op('Mul', [input, input]), input]);
    const sum = call.op('Add', [input, call.op('Mul', [cube, call.scalar(0.044715, dtype)])]);
    inner = call.op('Tanh', [call.op('Mul', [sum, call.scalar(Math.sqrt(2 / Math.PI), dtype)])]);
  } else {
    inner = call.op('Erf', [call.op('Mul', [input, call.scalar(Math.SQRT1_2, dtype)])]);
  }
  return call.op('Mul', [call.op('Mul', [input, call.op('Add', [inner, one])]), half]);
}

function mish(call: Lowering): Value {
  const input = call.tensor('self');
  if (call.opset >= 18) return call.op('Mish', [input]);
  return call.op('Mul', [input, call.op('Tanh', [call.op('Softplus', [input])])]);
}

function softplus(call: Lowering): Value {
  const { dtype } = call.result;
  const beta = call.number('beta');
  const input = call.tensor('self');
  // libtorch is linear beyond the threshold, where the two agree to float32.
  if (beta === 1) return call.op('Softplus', [input]);
  const scale = call.scalar(beta, dtype);
  return call.op('Div', [call.op('Softplus', [call.op('Mul', [input, scale])]), scale]);
}

function elu(call: Lowering): Value {
  if (call.number('scale') !== 1 || call.number('input_scale') !== 1)
    throw call.unsupported('ONNX has no Elu with other scales than 1');
  return call.op('Elu', [call.tensor('self')], { alpha: float(call.number('alpha')) });
}

function prelu(call: Lowering): Value {
  const { shape, dtype } = call.meta('weight');
  const rank = call.rank('self');
  const [channels = 1] = shape;
  // One slope a channel must line up with dimension 1.
  const slope =
    shape.length === 1 && channels > 1 && rank > 2
      ? call.reshape(call.tensor('weight'), [channels, ...Array.from({ length: rank - 2 }, () => 1)])
      : call.tensor('weight');
  return call.op('PRelu', [call.tensor('self'), call.cast(slope, dtype, call.result.dtype)]);
}

function softmax(opType: string): Emitter {
  return (call) => {
    const { dtype } = call.result;
    const input = call.cast(call.tensor('self'), call.meta('self').dtype, dtype);
    return call.op(opType, [input], { axis: call.axis('dim', call.rank('self')) });
  };
}

function glu(call: Lowering): Value {
  const axis = call.axis('dim', call.rank('self'));
  const half = (call.meta('self').shape[axis] ?? 0) / 2;
  const [value = '', gate = ''] = call.ops('Split', [call.tensor('self'), call.integers([half, half])], { axis }, 2);
  return call.op('Mul', [value, call.op('Sigmoid', [gate])]);
}

function threshold(call: Lowering): Value {
  const { dtype } = call.result;
  const input = call.tensor('self');
  return call.op('Where', [
    call.op('Greater', [input, call.scalar(call.number('threshold'), dtype)]),
    input,
    call.scalar(call.number('value'), dtype),
  ]);
}

/** Nothing is dropped in evaluation. */
function dropout(call: Lowering): Value {
  if (call.bool('train')) throw call.unsupported('it draws random numbers; export in evaluation mode');
  return call.tensor('input');
}

export const activations: EmitterTable = {
  relu: unary('Relu'),
  relu6: (call) => clip(call, 0, 6),
  hardtanh: (call) => clip(call, call.number('min_val'), call.number('max_val')),
  clamp,
  clip: clamp,
  clamp_min: (call) => (call.isTensor('min') ? clamp(call) : clip(call, call.number('min'), undefined)),
  clamp_max: (call) => (call.isTensor('max') ? clamp(call) : clip(call, undefined, call.number('max'))),
  sigmoid: unary('Sigmoid'),
  hardsigmoid: hardSigmoid,
  hardswish: hardSwish,
  silu: (call) => call.op('Mul', [call.tensor('self'), call.op('Sigmoid', [call.tensor('self')])]),
  tanh: unary('Tanh'),
  leaky_relu: (call) => call.op('LeakyRelu', [call.tensor('self')], { alpha: float(call.number('negative_slope')) }),
  prelu,
  elu,
  celu: (call) => call.op('Celu', [call.tensor('self')], { alpha: float(call.number('alpha')) }),
  selu: (call) =>
    call.op('Selu', [call.tensor('self')], { alpha: float(1.6732632423543772), gamma: float(1.0507009873554805) }),
  softplus,
  softsign: unary('Softsign'),
  // The logarithm of a sigmoid loses everything where the sigmoid is nearly 0.
  log_sigmoid: (call) => call.op('Neg', [call.op('Softplus', [call.op('Neg', [call.tensor('self')])])]),
  gelu,
  mish,
  glu,
  threshold,
  softmax: softmax('Softmax'),
  _softmax: softmax('Softmax'),
  log_softmax: softmax('LogSoftmax'),
  _log_softmax: softmax('LogSoftmax'),
  dropout,
  alpha_dropout: dropout,
  feature_dropout: dropout,
  feature_alpha_dropout: dropout,
};
