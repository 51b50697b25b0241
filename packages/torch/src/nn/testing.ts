/**
 * @file What the tests of layers and losses share: each case is built, run and compared with what PyTorch computed: initial
 * weights bit for bit, printed form, state-dict keys, outputs and gradients. The expectations come from
 * scripts/make-nn-fixtures.py, whose cases have the same names.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { manualSeed, nn, rand, randint, randn, scope, Tensor, type TensorData, tensor } from '../index.ts';
import { expectNoLeaks } from '../runtime/memory.ts';

export interface Summary {
  readonly shape: readonly number[];
  readonly sum: number;
  readonly abs: number;
  readonly at: readonly number[];
}

interface Expected {
  readonly repr: string;
  /** Bit patterns of the initial weights, added up. */
  readonly initial: Record<string, number>;
  /** Weights drawn from a normal distribution, whose last bits depend on the processor. */
  readonly initialNormal: Record<string, Summary>;
  readonly outputs: readonly Summary[];
  readonly state: readonly string[];
  readonly buffers: Record<string, Summary>;
  readonly inputGradients?: readonly (Summary | null)[];
  readonly gradients?: Record<string, Summary>;
}

/** Makes an input; sees those before. */
type Make = (before: readonly unknown[]) => unknown;
export type Case = readonly [name: string, build: () => nn.AnyModule, inputs: readonly Make[], evaluate?: boolean];

// Inputs are drawn one after the other; the ones made by R, P and L take part in backward.
export const R =
  (...shape: number[]) =>
  () =>
    randn(shape).requiresGrad_();
export const P =
  (...shape: number[]) =>
  () =>
    rand(shape).requiresGrad_();
export const L =
  (...shape: number[]) =>
  () =>
    nn.functional.logSoftmax(randn(shape), 1).requiresGrad_();
export const N =
  (...shape: number[]) =>
  () =>
    randn(shape);
export const U =
  (...shape: number[]) =>
  () =>
    rand(shape);
export const I =
  (high: number, ...shape: number[]) =>
  () =>
    randint(0, high, shape);
export const S =
  (...shape: number[]) =>
  () =>
    randint(0, 2, shape).float().mul(2).sub(1);
export const K = (values: TensorData) => () => tensor(values);
export const SAME: Make = (before) => before.at(-1);
export const masks = (options: Record<string, boolean | (() => Tensor)>) => () =>
  Object.fromEntries(
    Object.entries(options).map(([name, value]) => [name, typeof value === 'function' ? value() : value]),
  );

/** Other versions of libtorch add up in another order. */
export function assertMatches(actual: Tensor, expected: Summary, what: string): void {
  const values = actual.detach().double().flatten();
  const count = values.numel();
  assert.deepEqual(actual.shape, expected.shape, `${what}: shape`);
  const near = (value: number, wanted: number, scale: number, part: string) =>
    assert.ok(
      Math.abs(value - wanted) <= 1e-5 * (Math.abs(wanted) + scale) + 1e-7,
      `${what}: ${part} is ${value}, expected ${wanted}`,
    );
  near(values.sum().item(), expected.sum, expected.abs, 'sum');
  near(values.abs().sum().item(), expected.abs, 0, 'sum of magnitudes');
  const positions = [...new Set([0, Math.floor(count / 2), count - 1])];
  positions.forEach((position, i) => {
    near(values.select(0, position).item(), expected.at[i] ?? Number.NaN, expected.abs / count, `element ${position}`);
  });
}

/** Sum of the elements' bit patterns modulo 2^32. */
export function bits(parameter: Tensor): number {
  const values = parameter.detach().toTypedArray();
  return new Uint32Array(values.buffer, values.byteOffset, values.length).reduce(
    (sum, word) => (sum + word) % 2 ** 32,
    0,
  );
}

function check([, build, inputs, evaluate]: Case, expected: Expected): void {
  manualSeed(0);
  using module = build();
  assert.equal(module.toString(), expected.repr);
  for (const [key, parameter] of module.namedParameters()) {
    const normal = expected.initialNormal[key];
    if (normal === undefined) assert.equal(bits(parameter), expected.initial[key], `initial ${key}`);
    else assertMatches(parameter, normal, `initial ${key}`);
  }
  assert.deepEqual(Object.keys(module.stateDict()), expected.state);

  manualSeed(1);
  const args: unknown[] = [];
  for (const make of inputs) args.push(make(args));
  manualSeed(2);
  if (evaluate === true) {
    module(...args);
    module.eval();
  }
  const result: unknown = module(...args);
  const outputs = (Array.isArray(result) ? result : [result]).filter((item) => item instanceof Tensor);
  assert.equal(outputs.length, expected.outputs.length, 'number of outputs');
  for (const [i, summary] of expected.outputs.entries()) assertMatches(outputs[i] as Tensor, summary, `output ${i}`);
  for (const [key, buffer] of module.namedBuffers()) assertMatches(buffer, expected.buffers[key] as Summary, key);

  const [first] = outputs;
  assert.equal(first?.requiresGrad, expected.gradients !== undefined, 'whether the output has a gradient');
  if (first === undefined || expected.gradients === undefined) return;
  manualSeed(3);
  first.backward({ gradient: randn(first.shape) });
  expected.inputGradients?.forEach((summary, i) => {
    if (summary !== null) assertMatches((args[i] as Tensor).grad as Tensor, summary, `gradient of input ${i}`);
  });
  for (const [key, parameter] of module.namedParameters()) {
    assertMatches(parameter.grad as Tensor, expected.gradients[key] as Summary, `gradient of ${key}`);
  }
}

export function readFixture<T>(name: string): Record<string, T> {
  return JSON.parse(readFileSync(new URL(`./fixtures/${name}.json`, import.meta.url), 'utf8')) as Record<string, T>;
}

/** Tests every case against the fixture file of this name, and that no frozen case is left out. */
export function describeCases(fixture: string, cases: readonly Case[]): void {
  const fixtures = readFixture<Expected>(fixture);
  describe(`${fixture} agree with PyTorch`, () => {
    for (const entry of cases) {
      it(entry[0], () => {
        const expected = fixtures[entry[0]];
        assert.ok(expected !== undefined, 'no such case; run scripts/make-nn-fixtures.py');
        return expectNoLeaks(() => scope(() => check(entry, expected)));
      });
    }

    it('in every case that was frozen', () => {
      assert.deepEqual(
        cases.map(([name]) => name),
        Object.keys(fixtures),
      );
    });
  });
}
