/** @file Arithmetic, comparison and logic, with libtorch's type promotion written out as casts. */

import { type DType, isFloatingPoint } from '@edgeai/torch';
import type { Value } from '../builder.ts';
import type { Emitter, EmitterTable, Lowering } from '../lowering.ts';

/** An operand as `dtype`: a tensor is cast, a number becomes a constant. */
function operand(call: Lowering, name: string, dtype: DType): Value {
  return call.isTensor(name)
    ? call.cast(call.tensor(name), call.meta(name).dtype, dtype)
    : call.scalar(call.number(name), dtype);
}

/** `other` scaled by `alpha`, for add and sub. */
function scaledOther(call: Lowering, name: string, dtype: DType): Value {
  const alpha = call.has('alpha') ? call.number('alpha') : 1;
  if (alpha === 1) return operand(call, name, dtype);
  if (!call.isTensor(name)) return call.scalar(call.number(name) * alpha, dtype);
  return call.op('Mul', [operand(call, name, dtype), call.scalar(alpha, dtype)]);
}

const unary =
  (opType: string): Emitter =>
  (call) =>
    call.op(opType, [operand(call, 'self', call.result.dtype)]);

const binary =
  (opType: string): Emitter =>
  (call) => {
    const { dtype } = call.result;
    return call.op(opType, [operand(call, 'self', dtype), operand(call, 'other', dtype)]);
  };

function divide(call: Lowering): Value {
  const { dtype } = call.result;
  const quotient = (type: DType) => call.op('Div', [operand(call, 'self', type), operand(call, 'other', type)]);
  const mode = call.has('rounding_mode') ? call.string('rounding_mode') : undefined;
  if (mode === undefined) return quotient(dtype);
  if (isFloatingPoint(dtype))
    return mode === 'floor' ? call.op('Floor', [quotient(dtype)]) : truncate(call, quotient(dtype));
  if (mode === 'trunc') return quotient(dtype);
  return call.cast(call.op('Floor', [quotient('float64')]), 'float64', dtype);
}

/** Towards zero. */
function truncate(call: Lowering, value: Value): Value {
  return call.op('Mul', [call.op('Sign', [value]), call.op('Floor', [call.op('Abs', [value])])]);
}

/** Sign of the divisor, as in Python. */
function remainder(call: Lowering): Value {
  const { dtype } = call.result;
  const [a, b] = [operand(call, 'self', dtype), operand(call, 'other', dtype)];
  if (!isFloatingPoint(dtype)) return call.op('Mod', [a, b]);
  return call.op('Sub', [a, call.op('Mul', [call.op('Floor', [call.op('Div', [a, b])]), b])]);
}

function power(call: Lowering): Value {
  const { dtype } = call.result;
  if (!call.isTensor('exponent')) {
    const exponent = call.number('exponent');
    const self = operand(call, 'self', dtype);
    if (exponent === 2) return call.op('Mul', [self, self]);
    if (exponent === 0.5) return call.op('Sqrt', [self]);
    if (exponent === 1) return call.op('Identity', [self]);
  }
  return call.op('Pow', [operand(call, 'self', dtype), operand(call, 'exponent', dtype)]);
}

/** The type in which two operands are compared. */
function comparedAs(call: Lowering): DType {
  const self = call.meta('self').dtype;
  if (!call.isTensor('other'))
    return isFloatingPoint(self) || Number.isInteger(call.number('other')) ? widen(self) : 'float32';
  const other = call.meta('other').dtype;
  if (self === other) return widen(self);
  const order: readonly DType[] = [
    'bool',
    'uint8',
    'int8',
    'int16',
    'int32',
    'int64',
    'float16',
    'bfloat16',
    'float32',
    'float64',
  ];
  return widen(order[Math.max(order.indexOf(self), order.indexOf(other))] ?? self);
}

function widen(dtype: DType): DType {
  return dtype === 'bool' ? 'int32' : dtype;
}

const comparison =
  (opType: string, negated = false): Emitter =>
  (call) => {
    const dtype = comparedAs(call);
    const value = call.op(opType, [operand(call, 'self', dtype), operand(call, 'other', dtype)]);
    return negated ? call.op('Not', [value]) : value;
  };

const logical =
  (opType: string): Emitter =>
  (call) =>
    call.op(opType, [truth(call, 'self'), truth(call, 'other')]);

function truth(call: Lowering, name: string): Value {
  return operand(call, name, 'bool');
}

