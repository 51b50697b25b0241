/** @file Which names are suggested for a misspelt one. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { didYouMean, editDistance, nearestNames } from './suggest.ts';

const names = ['resnet18', 'resnet34', 'resnext50_32x4d', 'resnext101_64x4d', 'mobilenet_v2', 'wide_resnet50_2'];

test('edit distance counts insertions, deletions and substitutions', () => {
  assert.equal(editDistance('kitten', 'sitting'), 3);
  assert.equal(editDistance('', 'abc'), 3);
  assert.equal(editDistance('abc', 'abc'), 0);
});

test('edit distance is a metric', () => {
  const word = fc.string({ maxLength: 8 });
  fc.assert(
    fc.property(word, word, word, (a, b, c) => {
      assert.equal(editDistance(a, b), editDistance(b, a));
      assert.equal(editDistance(a, b) === 0, a === b);
      assert.ok(editDistance(a, c) <= editDistance(a, b) + editDistance(b, c));
    }),
  );
});

test('case and separators do not count, and a beginning finds the whole name', () => {
  assert.deepEqual(nearestNames('MobileNetV2', names), ['mobilenet_v2']);
  assert.equal(nearestNames('resnext50', names)[0], 'resnext50_32x4d');
  assert.equal(nearestNames('resnet_81', names)[0], 'resnet18');
});

test('a name like none of them suggests nothing', () => {
  assert.equal(didYouMean('transformer', names), '');
  assert.equal(didYouMean('mobilnet_v2', names), "; did you mean 'mobilenet_v2'?");
});
