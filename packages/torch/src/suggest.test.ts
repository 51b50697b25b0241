/** @file Suggestions: the distance agrees with a naive definition, and near names are found while far ones are not. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';

import { didYouMean, editDistance, suggest } from './suggest.ts';

const MODELS = [
  'mobilenet_v2',
  'mobilenet_v3_large',
  'mobilenet_v3_small',
  'resnet18',
  'resnet34',
  'resnet50',
  'resnext50_32x4d',
];

test('known distances', () => {
  assert.equal(editDistance('', 'abc'), 3);
  assert.equal(editDistance('kitten', 'sitting'), 3);
  assert.equal(editDistance('lr', 'rl'), 1);
  assert.equal(editDistance('ca', 'abc'), 3, 'no part is edited twice');
});

/** The recursive definition, without the table. */
function naive(a: string, b: string): number {
  if (a === '' || b === '') return a.length + b.length;
  const [lastA, lastB] = [a.at(-1), b.at(-1)];
  let best = Math.min(
    naive(a.slice(0, -1), b) + 1,
    naive(a, b.slice(0, -1)) + 1,
    naive(a.slice(0, -1), b.slice(0, -1)) + (lastA === lastB ? 0 : 1),
  );
  if (a.length > 1 && b.length > 1 && lastA === b.at(-2) && a.at(-2) === lastB) {
    best = Math.min(best, naive(a.slice(0, -2), b.slice(0, -2)) + 1);
  }
  return best;
}

test('the distance is what its definition says', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 5 });
  fc.assert(
    fc.property(word, word, (a, b) => {
      assert.equal(editDistance(a, b), naive(a, b));
      assert.equal(editDistance(a, b), editDistance(b, a));
    }),
    { numRuns: 200 },
  );
});

test('misspelt names find the one meant', () => {
  assert.deepEqual(suggest('mobilnet_v2', MODELS), ['mobilenet_v2']);
  assert.deepEqual(suggest('MobileNet-V2', MODELS)[0], 'mobilenet_v2');
  assert.deepEqual(suggest('rensnet50', MODELS)[0], 'resnet50');
  assert.deepEqual(suggest('resnext50', MODELS, 2), ['resnext50_32x4d', 'resnet50']);
  assert.deepEqual(suggest('bert', MODELS), []);
  assert.deepEqual(suggest('', MODELS), []);
});

test('the sentence names one, or those that are equally near', () => {
  assert.equal(didYouMean('mobilnet_v2', MODELS), "; did you mean 'mobilenet_v2'?");
  assert.equal(didYouMean('resnet1', ['resnet18', 'resnet10', 'vgg']), "; did you mean 'resnet10' or 'resnet18'?");
  assert.equal(didYouMean('bert', MODELS), '');
});
