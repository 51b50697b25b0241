/** @file Convolutions beyond their numbers: output sizes of transposed ones, changed geometry, and what they refuse. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ArgumentError, nn, ones, randn, scope } from '../index.ts';
import { expectNoLeaks } from '../runtime/memory.ts';

describe('transposed convolutions', () => {
  it('reach every output size that the stride allows', () =>
    scope(() => {
      using layer = new nn.ConvTranspose2d(1, 2, 3, { stride: 3, padding: 1 });
      for (const size of [4, 5, 6]) assert.deepEqual(layer(ones([1, 1, 2, 2]), [size, 4]).shape, [1, 2, size, 4]);
      assert.deepEqual(layer(ones([1, 1, 2, 2]), [1, 2, 5, 5]).shape, [1, 2, 5, 5]);
      assert.deepEqual(layer(ones([1, 2, 2]), [5, 5]).shape, [2, 5, 5]);
      assert.throws(
        () => layer(ones([1, 1, 2, 2]), [7, 4]),
        /Expected 4 to 6 for dimension 0 of outputSize but received 7/,
      );
      assert.throws(() => layer(ones([1, 1, 2, 2]), [4]), ArgumentError);
    }));

  it('undo the size of the convolution with the same geometry', () =>
    scope(() => {
      const options = { stride: 2, padding: 1 };
      using down = new nn.Conv3d(1, 1, 3, options);
      using up = new nn.ConvTranspose3d(1, 1, 3, options);
      const input = randn([1, 1, 6, 7, 8]);
      assert.deepEqual(up(down(input), input.shape).shape, input.shape);
    }));
});

describe('convolutions', () => {
  it('follow changes of their geometry, as when strides become dilations', () =>
    scope(() => {
      using layer = new nn.Conv2d(1, 1, 3, { stride: 2, padding: 1 });
      layer.stride = [1, 1];
      layer.padding = [2, 2];
      layer.dilation = [2, 2];
      assert.deepEqual(layer(ones([1, 1, 8, 8])).shape, [1, 1, 8, 8]);
    }));

  it('leave nothing behind when they pad by themselves', async () => {
    using layer = new nn.Conv2d(1, 1, 3, { padding: 1, paddingMode: 'circular' });
    const input = ones([1, 1, 4, 4]);
    await expectNoLeaks(() => layer(input).dispose());
    input.dispose();
  });

  it('take a dtype', () =>
    scope(() => {
      using layer = new nn.Conv1d(2, 2, 1, { dtype: 'float64' });
      assert.equal(layer.weight.dtype, 'float64');
      assert.equal(layer(ones([1, 2, 3], { dtype: 'float64' })).dtype, 'float64');
    }));

  const refusals: Record<string, () => unknown> = {
    'channels that the groups do not divide': () => new nn.Conv2d(3, 4, 1, { groups: 2 }),
    'outputs that the groups do not divide': () => new nn.Conv2d(4, 3, 1, { groups: 2 }),
    'no groups': () => new nn.Conv2d(4, 4, 1, { groups: 0 }),
    'same padding with a stride': () => new nn.Conv2d(1, 1, 3, { padding: 'same', stride: 2 }),
    'an unknown padding': () => new nn.Conv2d(1, 1, 3, { padding: 'full' as 'same' }),
    'an unknown padding mode': () => new nn.Conv2d(1, 1, 3, { paddingMode: 'mirror' as 'reflect' }),
    'a kernel of other dimensions': () => new nn.Conv2d(1, 1, [3, 3, 3] as unknown as [number, number]),
  };
  for (const [name, make] of Object.entries(refusals)) it(`refuse ${name}`, () => assert.throws(make, ArgumentError));
});
