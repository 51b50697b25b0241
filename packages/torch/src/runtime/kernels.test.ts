import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { empty, randint, tensor } from '../core/creation.ts';
import { manualSeed } from '../core/generator.ts';
import { scope } from '../core/scope.ts';
import type { Tensor } from '../core/tensor.ts';
import type { ResizeTable } from '../native.ts';
import { drawInteger, drawUniform, expFloat, resizeBytes } from './kernels.ts';
import { expectNoLeaks } from './memory.ts';

const FRACTION_BITS = 22;

/** A small generator of its own, so that what it draws does not depend on libtorch. */
function sequence(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** A table with up to `taps` weights a target, some of them negative as those of bicubic filters. */
function tableOf(source: number, targets: number, taps: number, draw: (below: number) => number): ResizeTable {
  const starts = new Int32Array(targets);
  const counts = new Int32Array(targets);
  const weights = new Int32Array(targets * taps);
  for (let i = 0; i < targets; i++) {
    const count = 1 + draw(Math.min(taps, source));
    counts[i] = count;
    starts[i] = Math.floor(((source - count) * i) / Math.max(1, targets - 1));
    for (let k = 0; k < count; k++) weights[i * taps + k] = draw(2 ** 22) - 2 ** 19;
  }
  return { starts, counts, weights, stride: taps };
}

/** One axis of the resize, as its definition reads. `lanes` values belong to a position, `length` positions to a row. */
function resizeAxis(source: Uint8Array, rows: number, lanes: number, length: number, table: ResizeTable): Uint8Array {
  const targets = table.starts.length;
  const result = new Uint8Array(rows * targets * lanes);
  for (let row = 0; row < rows; row++)
    for (let i = 0; i < targets; i++)
      for (let lane = 0; lane < lanes; lane++) {
        let sum = 1 << (FRACTION_BITS - 1);
        for (let k = 0; k < (table.counts[i] as number); k++) {
          const value = source[(row * length + (table.starts[i] as number) + k) * lanes + lane] as number;
          sum = (sum + Math.imul(value, table.weights[i * table.stride + k] as number)) | 0;
        }
        result[(row * targets + i) * lanes + lane] = Math.min(255, Math.max(0, sum >> FRACTION_BITS));
      }
  return result;
}

describe('resizing bytes', () => {
  // Widths and numbers of weights around those at which the kernels change how they go about it.
  for (const [channels, height, width, toHeight, toWidth, taps] of [
    [3, 9, 40, 5, 31, 2],
    [3, 23, 61, 40, 32, 4],
    [3, 12, 50, 7, 1, 5],
    [3, 30, 57, 9, 46, 7],
    [3, 4, 5, 3, 3, 3],
    [3, 1, 1, 6, 5, 1],
    [3, 40, 90, 21, 67, 13],
    [1, 17, 33, 9, 70, 5],
    [4, 17, 33, 9, 20, 5],
  ] as const) {
    it(`sums ${taps} weights as defined: ${channels} × ${height} × ${width} to ${toHeight} × ${toWidth}`, () =>
      expectNoLeaks(() =>
        scope(() => {
          const draw = sequence(channels * 1000 + width);
          const image = randint(0, 256, [height, width, channels], { dtype: 'uint8' });
          const horizontal = tableOf(width, toWidth, taps, draw);
          const vertical = tableOf(height, toHeight, taps, draw);
          const across = resizeAxis(image.toTypedArray() as Uint8Array, height, channels, width, horizontal);
          const down = resizeAxis(across, 1, toWidth * channels, height, vertical);
          const region = [0, 0, height, width] as const;
          const bytes = (resized: Tensor) => [
            ...(resized.permute([1, 2, 0]).contiguous().toTypedArray() as Uint8Array),
          ];
          const planar = image.permute([2, 0, 1]);
          assert.deepEqual(bytes(resizeBytes(planar, region, [toHeight, toWidth], { horizontal, vertical })), [
            ...down,
          ]);
          assert.deepEqual(bytes(resizeBytes(planar, region, [height, toWidth], { horizontal, vertical: null })), [
            ...across,
          ]);
        }),
      ));
  }
});

describe('single random numbers', () => {
  it('are those of tensors with one element', () =>
    expectNoLeaks(() =>
      scope(() => {
        const drawn = (fn: (i: number) => number) => {
          manualSeed(5);
          return Array.from({ length: 60 }, (_, i) => fn(i));
        };
        const kinds = 3;
        const single = drawn((i) => {
          if (i % kinds === 0) return drawUniform(0, 1);
          return i % kinds === 1 ? drawUniform(-0.3, 1.7 + i) : drawInteger(-5, 7 + i);
        });
        const fromTensors = drawn((i) => {
          const one = () => empty([1], { dtype: 'float32' });
          if (i % kinds === 0) return one().uniform_(0, 1).item() as number;
          return i % kinds === 1
            ? (one()
                .uniform_(-0.3, 1.7 + i)
                .item() as number)
            : (randint(-5, 7 + i, [1]).item() as number);
        });
        assert.deepEqual(single, fromTensors);
      }),
    ));

  it('have the exponential of tensors', () =>
    scope(() => {
      for (const value of [-0.2876820862293243, 0, 0.1234, 1, 3.7])
        assert.equal(expFloat(value), tensor([value], { dtype: 'float32' }).exp().item());
    }));
});
