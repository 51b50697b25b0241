/**
 * @file Classifiers start with torchvision's numbers, bit for bit, and compute what it does in evaluation and in training mode.
 * Fixtures: scripts/make-classifier-fixtures.py. With EDGEAI_FULL=1 all of them, otherwise one of each family and a few more.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { isFloatingPoint, manualSeed, type nn, noGrad, scope, Tensor } from '@edgeai/torch';
import { fillModel, makeInput, relativeL2, sumOfBits } from '../testing/fill.ts';
import { skipUnlessQuick } from '../testing/quick.ts';
import { getModel } from './index.ts';

interface Summary {
  shape: number[];
  first: number[];
  l2: number;
}

interface Recorded {
  initSum: number;
  evaluation?: { gain: number; input: number[]; output: Summary };
  training?: {
    gain: number;
    input: number[];
    options: Record<string, unknown>;
    outputs: Record<string, Summary>;
    runningMeans?: number;
  };
}

type Network = nn.Module<[Tensor], Tensor | Record<string, Tensor>>;

const path = new URL('./fixtures/classifiers.json', import.meta.url);
const { models } = JSON.parse(readFileSync(path, 'utf8')) as { models: Record<string, Recorded> };
const TOLERANCE = 1e-4;
/** Batch norms over the few values of a small batch multiply what threads of a BLAS add in another order. */
const TRAINING_TOLERANCE = 5e-4;

function norm(values: Iterable<number>): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return Math.sqrt(sum);
}

function valuesOf(tensor: Tensor): Float32Array {
  return tensor.detach().contiguous().toTypedArray() as Float32Array;
}

function compare(
  result: Tensor | Record<string, Tensor>,
  expected: Record<string, Summary>,
  tolerance = TOLERANCE,
): void {
  const results = result instanceof Tensor ? { '': result } : result;
  assert.deepEqual(Object.keys(results), Object.keys(expected));
  for (const [name, tensor] of Object.entries(results)) {
    const { shape, first, l2 } = expected[name] ?? { shape: [], first: [], l2: 0 };
    assert.deepEqual(tensor.shape, shape);
    const values = valuesOf(tensor);
    const error = relativeL2(values.subarray(0, first.length), first);
    assert.ok(error <= tolerance, `first values ${name}: relative error ${error}`);
    assert.ok(relativeL2([norm(values)], [l2]) <= tolerance, `norm ${name}: ${norm(values)}, expected ${l2}`);
  }
}

/** Slow to build; their parts are in other networks too. */
const SLOW = ['vgg11', 'vit_b_32', 'swin_v2_t', 'wide_resnet50_2'];

for (const [name, { initSum, evaluation, training }] of Object.entries(models)) {
  const skip = skipUnlessQuick(name, SLOW);
  test(`${name}: initialisation, evaluation`, { skip }, () => {
    manualSeed(0);
    using model = getModel<Network>(name);
    const sum = scope(() =>
      Object.values(model.stateDict())
        .filter(({ dtype }) => isFloatingPoint(dtype))
        .reduce((total, tensor) => sumOfBits(valuesOf(tensor), total), 0),
    );
    assert.equal(sum, initSum);
    if (evaluation === undefined) return;
    fillModel(model.eval(), evaluation.gain);
    noGrad(() => scope(() => compare(model(makeInput(evaluation.input)), { '': evaluation.output })));
  });

  if (training === undefined) continue;
  test(`${name}: training mode`, { skip }, () => {
    using model = getModel<Network>(name, training.options).train();
    fillModel(model, training.gain);
    noGrad(() =>
      scope(() => {
        manualSeed(1);
        compare(model(makeInput(training.input)), training.outputs, TRAINING_TOLERANCE);
        const means = Array.from(model.namedBuffers()).filter(([key]) => key.endsWith('running_mean'));
        const all = norm(means.flatMap(([, mean]) => Array.from(valuesOf(mean))));
        if (training.runningMeans !== undefined) assert.ok(relativeL2([all], [training.runningMeans]) <= TOLERANCE);
      }),
    );
  });
}
