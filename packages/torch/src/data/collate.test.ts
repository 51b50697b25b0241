import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rand, tensor, zeros } from '../core/creation.ts';
import { stack } from '../core/generated/functions.ts';
import { scope } from '../core/scope.ts';
import { expectNoLeaks } from '../runtime/memory.ts';
import { defaultCollate } from './collate.ts';

describe('defaultCollate', () => {
  it('stacks tensors and turns numbers into tensors of PyTorch’s types', () =>
    scope(() => {
      const [images, labels] = defaultCollate([
        [tensor([1, 2], { dtype: 'uint8' }), 3],
        [tensor([4, 5], { dtype: 'uint8' }), 6],
      ] as [ReturnType<typeof tensor>, number][]);
      assert.deepEqual(
        [images.dtype, images.toArray()],
        [
          'uint8',
          [
            [1, 2],
            [4, 5],
          ],
        ],
      );
      assert.deepEqual([labels.dtype, labels.toArray()], ['int64', [3, 6]]);
      const real = defaultCollate([0.5, 1]);
      assert.deepEqual([real.dtype, real.toArray()], ['float64', [0.5, 1]]);
      assert.equal(defaultCollate([true, false]).dtype, 'bool');
      assert.equal(defaultCollate([2n ** 60n]).toTypedArray()[0], 2n ** 60n);
      const arrays = defaultCollate([Float32Array.of(1, 2), Float32Array.of(3, 4)]);
      assert.deepEqual([arrays.dtype, arrays.shape], ['float32', [2, 2]]);
    }));

  it('follows objects, Maps and arrays, and leaves strings', () =>
    scope(() => {
      const batch = defaultCollate([
        { name: 'a', box: [1, 2], more: new Map([['depth', 0.5]]) },
        { name: 'b', box: [3, 4], more: new Map([['depth', 1.5]]) },
      ]);
      assert.deepEqual(batch.name, ['a', 'b']);
      assert.deepEqual(
        batch.box.map((t) => t.toArray()),
        [
          [1, 3],
          [2, 4],
        ],
      );
      assert.deepEqual(batch.more.get('depth')?.toArray(), [0.5, 1.5]);
    }));

  it('names what does not fit together', () =>
    scope(() => {
      assert.throws(() => defaultCollate([]), /at least one sample/);
      assert.throws(
        () => defaultCollate([{ image: zeros([3, 4]) }, { image: zeros([3, 5]) }]),
        /shapes at 'image': the first is \[3,4\], number 1 is \[3,5\]/,
      );
      assert.throws(
        () =>
          defaultCollate<unknown>([
            [zeros([1]), 1],
            [zeros([1]), 'one'],
          ]),
        /kinds at '1'.*number 1 has "one"/,
      );
      assert.throws(() => defaultCollate([[1], [1, 2]]), /different lengths/);
      assert.throws(() => defaultCollate([{ a: null }]), /Cannot collate null at 'a'/);
      assert.throws(() => defaultCollate([new Date()]), /type Date/);
    }));

  it('stacks large samples to the same batch', () =>
    scope(() => {
      for (const make of [
        () => rand([3, 120, 100]),
        () => rand([3, 120, 100]).gt(0.5),
        () => rand([120, 100, 3]).permute([2, 0, 1]),
        () => rand([3, 120, 100]).requiresGrad_(),
      ]) {
        const samples = [make(), make(), make()];
        const [batch, expected] = [defaultCollate(samples), stack(samples)];
        assert.deepEqual(
          [batch.dtype, batch.shape, batch.requiresGrad],
          [expected.dtype, expected.shape, expected.requiresGrad],
        );
        assert.ok(batch.equal(expected));
      }
    }));

  it('leaves only the batch alive', () =>
    expectNoLeaks(() => {
      scope(() => defaultCollate([Float32Array.of(1), Float32Array.of(2)])).dispose();
    }));
});
