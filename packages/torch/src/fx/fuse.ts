/** @file Folding of batch norms into the convolutions before them, for evaluation. */

import { noGrad } from '../autograd/modes.ts';
import { rsqrt, zerosLike } from '../core/generated/functions.ts';
import { scope } from '../core/scope.ts';
import type { Tensor } from '../core/tensor.ts';
import { ArgumentError } from '../errors.ts';
import * as nn from '../nn/index.ts';
import { type AnyModule, Module } from '../nn/module.ts';
import { Parameter } from '../nn/parameter.ts';
import { GraphModule } from './graph-module.ts';
import type { ModuleNode, Node } from './node.ts';

type Convolution = nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d;
type BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d;

const PLAIN = [nn.Conv1d, nn.Conv2d, nn.Conv3d] as const;
const TRANSPOSED = [nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d] as const;
const NORMS = [nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d] as const;

/**
 * A copy of a graph module in which every batch norm in evaluation mode that alone consumes a convolution's result is folded
 * into that convolution. The given module and its weights stay as they are. Weights are computed as PyTorch's
 * `fuse_conv_bn_eval` does, in the weights' own precision.
 */
export function fuseConvBn<Args extends unknown[], Out>(source: GraphModule<Args, Out>): GraphModule<Args, Out> {
  const fused = new GraphModule<Args, Out>(source.graph);
  const { graph } = fused;
  const users = graph.users();
  const calls = new Map<string, number>();
  for (const node of graph.nodes) if (node.kind === 'module') calls.set(node.target, (calls.get(node.target) ?? 0) + 1);
  const isOnlyCall = (node: ModuleNode) => calls.get(node.target) === 1;

  for (const norm of graph.nodes) {
    if (norm.kind !== 'module' || !isOnlyCall(norm)) continue;
    const [conv] = norm.args as readonly Node[];
    if (conv?.kind !== 'module' || !isOnlyCall(conv) || users.get(conv)?.length !== 1) continue;
    const convModule = fused.getSubmodule(conv.target);
    const normModule = fused.getSubmodule(norm.target);
    if (!isConvolution(convModule) || !isFoldable(normModule) || convModule.training) continue;
    fused.setSubmodule(conv.target, fuse(convModule, normModule));
    fused.deleteSubmodule(norm.target);
    graph.replaceUses(norm, conv);
    graph.erase(norm);
  }
  return fused.recompile();
}

/** Weight and bias of a convolution that does what a convolution followed by a batch norm does. */
export function fuseConvBnWeights(conv: Convolution, norm: BatchNorm): { weight: Tensor; bias: Tensor } {
  const { running_mean: mean, running_var: variance } = norm;
  if (mean === null || variance === null)
    throw new ArgumentError('norm', 'A batch norm without running statistics cannot be folded');
  return noGrad(() =>
    scope(() => {
      const scale = rsqrt(variance.add(norm.eps));
      const gain = norm.weight === null ? scale : norm.weight.mul(scale);
      const centred = (conv.bias ?? zerosLike(mean)).sub(mean).mul(scale);
      const scaled = norm.weight === null ? centred : centred.mul(norm.weight);
      const bias = norm.bias === null ? scaled : scaled.add(norm.bias);
      return { weight: scaleOutputs(conv, gain), bias };
    }),
  );
}

/** Multiplies the weights of each output channel with its gain. */
function scaleOutputs(conv: Convolution, gain: Tensor): Tensor {
  const { weight, groups } = conv;
  const spatial = Array.from({ length: weight.ndim - 2 }, () => 1);
  if (!TRANSPOSED.some((type) => conv instanceof type)) return weight.mul(gain.reshape([-1, 1, ...spatial]));
  if (groups === 1) return weight.mul(gain.reshape([1, -1, ...spatial]));
  // (inputs, outputs / groups, …): group g of the inputs goes to group g of the outputs.
  const [inputs = 0, outputs = 0, ...kernel] = weight.shape;
  const grouped = weight.reshape([groups, inputs / groups, outputs, ...kernel]);
  return grouped.mul(gain.reshape([groups, 1, outputs, ...spatial])).reshape(weight.shape);
}

function fuse(conv: Convolution, norm: BatchNorm): Convolution {
  return scope(() => {
    const { weight, bias } = fuseConvBnWeights(conv, norm);
    const copy = shallowCopy(conv);
    copy.weight = new Parameter(weight, { requiresGrad: conv.weight.requiresGrad });
    copy.bias = new Parameter(bias, { requiresGrad: conv.weight.requiresGrad });
    return copy;
  });
}

/** A module of the same class with the same properties, without running the constructor, which would draw new weights. */
function shallowCopy<M extends AnyModule>(module: M): M {
  const copy = Reflect.construct(Module, [], module.constructor) as M;
  Object.assign(copy, module);
  copy.training = module.training;
  return copy;
}

function isConvolution(module: AnyModule): module is Convolution {
  return [...PLAIN, ...TRANSPOSED].some((type) => module.constructor === type);
}

function isFoldable(module: AnyModule): module is BatchNorm {
  if (!NORMS.some((type) => module.constructor === type)) return false;
  const norm = module as BatchNorm;
  return !norm.training && norm.running_mean !== null && norm.running_var !== null;
}
