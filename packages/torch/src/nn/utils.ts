/** @file The `nn.utils` namespace: gradient clipping, parameters as one vector, and fusing batch norms into layers. */

import { noGrad } from '../autograd/modes.ts';
import { cat, onesLike, zerosLike } from '../core/generated/functions.ts';
import { scope } from '../core/scope.ts';
import type { Tensor } from '../core/tensor.ts';
import { ArgumentError } from '../errors.ts';
import type { BatchNorm } from './batchnorm.ts';
import type { ConvNd } from './conv.ts';
import { cloneModule } from './copy.ts';
import type { Linear } from './linear.ts';
import type { Module } from './module.ts';
import { Parameter } from './parameter.ts';

export { type ClipGradNormOptions, clipGradNorm_, clipGradValue_, NonFiniteGradientError } from '../optim/clip.ts';

/** All elements of several tensors one after the other. */
export function parametersToVector(parameters: Iterable<Tensor>): Tensor {
  return scope(() => cat(Array.from(parameters, (parameter) => parameter.reshape([-1]))));
}

/** Copies consecutive elements of a vector into tensors. @throws {ArgumentError} for another number of elements */
export function vectorToParameters(vector: Tensor, parameters: Iterable<Tensor>): void {
  const list = Array.from(parameters);
  const needed = list.reduce((sum, parameter) => sum + parameter.numel(), 0);
  if (vector.ndim !== 1 || vector.numel() !== needed) {
    throw new ArgumentError(
      'vector',
      `Expected a vector of ${needed} elements for vector but received shape [${vector.shape.join(', ')}]`,
    );
  }
  scope(() =>
    noGrad(() => {
      let start = 0;
      for (const parameter of list) {
        const length = parameter.numel();
        parameter.copy_(vector.narrow(0, start, length).view(parameter.shape));
        start += length;
      }
    }),
  );
}

/** What a batch norm multiplies by and adds in evaluation; `factor` of shape `(C)`. */
interface Affine {
  readonly mean: Tensor;
  readonly rsqrt: Tensor;
  readonly weight: Tensor;
  readonly bias: Tensor;
}

function affineOf(bn: BatchNorm): Affine {
  const { running_mean: mean, running_var: variance, weight, bias } = bn;
  if (mean === null || variance === null)
    throw new ArgumentError('bn', 'Expected a batch norm with running statistics for bn');
  return { mean, rsqrt: variance.add(bn.eps).rsqrt(), weight: weight ?? onesLike(mean), bias: bias ?? zerosLike(mean) };
}

function requireEvaluation(...modules: Module[]): void {
  if (modules.some(({ training }) => training)) {
    throw new ArgumentError('bn', 'Batch norms can be fused in evaluation mode only; call eval() first');
  }
}

function replaceWeights<M extends { weight: Parameter; bias: Parameter | null }>(
  fused: M,
  weight: Tensor,
  bias: Tensor,
): M {
  fused.weight.dispose();
  fused.bias?.dispose();
  fused.weight = new Parameter(weight);
  fused.bias = new Parameter(bias);
  return fused;
}

/**
 * A copy of a convolution that does the work of the batch norm after it, too.
 *
 * @throws {ArgumentError} in training mode, or for a batch norm without running statistics
 */
export function fuseConvBnEval<C extends ConvNd>(conv: C, bn: BatchNorm, options: { transpose?: boolean } = {}): C {
  requireEvaluation(conv as unknown as Module, bn);
  return scope(() =>
    noGrad(() => {
      const { mean, rsqrt, weight, bias } = affineOf(bn);
      const shape = conv.weight.shape.map(() => 1);
      shape[options.transpose === true ? 1 : 0] = -1;
      const before = conv.bias ?? zerosLike(mean);
      return replaceWeights(
        cloneModule(conv),
        conv.weight.mul(weight.mul(rsqrt).reshape(shape)),
        before.sub(mean).mul(rsqrt).mul(weight).add(bias),
      );
    }),
  );
}

/** A copy of a linear layer that does the work of the batch norm after it, too. Errors as for `fuseConvBnEval`. */
export function fuseLinearBnEval(linear: Linear, bn: BatchNorm): Linear {
  requireEvaluation(linear, bn);
  return scope(() =>
    noGrad(() => {
      const { mean, rsqrt, weight, bias } = affineOf(bn);
      const scale = weight.mul(rsqrt);
      const before = linear.bias ?? zerosLike(mean);
      return replaceWeights(
        cloneModule(linear),
        linear.weight.mul(scale.unsqueeze(-1)),
        before.sub(mean).mul(scale).add(bias),
      );
    }),
  );
}
