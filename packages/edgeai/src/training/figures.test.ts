/** @file Figures: accuracy, averages, and what counts as better. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectNoLeaks, tensor } from '@edgeai/torch';

import { topKCorrect } from './accuracy.ts';
import { describeFigures, isBetter } from './figures.ts';
import { SmoothedValue } from './smoothed-value.ts';

test('top-k counts rows whose class is among the k highest', async () => {
  const scores = tensor([
    [0.1, 0.7, 0.2],
    [0.5, 0.3, 0.2],
    [0.2, 0.3, 0.5],
  ]);
  const labels = tensor([1, 1, 0]);
  await expectNoLeaks(() => {
    assert.deepEqual(topKCorrect(scores, labels, [1, 2]), [1, 2]);
    // With three classes, the top five are all of them.
    assert.deepEqual(topKCorrect(scores, labels, [1, 5]), [1, 3]);
  });
});

test('soft targets: the largest share is the class', () => {
  const scores = tensor([
    [2.5, 1],
    [0, 1.5],
  ]);
  const shares = tensor([
    [0.6, 0.4],
    [0.7, 0.3],
  ]);
  assert.deepEqual(topKCorrect(scores, shares, [1]), [1]);
});

test('averages weigh by items; the recent value is a median', () => {
  const value = new SmoothedValue(3);
  assert.ok(Number.isNaN(value.average) && Number.isNaN(value.recent));
  for (const [x, count] of [
    [10, 1],
    [1, 4],
    [2, 4],
    [90, 1],
  ] as const)
    value.add(x, count);
  assert.equal(value.average, (10 + 4 + 8 + 90) / 10);
  assert.equal(value.recent, 2);
  assert.equal(value.count, 10);
});

test('better: equal counts as better, no number never does', () => {
  assert.ok(isBetter(1, undefined, 'higher'));
  assert.ok(isBetter(2, 2, 'higher') && !isBetter(1, 2, 'higher'));
  assert.ok(isBetter(1, 2, 'lower') && !isBetter(3, 2, 'lower'));
  assert.ok(!isBetter(Number.NaN, undefined, 'higher'));
});

test('a line about an epoch', () => {
  const record = {
    epoch: 1,
    phase: 'val',
    loss: 0.25,
    acc1: 91.234,
    images: 10,
    time: { seconds: 67, imagesPerSecond: 310 },
  };
  assert.equal(describeFigures(record, 'epoch 2/3'), 'epoch 2/3  eval   loss 0.2500  acc1 91.23  310 img/s  1:07');
});
