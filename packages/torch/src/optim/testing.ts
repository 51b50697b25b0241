/** @file Helpers of this folder's tests: the fixtures' small problem, made from the same seeds as in Python. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { randn } from '../core/creation.ts';
import { cat } from '../core/generated/functions.ts';
import { manualSeed } from '../core/generator.ts';
import { scope } from '../core/scope.ts';
import type { Tensor } from '../core/tensor.ts';
import { Parameter } from '../nn/parameter.ts';
import { buildInfo } from '../runtime/settings.ts';
import { Adagrad } from './adagrad.ts';
import { Adam, AdamW } from './adam.ts';
import type { Optimizer } from './optimizer.ts';
import { RMSprop } from './rmsprop.ts';
import { SGD } from './sgd.ts';

export const STEPS = 12;
const SHAPES = [[5, 7], [7], [37], []];

/** One set of options of the fixtures, under Python's names. */
export interface Run {
  readonly class: string;
  readonly options: Record<string, unknown>;
  readonly second: Record<string, unknown>;
  /** Raw bytes of all parameters after some steps. */
  readonly params: Record<string, string>;
}

export function fixture(name: string): string {
  return fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
}

export function readFixture<T>(name: string): T {
  return JSON.parse(readFileSync(fixture(name), 'utf8')) as T;
}

/** A tensor's bytes in row-major order. */
export function raw(tensor: Tensor): string {
  const array = tensor.toTypedArray();
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString('hex');
}

/** Raw bytes of several tensors, one after the other. */
export function rawOfAll(tensors: readonly Tensor[]): string {
  return scope(() => raw(cat(tensors.map((tensor) => tensor.detach().reshape([-1])))));
}

/** The libtorch whose bits the fixtures hold. Others may round the last bit of a step another way. */
const FIXTURES_FROM = '1.13';

/** Compares raw float32 parameters: to the bit with the libtorch of the fixtures, nearly with another. */
export function assertParams(actual: string, expected: string | undefined, message?: string): void {
  assert.ok(expected !== undefined, message);
  if (buildInfo().torchVersion.startsWith(FIXTURES_FROM)) {
    assert.equal(actual, expected, message);
    return;
  }
  const [a, b] = [actual, expected].map((hex) => new Float32Array(new Uint8Array(Buffer.from(hex, 'hex')).buffer));
  assert.equal(a?.length, b?.length, message);
  a?.forEach((value, i) => {
    const wanted = b?.[i] ?? Number.NaN;
    assert.ok(
      Math.abs(value - wanted) <= 1e-6 + 1e-5 * Math.abs(wanted),
      `${message ?? ''} element ${i}: ${value}, not ${wanted}`,
    );
  });
}

/** The parameters that the fixtures start from. */
export function start(): Parameter[] {
  manualSeed(0);
  return scope(() => SHAPES.map((shape) => new Parameter(randn(shape))));
}

/** The gradients of each step. The caller owns them. */
export function gradients(): Tensor[][] {
  manualSeed(1);
  return Array.from({ length: STEPS }, () => SHAPES.map((shape) => randn(shape)));
}

/** The optimiser of a run over two groups. */
export function makeOptimizer(run: Run, params: readonly Parameter[]): Optimizer {
  const groups = [{ params: params.slice(0, 2) }, { params: params.slice(2), ...camel(run.second) }];
  const options = camel(run.options);
  switch (run.class) {
    case 'SGD':
      return new SGD(groups, { lr: Number.NaN, ...options });
    case 'Adam':
      return new Adam(groups, options);
    case 'AdamW':
      return new AdamW(groups, options);
    case 'RMSprop':
      return new RMSprop(groups, options);
    case 'Adagrad':
      return new Adagrad(groups, options);
    default:
      throw new Error(`no optimiser ${run.class}`);
  }
}

function camel(options: Record<string, unknown>): Record<string, never> {
  const entries = Object.entries(options).map(([key, value]) => [
    key.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
    value,
  ]);
  return Object.fromEntries(entries) as Record<string, never>;
}

/** Steps `from` to before `to` of the fixtures' problem; the last parameter has no gradient in every third. */
export function runSteps(
  params: readonly Parameter[],
  optimizer: Optimizer,
  from = 0,
  to = STEPS,
  after: (step: number) => void = () => {},
): void {
  scope(() => {
    const all = gradients();
    for (let step = from; step < to; step++) {
      for (const [i, param] of params.entries()) {
        const gradient = all[step]?.[i];
        param.grad = gradient === undefined || (i === 3 && step % 3 === 2) ? null : gradient.clone();
      }
      optimizer.step();
      after(step);
    }
  });
}
