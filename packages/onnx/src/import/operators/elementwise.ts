/** @file Arithmetic, comparison and logic. */

import {
  abs,
  acos,
  acosh,
  asin,
  asinh,
  atan,
  atanh,
  bitwiseAnd,
  bitwiseLeftShift,
  bitwiseNot,
  bitwiseOr,
  bitwiseRightShift,
  bitwiseXor,
  ceil,
  cos,
  cosh,
  erf,
  exp,
  floor,
  isFloatingPoint,
  isinf,
  isnan,
  isneginf,
  isposinf,
  log,
  logicalAnd,
  logicalNot,
  logicalOr,
  logicalXor,
  maximum,
  minimum,
  neg,
  reciprocal,
  round,
  sign,
  sin,
  sinh,
  sqrt,
  stack,
  type Tensor,
  tan,
  where,
} from '@edgeai/torch';
import type { Lowering, LoweringTable, OnnxCall } from '../call.ts';

const unary =
  (compute: (input: Tensor) => Tensor): Lowering =>
  (call) =>
    compute(call.tensor(0));

/** Before opset 7 the second operand is aligned with the dimensions from `axis` on. */
function second(call: OnnxCall): Tensor {
  const other = call.tensor(1);
  if (call.opset >= 7 || !call.hasAttribute('axis')) return other;
  const rank = call.tensor(0).ndim;
  const axis = call.axis(call.int('axis', rank - other.ndim), rank);
  const after = rank - axis - other.ndim;
  return after > 0 ? other.reshape([...other.shape, ...Array.from({ length: after }, () => 1)]) : other;
}

const binary =
  (compute: (a: Tensor, b: Tensor) => Tensor): Lowering =>
  (call) =>
    compute(call.tensor(0), second(call));

/** An operator that takes a number as well: a known single number becomes part of the call instead of a constant. */
const arithmetic =
  (compute: (a: Tensor, b: Tensor | number) => Tensor): Lowering =>
  (call) => {
    const number = call.scalar(1);
    const fits = number !== undefined && Number.isFinite(number) && call.known(1).ndim <= call.tensor(0).ndim;
    return compute(call.tensor(0), fits && !call.isKnown(0) ? number : second(call));
  };

function divide(call: OnnxCall): Tensor {
  const divide = arithmetic((a, b) => {
    const mode = isFloatingPoint(a.dtype) ? null : 'trunc';
    return typeof b === 'number' ? a.div(b, { roundingMode: mode }) : a.div(b, { roundingMode: mode });
  });
  return divide(call) as Tensor;
}

/** The result has the type of the base. */
const power = arithmetic((a, b) => {
  const { dtype } = a;
  if (typeof b === 'number') return a.pow(b).to(dtype);
  const result = a.pow(
    b.dtype === dtype || isFloatingPoint(dtype) ? b : b.to(isFloatingPoint(b.dtype) ? b.dtype : dtype),
  );
  return result.to(dtype);
});

function modulo(call: OnnxCall): Tensor {
  const [a, b] = [call.tensor(0), call.tensor(1)];
  return call.int('fmod', 0) === 1 ? a.fmod(b) : a.remainder(b);
}

const variadic =
  (combine: (a: Tensor, b: Tensor) => Tensor): Lowering =>
  (call) => {
    const [first, ...rest] = call.tensors();
    if (first === undefined) throw call.unsupported('it has no inputs');
    return rest.length === 0 ? first.clone() : rest.reduce((value, next) => combine(value, next), first);
  };

function isInfinite(call: OnnxCall): Tensor {
  const [positive, negative] = [call.int('detect_positive', 1) === 1, call.int('detect_negative', 1) === 1];
  const input = call.tensor(0);
  if (positive && negative) return isinf(input);
  if (positive) return isposinf(input);
  return negative ? isneginf(input) : input.ne(input).logicalAnd(input.eq(input));
}

const shift: Lowering = (call) =>
  (call.string('direction', 'LEFT') === 'LEFT' ? bitwiseLeftShift : bitwiseRightShift)(call.tensor(0), call.tensor(1));

/** Mean of the operands, element by element. */
function mean(call: OnnxCall): Tensor {
  const inputs = call.tensors();
  const same = inputs.every(({ shape }) => shape.join() === inputs[0]?.shape.join());
  if (same) return stack(inputs).mean([0]);
  return (variadic((a, b) => a.add(b))(call) as Tensor).div(inputs.length);
}

export const elementwise: LoweringTable = {
  Add: arithmetic((a, b) => (typeof b === 'number' ? a.add(b) : a.add(b))),
  Sub: arithmetic((a, b) => (typeof b === 'number' ? a.sub(b) : a.sub(b))),
  Mul: arithmetic((a, b) => (typeof b === 'number' ? a.mul(b) : a.mul(b))),
  Div: divide,
  Pow: power,
  Mod: modulo,
  Sum: variadic((a, b) => a.add(b)),
  Mean: mean,
  Max: variadic((a, b) => maximum(a, b)),
  Min: variadic((a, b) => minimum(a, b)),
  Abs: unary(abs),
  Neg: unary(neg),
  Sign: unary(sign),
  Reciprocal: unary(reciprocal),
  Floor: unary(floor),
  Ceil: unary(ceil),
  Round: unary((x) => round(x)),
  Sqrt: unary(sqrt),
  Exp: unary(exp),
  Log: unary(log),
  Erf: unary(erf),
  Sin: unary(sin),
  Cos: unary(cos),
  Tan: unary(tan),
  Asin: unary(asin),
  Acos: unary(acos),
  Atan: unary(atan),
  Sinh: unary(sinh),
  Cosh: unary(cosh),
  Asinh: unary(asinh),
  Acosh: unary(acosh),
  Atanh: unary(atanh),
  IsNaN: unary(isnan),
  IsInf: isInfinite,
  Equal: binary((a, b) => a.eq(b)),
  Greater: binary((a, b) => a.gt(b)),
  GreaterOrEqual: binary((a, b) => a.ge(b)),
  Less: binary((a, b) => a.lt(b)),
  LessOrEqual: binary((a, b) => a.le(b)),
  And: binary(logicalAnd),
  Or: binary(logicalOr),
  Xor: binary(logicalXor),
  Not: unary(logicalNot),
  BitwiseAnd: binary(bitwiseAnd),
  BitwiseOr: binary(bitwiseOr),
  BitwiseXor: binary(bitwiseXor),
  BitwiseNot: unary(bitwiseNot),
  BitShift: shift,
  Where: (call) => where(call.tensor(0), call.tensor(1), call.tensor(2)),
};
