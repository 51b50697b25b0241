/** @file For tests: runs the models of ONNX's own test data (Debian's `libonnx-testdata`) and compares the results. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isFloatingPoint, Scope, scope, type Tensor } from '@edgeai/torch';
import { DynamicValueError } from '../errors.ts';
import { decode } from '../proto/decode.ts';
import { type ModelProto, tensorProto } from '../proto/onnx.ts';
import { readOnnx, toTensor } from '../read.ts';
import { importOnnx } from './import.ts';

/** Where the Debian package puts its data. */
export const TESTDATA = '/usr/share/libonnx-testdata/data';

/** Node tests that have nothing to do with vision networks, and why. */
export const NOT_RELEVANT: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [/^(sequence|optional|identity_sequence|identity_opt|if_seq|if_opt|loop1[36]_seq)/, 'sequences and optional values'],
  [/^(strnormalizer|tfidf|cast(like)?_(STRING|FLOAT_to_STRING))/, 'text'],
  [
    /^(adagrad|adam|momentum|nesterov|gradient|training_dropout)/,
    'training steps as operators, random numbers of other runtimes',
  ],
  [/^(bernoulli|dropout_random)/, 'random numbers'],
  [/^(blackman|hamming|hann|melweight|dft|stft)/, 'audio'],
  [/^(gru|lstm|rnn|simple_rnn)/, 'recurrent layers'],
  [/^(loop|scan)/, 'loops over data'],
  [/^(nonmaxsuppression|roialign)/, 'detection heads, whose sizes depend on the data'],
  [/_(uint16|uint32|uint64)(_|$)|_uint(16|32|64)$|int\d+_uint|float32_uint/, 'element types that torch does not have'],
];

export interface Outcome {
  readonly name: string;
  readonly status: 'passed' | 'failed' | 'unsupported' | 'not relevant';
  readonly detail: string;
}

/** Names of the models of one kind: `node`, `pytorch-converted`, `pytorch-operator`. */
export function testNames(kind: string): string[] {
  const folder = join(TESTDATA, kind);
  return existsSync(folder) ? readdirSync(folder).sort() : [];
}

export function runTest(kind: string, name: string): Outcome {
  const short = name.replace(/^test_/, '');
  const reason = kind === 'node' ? NOT_RELEVANT.find(([pattern]) => pattern.test(short))?.[1] : undefined;
  if (reason !== undefined) return { name, status: 'not relevant', detail: reason };
  try {
    const detail = compare(join(TESTDATA, kind, name));
    return { name, status: detail === '' ? 'passed' : 'failed', detail };
  } catch (error) {
    return { name, status: 'unsupported', detail: error instanceof Error ? error.message : String(error) };
  }
}

function compare(folder: string): string {
  using owner = new Scope();
  const read = (kind: string, i: number): Tensor | undefined => {
    const path = join(folder, 'test_data_set_0', `${kind}_${i}.pb`);
    return existsSync(path) ? owner.run(() => toTensor(decode(tensorProto, readFileSync(path), path))) : undefined;
  };
  const model = readOnnx(join(folder, 'model.onnx'));
  const names = (model.graph?.input ?? []).map(({ name = '' }) => name);
  const given = new Map(
    names.flatMap((name, i) => {
      const value = read('input', i);
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
  const fixed = new Map<string, Tensor>();
  for (;;) {
    try {
      return runOnce(model, given, fixed, (i) => read('output', i));
    } catch (error) {
      // An input that must be known: the test gives it, so it is fixed.
      const name = error instanceof DynamicValueError ? toFix(error, given, fixed) : undefined;
      const value = name === undefined ? undefined : given.get(name);
      if (name === undefined || value === undefined) throw error;
      fixed.set(name, value);
    }
  }
}

/** The input that the error names, or the first of integers where it names a value computed from them. */
function toFix(
  error: DynamicValueError,
  given: ReadonlyMap<string, Tensor>,
  fixed: ReadonlyMap<string, Tensor>,
): string | undefined {
  if (given.has(error.value) && !fixed.has(error.value)) return error.value;
  return [...given].find(([name, value]) => !fixed.has(name) && !isFloatingPoint(value.dtype))?.[0];
}

function runOnce(
  model: ModelProto,
  given: ReadonlyMap<string, Tensor>,
  fixed: ReadonlyMap<string, Tensor>,
  expected: (i: number) => Tensor | undefined,
): string {
  const free = [...given].filter(([name]) => !fixed.has(name));
  using network = importOnnx(model, {
    inputShapes: Object.fromEntries(free.map(([name, value]) => [name, value.shape])),
    fixedInputs: Object.fromEntries(fixed),
    dynamicBatch: false,
  });
  return scope(() => {
    const result = network(...free.map(([, value]) => value));
    const outputs = network.info.outputNames.length === 1 ? [result as Tensor] : Object.values(result);
    return outputs.map((value, i) => difference(value, expected(i))).find((text) => text !== '') ?? '';
  });
}

/** ONNX's own tolerance: 1e-3 of the value and 1e-7. */
function difference(actual: Tensor, expected: Tensor | undefined): string {
  if (expected === undefined) return '';
  if (actual.shape.join() !== expected.shape.join() || actual.dtype !== expected.dtype) {
    return `${actual.dtype}[${actual.shape}] instead of ${expected.dtype}[${expected.shape}]`;
  }
  const [a, b] = [actual.double(), expected.double()];
  const close = a.isclose(b, { rtol: 1e-3, atol: 1e-7, equalNan: true }).all().item();
  return close ? '' : `differs by ${a.sub(b).abs().max().item()}`;
}
