/** @file The child of fuzz-operators.ts: makes the random calls, and writes each down before it makes it. */

import { empty, full, ones, rand, randint, tensor, zeros } from '../src/core/creation.ts';
import { invoke, Operator } from '../src/core/dispatch.ts';
import * as typedOperators from '../src/core/generated/operators.ts';
import { Generator, manualSeed } from '../src/core/generator.ts';
import { scope } from '../src/core/scope.ts';
import { Tensor } from '../src/core/tensor.ts';
import { native, type SchemaArgument } from '../src/native.ts';
import { KNOWN_CRASHES } from './fuzz-known-crashes.ts';
import { CallLog } from './fuzz-operators.ts';

interface Options {
  calls: number;
  seed: number;
  start: number;
  log: string;
  only?: string;
  every?: boolean;
  typed?: boolean;
}

/** Reads or writes files by path, which a random string could name. */
const SKIPPED = /^aten::from_file$/;

const options = JSON.parse(process.env.FUZZ ?? '{}') as Options;
const typedNames = new Set(Object.values(typedOperators).map((operator) => operator.qualifiedName));
const names = native
  .operatorNames()
  .map(([name, overload]) => (overload === '' ? name : `${name}.${overload}`))
  .filter((name) => !SKIPPED.test(name.replace(/\..*/, '')))
  .filter((name) => options.typed !== true || typedNames.has(name))
  .filter((name) => options.every === true || !KNOWN_CRASHES.some((known) => known.test(name)))
  .filter((name) => options.only === undefined || new RegExp(options.only).test(name))
  .sort();

