/** @file Samples from memory are whoever's who asked for them: disposing them leaves those in memory alone. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dispose, expectNoLeaks, keep, scope, tensor } from '@edgeai/torch';
import { datasets } from '@edgeai/xvision';

import { CachedSource } from './cached-source.ts';

test('a sample that no transform changes may be disposed and asked for again', () =>
  expectNoLeaks(async () => {
    let read = 0;
    const made = (value: number) => scope(() => keep(tensor([[[value]]], { dtype: 'uint8' })));
    const source = new CachedSource({
      length: 1,
      targets: [{ kind: 'segmentation', classes: ['a', 'b'], palette: [], classWeights: null }],
      images: 1,
      finish() {
        read++;
        using image = made(7);
        using target = made(1);
        return { images: [image.clone()], targets: [target.clone()] };
      },
      describe: (index) => `sample ${index}`,
    });
    const samples = new datasets.DenseDataset(source);
    for (let epoch = 0; epoch < 3; epoch++) {
      const { images, targets } = await samples.get(0);
      assert.equal(images[0]?.map.item(), 7);
      dispose([...images, ...targets].map(({ map }) => map));
    }
    assert.equal(read, 1);
    source.dispose();
  }));
