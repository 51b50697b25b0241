/** @file Calibration: runs data through a network to see what its layers get, and settles the batch norms that surgery put in. */

import { keep, type nn, noGrad, scope, Tensor } from '@edgeai/torch';
import { ChannelsLastBatchNorm } from './layers.ts';
import type { NormRole } from './rule.ts';

/** Forward's arguments, one array a batch. */
export type Batches = readonly (readonly unknown[])[];

/** Forward's arguments with tensors of their own: a network may write into what it is given. The caller's scope owns them. */
export function copyInputs(inputs: readonly unknown[]): unknown[] {
  const copy = (value: unknown): unknown => {
    if (value instanceof Tensor) return value.detach().clone();
    if (Array.isArray(value)) return value.map(copy);
    const isRecord = typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
    return isRecord
      ? Object.fromEntries(Object.entries(value as object).map(([key, item]) => [key, copy(item)]))
      : value;
  };
  return inputs.map(copy);
}

/** Runs every batch in evaluation mode, without gradients; modes are put back. */
export function runBatches(model: nn.AnyModule, batches: Batches): void {
  const modes = model.modules().map((module) => [module, module.training] as const);
  model.eval();
  try {
    for (const batch of batches) noGrad(() => scope(() => void model(...copyInputs(batch))));
  } finally {
    for (const [module, training] of modes) module.setTraining(training);
  }
}

/** Shapes of the (first) inputs of all modules below `model`; none for a module whose calls differ. */
export function inputShapes(
  model: nn.AnyModule,
  exampleInputs: readonly unknown[],
): Map<nn.AnyModule, readonly number[]> {
  const shapes = new Map<nn.AnyModule, readonly number[]>();
  const varying = new Set<nn.AnyModule>();
  const removals = model.modules().map((module) =>
    module.registerForwardPreHook((_, [input]) => {
      if (!(input instanceof Tensor)) return undefined;
      const before = shapes.get(module);
      if (before !== undefined && String(before) !== String(input.shape)) varying.add(module);
      shapes.set(module, input.shape);
      return undefined;
    }),
  );
  try {
    runBatches(model, [exampleInputs]);
  } finally {
    for (const remove of removals) remove();
  }
  for (const module of varying) shapes.delete(module);
  return shapes;
}

/**
 * Sets the running statistics of new batch norms to those of the data, in one pass: norms that normalise do so batch by batch, as
 * in training. A neutral one gets the scale and shift besides that undo the normalisation, so that the network computes what it
 * did before the norm was there.
 *
 * @throws {ArgumentError} by batch norms that get one value a channel, which has no variance: use larger batches
 */
export function settleNorms(model: nn.AnyModule, norms: ReadonlyMap<nn.BatchNorm, NormRole>, batches: Batches): void {
  if (norms.size === 0 || batches.length === 0) return;
  const modes = model.modules().map((module) => [module, module.training] as const);
  const finish = Array.from(norms, ([norm, role]) => (role === 'neutral' ? watch(norm) : normaliseByBatch(norm)));
  try {
    model.eval();
    for (const [norm, role] of norms) norm.setTraining(role === 'normalise');
    for (const batch of batches) noGrad(() => scope(() => void model(...copyInputs(batch))));
  } finally {
    for (const done of finish) done();
    for (const [module, training] of modes) module.setTraining(training);
  }
}

/** The plain average of the batches' statistics. */
function normaliseByBatch(norm: nn.BatchNorm): () => void {
  const { momentum } = norm;
  norm.momentum = null;
  norm.resetRunningStats();
  return () => {
    norm.momentum = momentum;
  };
}

/** Sums up what a norm gets, and sets it by that in the end. */
function watch(norm: nn.BatchNorm): () => void {
  let sum: Tensor | undefined;
  let squares: Tensor | undefined;
  let count = 0;
  const remove = norm.registerForwardPreHook((_, [input]) => {
    if (!(input instanceof Tensor)) return undefined;
    const channels = norm instanceof ChannelsLastBatchNorm ? input.ndim - 1 : 1;
    const dims = input.shape.map((_size, i) => i).filter((i) => i !== channels);
    scope(() => {
      const wide = input.to({ dtype: 'float64' });
      sum = replaced(sum, wide.sum(dims));
      squares = replaced(squares, wide.square().sum(dims));
    });
    count += input.numel() / norm.numFeatures;
    return undefined;
  });
  return () => {
    remove();
    if (sum !== undefined && squares !== undefined) settle(norm, sum, squares, count);
    sum?.dispose();
    squares?.dispose();
  };
}

function replaced(before: Tensor | undefined, added: Tensor): Tensor {
  const next = keep(before === undefined ? added : before.add(added));
  before?.dispose();
  return next;
}

/** A fresh norm computes `weight · x / √(1 + eps) + bias`; this keeps that, with the statistics of what it gets. */
function settle(norm: nn.BatchNorm, sum: Tensor, squares: Tensor, count: number): void {
  noGrad(() =>
    scope(() => {
      const mean = sum.div(count);
      const variance = squares.div(count).sub(mean.square()).clamp(0);
      norm.running_mean?.copy_(mean);
      // Running statistics hold the unbiased variance.
      norm.running_var?.copy_(variance.mul(count / Math.max(count - 1, 1)));
      if (norm.running_var === null || norm.weight === null || norm.bias === null) return;
      const gain = norm.weight.div(Math.sqrt(1 + norm.eps));
      norm.bias.add_(gain.mul(mean));
      norm.weight.copy_(gain.mul(norm.running_var.add(norm.eps).sqrt()));
    }),
  );
}
