/** @file Gradients of several tensors at once: `backward` accumulates into leaves, `grad` returns them. */

import { handleOf } from '../core/dispatch.ts';
import { Tensor } from '../core/tensor.ts';
import { native } from '../native.ts';

export interface GradOptions {
  /** Gradients of the outputs; needed for outputs with more than one element. */
  gradOutputs?: readonly (Tensor | null)[];
  /** Keep what a second pass needs. Default: the value of `createGraph`. */
  retainGraph?: boolean;
  /** Build a graph of the gradients, for higher derivatives. */
  createGraph?: boolean;
  /** Give `null` for inputs that the outputs do not depend on, instead of an error. */
  allowUnused?: boolean;
}

/** Gradients of the sum of `outputs` with respect to `inputs`; the leaves' own `grad` stays as it is. */
export function grad(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  options?: GradOptions & { allowUnused?: false },
): Tensor[];
export function grad(outputs: readonly Tensor[], inputs: readonly Tensor[], options: GradOptions): (Tensor | null)[];
export function grad(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  options: GradOptions = {},
): (Tensor | null)[] {
  const { createGraph = false, retainGraph = createGraph, allowUnused = false, gradOutputs } = options;
  const handles = native.grad(
    outputs.map(handleOf),
    inputs.map(handleOf),
    gradOutputs?.map((g) => (g === null ? null : handleOf(g))),
    retainGraph,
    createGraph,
    allowUnused,
  );
  return handles.map((handle) => (handle === null ? null : new Tensor(handle, 'grad')));
}

/** Accumulates the gradients of all `tensors` into the leaves that they depend on. */
export function backward(
  tensors: readonly Tensor[],
  options: {
    gradients?: readonly (Tensor | null)[];
    retainGraph?: boolean;
    createGraph?: boolean;
    inputs?: readonly Tensor[];
  } = {},
): void {
  const { createGraph = false, retainGraph = createGraph } = options;
  native.backward(
    tensors.map(handleOf),
    options.gradients?.map((g) => (g === null ? null : handleOf(g))),
    retainGraph,
    createGraph,
    options.inputs?.map(handleOf),
  );
}