/** On booleans the bitwise operators are the logical ones. */
const bitwise =
  (opType: string): Emitter =>
  (call) => {
    if (call.result.dtype !== 'bool') throw call.unsupported('bitwise operators are exported for booleans only');
    return logical(opType)(call);
  };

function where(call: Lowering): Value {
  const { dtype } = call.result;
  return call.op('Where', [
    call.cast(call.tensor('condition'), call.meta('condition').dtype, 'bool'),
    operand(call, 'self', dtype),
    operand(call, 'other', dtype),
  ]);
}

function maskedFill(call: Lowering): Value {
  const { dtype } = call.result;
  return call.op('Where', [call.tensor('mask'), operand(call, 'value', dtype), operand(call, 'self', dtype)]);
}

/** `self + value · (a ∘ b)` */
const addCombined =
  (opType: string): Emitter =>
  (call) => {
    const { dtype } = call.result;
    const product = call.op(opType, [operand(call, 'tensor1', dtype), operand(call, 'tensor2', dtype)]);
    const value = call.number('value');
    const scaled = value === 1 ? product : call.op('Mul', [product, call.scalar(value, dtype)]);
    return call.op('Add', [operand(call, 'self', dtype), scaled]);
  };

function lerp(call: Lowering): Value {
  const { dtype } = call.result;
  const self = operand(call, 'self', dtype);
  const difference = call.op('Sub', [operand(call, 'end', dtype), self]);
  return call.op('Add', [self, call.op('Mul', [difference, operand(call, 'weight', dtype)])]);
}

const sum: Emitter = (call) => {
  const { dtype } = call.result;
  return call.op('Add', [operand(call, 'self', dtype), scaledOther(call, 'other', dtype)]);
};

const difference: Emitter = (call) => {
  const { dtype } = call.result;
  return call.op('Sub', [operand(call, 'self', dtype), scaledOther(call, 'other', dtype)]);
};

export const elementwise: EmitterTable = {
  add: sum,
  sub: difference,
  subtract: difference,
  rsub: (call) =>
    call.op('Sub', [operand(call, 'other', call.result.dtype), scaledOther(call, 'self', call.result.dtype)]),
  mul: binary('Mul'),
  multiply: binary('Mul'),
  div: divide,
  divide,
  true_divide: divide,
  floor_divide: (call) => {
    const { dtype } = call.result;
    return call.cast(
      call.op('Floor', [call.op('Div', [operand(call, 'self', 'float64'), operand(call, 'other', 'float64')])]),
      'float64',
      dtype,
    );
  },
  remainder,
  pow: power,
  maximum: binary('Max'),
  minimum: binary('Min'),
  neg: unary('Neg'),
  abs: unary('Abs'),
  sign: unary('Sign'),
  sqrt: unary('Sqrt'),
  rsqrt: (call) => call.op('Reciprocal', [call.op('Sqrt', [operand(call, 'self', call.result.dtype)])]),
  square: (call) => call.op('Mul', [call.tensor('self'), call.tensor('self')]),
  exp: unary('Exp'),
  expm1: (call) =>
    call.op('Sub', [call.op('Exp', [operand(call, 'self', call.result.dtype)]), call.scalar(1, call.result.dtype)]),
  log: unary('Log'),
  log1p: (call) =>
    call.op('Log', [call.op('Add', [operand(call, 'self', call.result.dtype), call.scalar(1, call.result.dtype)])]),
  reciprocal: unary('Reciprocal'),
  floor: unary('Floor'),
  ceil: unary('Ceil'),
  round: unary('Round'),
  trunc: (call) => truncate(call, call.tensor('self')),
  sin: unary('Sin'),
  cos: unary('Cos'),
  tan: unary('Tan'),
  atan: unary('Atan'),
  erf: unary('Erf'),
  addcmul: addCombined('Mul'),
  addcdiv: addCombined('Div'),
  lerp,
  eq: comparison('Equal'),
  ne: comparison('Equal', true),
  gt: comparison('Greater'),
  ge: comparison('GreaterOrEqual'),
  lt: comparison('Less'),
  le: comparison('LessOrEqual'),
  logical_and: logical('And'),
  logical_or: logical('Or'),
  logical_xor: logical('Xor'),
  logical_not: (call) => call.op('Not', [truth(call, 'self')]),
  bitwise_and: bitwise('And'),
  bitwise_or: bitwise('Or'),
  bitwise_not: (call) => {
    if (call.result.dtype !== 'bool') throw call.unsupported('bitwise operators are exported for booleans only');
    return call.op('Not', [call.tensor('self')]);
  },
  where,
  masked_fill: maskedFill,
};