/** mulberry32: each call has a seed of its own, so that it can be repeated alone. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

class Maker {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = random(seed);
  }

  below(count: number): number {
    return Math.floor(this.#next() * count);
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }

  chance(probability: number): boolean {
    return this.#next() < probability;
  }

  shape(): number[] {
    const rank = this.pick([0, 1, 1, 2, 2, 3, 4, 4, 5]);
    return Array.from({ length: rank }, () => this.pick([0, 1, 2, 3, 3, 4, 5]));
  }

  tensor(): Tensor {
    const shape = this.shape();
    const dtype = this.pick([
      'float32',
      'float32',
      'float32',
      'float64',
      'int64',
      'int32',
      'uint8',
      'bool',
      'bfloat16',
      'complex64',
    ] as const);
    switch (this.below(8)) {
      case 0:
        return zeros(shape, { dtype });
      case 1:
        return ones(shape, { dtype });
      case 2:
        return rand(shape);
      case 3:
        return randint(-7, 9, shape);
      case 4:
        return full(shape, this.pick([-1, 2 ** 40, 7]), { dtype: 'int64' });
      case 5:
        return rand(shape).requiresGrad_();
      case 6:
        return this.chance(0.3) ? empty(shape, { device: 'meta' }) : rand(shape).transpose(0, -1);
      default:
        return tensor(this.pick([0, 3, -2, 1.5, Number.NaN]));
    }
  }

  int(): number | bigint {
    return this.pick(
      [0, 1, 2, 3, -1, -2, 4, 5, 7, 16, 100, -100, 2 ** 36 + 1, -(2 ** 31), 2 ** 52, 2n ** 62n, -(2n ** 63n)].slice(
        0,
        this.chance(0.85) ? 9 : 17,
      ),
    );
  }

  value(argument: SchemaArgument): unknown {
    const wild = this.chance(0.04);
    if (wild)
      return this.pick<unknown>([
        null,
        undefined,
        0,
        -1,
        'x',
        '',
        [],
        {},
        true,
        Number.NaN,
        [null],
        [[]],
        Symbol('s'),
        () => 0,
        1n,
        [1, 'a'],
        new Float32Array(2),
      ]);
    if (argument.optional && this.chance(0.4)) return null;
    const some = <T>(make: () => T) => Array.from({ length: this.pick([0, 1, 1, 2, 2, 3, 4]) }, make);
    switch (argument.type) {
      case 'Tensor':
        return this.tensor();
      case 'Tensor[]':
        return some(() => this.tensor());
      case 'Tensor?[]':
        return some(() => (this.chance(0.3) ? null : this.tensor()));
      case 'int':
        return this.int();
      case 'int[]':
        return this.chance(0.2) ? this.int() : some(() => this.int());
      case 'float':
        return this.pick([0, 1, -1, 0.5, 1e-5, Number.NaN, Infinity, 1e300]);
      case 'float[]':
        return some(() => this.pick([0, 1, 2, -1, 0.5, Number.NaN, 1e300]));
      case 'Scalar':
        return this.pick([0, 1, 2, -1, 0.5, true, 3n, Number.NaN, Infinity, { real: 1, imag: 2 }]);
      case 'Scalar[]':
        return some(() => this.pick([0, 1, 0.5]));
      case 'bool':
        return this.chance(0.5);
      case 'bool[]':
        return some(() => this.chance(0.5));
      case 'str':
        return this.pick([
          '',
          'mean',
          'sum',
          'none',
          'constant',
          'reflect',
          'ij,jk->ik',
          'floor',
          'trunc',
          'x',
          'same',
          'amax',
        ]);
      case 'str[]':
        return some(() => this.pick(['', 'a']));
      case 'dtype':
        return this.pick([
          'float32',
          'float64',
          'int64',
          'bool',
          'bfloat16',
          'complex64',
          'quint8',
          'qint8',
          'nonsense',
        ]);
      case 'layout':
        return this.pick(['strided', 'strided', 'sparse_coo', 'mkldnn', 'x']);
      case 'device':
        return this.pick(['cpu', 'cpu', 'cuda', 'meta', 'cuda:7', 'x', 'cpu:-1']);
      case 'memory_format':
        return this.pick(['contiguous_format', 'preserve_format', 'channels_last', 'channels_last_3d', 'x']);
      case 'Generator':
        return this.pick<unknown>([new Generator(), null, undefined, {}, 5]);
      default:
        return undefined;
    }
  }

  arguments(schema: readonly SchemaArgument[]): unknown[] {
    const args: unknown[] = schema.map((argument) =>
      'default' in argument && this.chance(0.4) ? undefined : this.value(argument),
    );
    if (this.chance(0.02)) args.push(1);
    if (this.chance(0.02)) args.pop();
    return args;
  }
}

function show(value: unknown): string {
  if (value instanceof Tensor) {
    return `${value.dtype}[${value.shape.join(',')}]${value.device === 'cpu' ? '' : value.device}${value.requiresGrad ? 'g' : ''}${value.isContiguous() ? '' : 't'}${value.numel() === 1 && value.device === 'cpu' ? `=${String(value.toArray())}` : ''}`;
  }
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`;
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'object' && value !== null)
    return value instanceof Generator ? 'Generator' : JSON.stringify(value);
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

const log = new CallLog(options.log);
for (let call = options.start; call < options.calls; call++) {
  const qualified = names[call % names.length] as string;
  const [name = '', overload = ''] = qualified.split('.');
  const operator = new Operator(name, overload);
  scope(() => {
    const seed = options.seed * 1_000_003 + call;
    manualSeed(seed);
    const maker = new Maker(seed);
    const args = maker.arguments(operator.schema.arguments);
    log.before(call, qualified, args.map(show).join(', ').replaceAll('\n', ' '));
    try {
      const result = invoke(operator, args);
      log.accepted();
      // What came back may be broken in a way that only shows when it is read or differentiated.
      if (result instanceof Tensor && result.device === 'cpu' && result.numel() < 1e4) {
        result.toString();
        if (result.requiresGrad && result.numel() > 0) result.sum().backward();
      }
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      if (process.env.FUZZ_ERRORS)
        console.error(`${qualified}: ${error.constructor.name}: ${error.message.split('\n')[0]}`);
    }
  });
}
log.close();
