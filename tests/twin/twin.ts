/** @file What the twin tests share: the fixtures that Python wrote, and the same computations on this side. */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { manualSeed, nn, noGrad, optim, randint, randn, scope } from '@edgeai/torch';
import { getModel } from '@edgeai/vision';

type Precision = 'float32' | 'float64';

interface Training {
  /** Of each step, in order. */
  readonly losses: readonly number[];
  /** L2 norm of each running statistic after the last step. */
  readonly statistic_norms: Readonly<Record<string, number>>;
}

/** What `scripts/make-twin-fixtures.py` records of a model. */
export interface Twin {
  readonly parameters: { readonly sums: Readonly<Record<string, number>>; readonly sha256: string };
  /** float32 values in base64: all outputs of the first image, the first outputs of the second. */
  readonly evaluation: { readonly first: string; readonly second: string };
  readonly training: {
    readonly steps: number;
    readonly batch: number;
    readonly size: number;
    readonly labels: number;
    readonly float32: Training;
    readonly float64?: Training;
  };
}

export function readTwin(name: string): Twin {
  return JSON.parse(readFileSync(new URL(`./fixtures/${name}.json`, import.meta.url), 'utf8')) as Twin;
}

export function decodeFloats(base64: string): Float32Array {
  const bytes = Buffer.from(base64, 'base64');
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

/** The model as seed 0 makes it. */
export function initial(name: string): nn.Module {
  manualSeed(0);
  return getModel(name);
}

/** Per float32 entry the sum of its bit patterns modulo 2^32, and a SHA-256 over the bytes of all of them. */
export function fingerprint(model: nn.Module): { sums: Record<string, number>; sha256: string } {
  const hash = createHash('sha256');
  const sums: Record<string, number> = {};
  for (const [key, tensor] of Object.entries(model.stateDict())) {
    if (tensor.dtype !== 'float32') continue;
    const values = tensor.toTypedArray();
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
    let sum = 0;
    for (const pattern of bits) sum = (sum + pattern) | 0;
    sums[key] = sum >>> 0;
    hash.update(bits);
  }
  return { sums, sha256: hash.digest('hex') };
}

/** Eval output for two images drawn right after construction. */
export function evaluate(name: string): { first: Float32Array; second: Float32Array } {
  using model = initial(name).eval();
  return noGrad(() =>
    scope(() => {
      const output = model(randn([2, 3, 224, 224])).toTypedArray() as Float32Array;
      return { first: output.slice(0, 1000), second: output.slice(1000, 1016) };
    }),
  );
}

/** Losses of SGD steps in train mode; images, labels and dropout masks come from the default generator. */
export function train(name: string, dtype: Precision, { steps, batch, size, labels }: Twin['training']): Training {
  using model = initial(name).train().to(dtype);
  using optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9, weightDecay: 1e-4 });
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    scope(() => {
      const images = randn([batch, 3, size, size], { dtype });
      const wanted = randint(0, labels, [batch]);
      const loss = nn.functional.crossEntropy(model(images), wanted);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      losses.push(loss.item());
    });
  }
  const statistics = Array.from(model.namedBuffers()).filter(([, buffer]) => buffer.ndim === 1);
  const norm = (values: ArrayLike<number>) =>
    Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0));
  return {
    losses,
    statistic_norms: Object.fromEntries(
      statistics.map(([key, buffer]) => [key, norm(buffer.toTypedArray() as Float32Array)]),
    ),
  };
}
