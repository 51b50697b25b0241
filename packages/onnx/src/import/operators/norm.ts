/** @file Normalisations: layers of `nn` where statistics, scale and shift are stored. */

import { batchNorm, groupNorm, instanceNorm, layerNorm, nn, rsqrt, type Tensor } from '@edgeai/torch';
import type { LoweringTable, OnnxCall } from '../call.ts';
import { takeWeights } from './conv.ts';
import { byRank } from './windows.ts';

const BATCH_NORMS = [nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d] as const;
const INSTANCE_NORMS = [nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d] as const;

function batchNormalization(call: OnnxCall): Tensor | Tensor[] {
  const input = call.tensor(0);
  const eps = call.float('epsilon', 1e-5);
  const momentum = 1 - call.float('momentum', 0.9);
  if (call.int('training_mode', 0) === 1) return inTraining(call, input, eps, momentum);
  if (!call.isStored(1, 2, 3, 4)) {
    return batchNorm(
      input,
      call.tensor(1),
      call.tensor(2),
      call.tensor(3),
      call.tensor(4),
      false,
      momentum,
      eps,
      false,
    );
  }
  return call.layer(() => {
    const layer = new (byRank(call, Math.max(input.ndim - 2, 1), BATCH_NORMS))(call.stored(1).numel(), {
      eps,
      momentum,
    });
    layer.eval();
    layer.running_mean?.copy_(call.stored(3));
    layer.running_var?.copy_(call.stored(4));
    return takeWeights(call, layer);
  }, 1)(input);
}

/** Normalises with the statistics of the batch and returns the running ones, moved towards them. */
function inTraining(call: OnnxCall, input: Tensor, eps: number, momentum: number): Tensor[] {
  const axes = Array.from({ length: input.ndim }, (_, i) => i).filter((axis) => axis !== 1);
  const mean = input.mean(axes);
  const variance = input
    .sub(input.mean(axes, { keepdim: true }))
    .square()
    .mean(axes);
  const moved = (running: Tensor, now: Tensor) => running.mul(1 - momentum).add(now.mul(momentum));
  const value = batchNorm(input, call.tensor(1), call.tensor(2), mean, variance, false, momentum, eps, false);
  return [value, moved(call.tensor(3), mean), moved(call.tensor(4), variance)];
}

function instanceNormalization(call: OnnxCall): Tensor {
  const input = call.tensor(0);
  const eps = call.float('epsilon', 1e-5);
  if (!call.isStored(1, 2)) return instanceNorm(input, call.tensor(1), call.tensor(2), null, null, true, 0, eps, false);
  return call.layer(() => {
    const layer = new (byRank(call, input.ndim - 2, INSTANCE_NORMS))(call.stored(1).numel(), { eps, affine: true });
    return takeWeights(call, layer);
  }, 1)(input);
}

function layerNormalization(call: OnnxCall): Tensor | Tensor[] {
  const input = call.tensor(0);
  const eps = call.float('epsilon', 1e-5);
  const axis = call.axis(call.int('axis', -1), input.ndim);
  const shape = input.shape.slice(axis);
  const sameShape = (i: number) => !call.has(i) || call.stored(i).shape.join() === shape.join();
  if (!call.wants(1) && call.isStored(1, 2) && sameShape(1) && sameShape(2)) {
    return call.layer(() => takeWeights(call, new nn.LayerNorm(shape, { eps })), 1)(input);
  }
  const bias = call.optional(2);
  const normal = layerNorm(input, shape, { eps }).mul(call.tensor(1));
  const value = bias === undefined ? normal : normal.add(bias);
  if (!call.wants(1)) return value;
  const axes = shape.map((_, i) => axis + i);
  const mean = input.mean(axes, { keepdim: true });
  return [value, mean, rsqrt(input.sub(mean).square().mean(axes, { keepdim: true }).add(eps))];
}

function groupNormalization(call: OnnxCall): Tensor {
  const input = call.tensor(0);
  const eps = call.float('epsilon', 1e-5);
  const groups = call.int('num_groups', 1);
  const channels = input.shape[1] ?? 1;
  const fits = call.isStored(1, 2) && call.stored(1).numel() === channels;
  if (fits) return call.layer(() => takeWeights(call, new nn.GroupNorm(groups, channels, { eps })), 1)(input);
  // Opset 18 has one scale a group.
  const perChannel = (i: number) => {
    const value = call.tensor(i);
    return value.numel() === channels ? value : value.repeatInterleave(channels / groups);
  };
  return groupNorm(input, groups, { weight: perChannel(1), bias: perChannel(2), eps });
}

function localResponse(call: OnnxCall): Tensor {
  const size = call.int('size', 1);
  const options = { alpha: call.float('alpha', 1e-4), beta: call.float('beta', 0.75), k: call.float('bias', 1) };
  return call.apply(
    () => new nn.LocalResponseNorm(size, options),
    (x) => nn.functional.localResponseNorm(x, size, options),
  );
}

function meanVariance(call: OnnxCall): Tensor {
  const input = call.tensor(0);
  const axes = call.ints('axes') ?? [0, 2, 3];
  const centred = input.sub(input.mean(axes, { keepdim: true }));
  return centred.div(centred.square().mean(axes, { keepdim: true }).sqrt().add(1e-9));
}

function lpNormalization(call: OnnxCall): Tensor {
  const input = call.tensor(0);
  const axis = call.axis(call.int('axis', -1), input.ndim);
  return input.div(input.norm(call.int('p', 2), [axis], true));
}

export const norms: LoweringTable = {
  BatchNormalization: batchNormalization,
  InstanceNormalization: instanceNormalization,
  LayerNormalization: layerNormalization,
  GroupNormalization: groupNormalization,
  LRN: localResponse,
  MeanVarianceNormalization: meanVariance,
  LpNormalization: lpNormalization,
};
