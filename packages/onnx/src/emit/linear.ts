/** @file Products of matrices. */

import type { Value } from '../builder.ts';
import { type Emitter, type EmitterTable, float, type Lowering } from '../lowering.ts';

function linear(call: Lowering): Value {
  const input = call.tensor('input');
  if (call.rank('input') === 2)
    return call.op('Gemm', [input, call.tensor('weight'), call.bias('input', 'weight', 'bias')], { transB: 1 });
  const bias = call.optionalTensor('bias');
  const product = call.op('MatMul', [input, call.transposed('weight')]);
  return bias === '' ? product : call.op('Add', [product, bias]);
}

const matmul =
  (a: string, b: string): Emitter =>
  (call) =>
    call.op('MatMul', [call.tensor(a), call.tensor(b)]);

/** `beta · self + alpha · (a · b)` */
const addedProduct =
  (a: string, b: string): Emitter =>
  (call) => {
    const { dtype } = call.result;
    const [alpha, beta] = [call.number('alpha'), call.number('beta')];
    if (call.rank(a) === 2 && call.rank(b) === 2) {
      return call.op('Gemm', [call.tensor(a), call.tensor(b), call.tensor('self')], {
        alpha: float(alpha),
        beta: float(beta),
      });
    }
    const scaled = (value: Value, by: number) => (by === 1 ? value : call.op('Mul', [value, call.scalar(by, dtype)]));
    return call.op('Add', [scaled(call.tensor('self'), beta), scaled(matmul(a, b)(call) as Value, alpha)]);
  };

function einsum(call: Lowering): Value {
  const { values } = call.tensors('tensors');
  return call.op('Einsum', values, { equation: call.string('equation').replace(/\s/g, '') });
}

export const products: EmitterTable = {
  linear,
  matmul: matmul('self', 'other'),
  mm: matmul('self', 'mat2'),
  bmm: matmul('self', 'mat2'),
  mv: matmul('self', 'vec'),
  dot: matmul('self', 'tensor'),
  addmm: addedProduct('mat1', 'mat2'),
  baddbmm: addedProduct('batch1', 'batch2'),
  einsum,
};
