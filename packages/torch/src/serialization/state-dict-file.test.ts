/** @file State dicts are found in checkpoints of several habits, and what was changed is reported. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ones, tensor } from '../core/creation.ts';
import { scope } from '../core/scope.ts';
import { unwrapStateDict } from './state-dict-file.ts';

test('a bare state dict passes as it is', () => {
  scope(() => {
    const weight = ones([1]);
    const { state, ...report } = unwrapStateDict({ 'fc.weight': weight });
    assert.equal(state['fc.weight'], weight);
    assert.deepEqual(report, { path: [], prefix: '', renamed: [], dropped: [] });
  });
});

test('nested checkpoints, wrappers and renames', () => {
  scope(() => {
    const loaded = {
      epoch: 3,
      model: { state_dict: { 'module.module.features.0.weight': ones([1]), 'module.module.fc.bias': ones([2]) } },
    };
    const found = unwrapStateDict(loaded, { renames: [[/^features\./, 'backbone.']] });
    assert.deepEqual(Object.keys(found.state), ['backbone.0.weight', 'fc.bias']);
    assert.deepEqual([found.path, found.prefix], [['model', 'state_dict'], 'module.module.']);
    assert.deepEqual(found.renamed, [['features.0.weight', 'backbone.0.weight']]);
  });
});

test('the prefix goes only where every weight has it; an average loses its counter', () => {
  scope(() => {
    const mixed = unwrapStateDict({ 'module.a': ones([1]), b: ones([1]) });
    assert.deepEqual([Object.keys(mixed.state), mixed.prefix], [['module.a', 'b'], '']);
    const averaged = unwrapStateDict(
      { model_ema: { n_averaged: tensor(4), 'module.a': ones([1]) } },
      { names: ['model_ema'] },
    );
    assert.deepEqual([Object.keys(averaged.state), averaged.dropped], [['a'], ['n_averaged']]);
  });
});

test('a parameter that is named like a wrapper is not taken for one', () => {
  scope(() => {
    const { state, dropped } = unwrapStateDict({ model: ones([1]), version: 2 });
    assert.deepEqual([Object.keys(state), dropped], [['model'], ['version']]);
  });
});

test('what holds no tensors is refused, and so are two keys that become one', () => {
  assert.throws(() => unwrapStateDict(3), /Expected a state dict but received 3/);
  assert.throws(() => unwrapStateDict({ weights: {}, epoch: 1 }), /one of model, state_dict; found: weights, epoch/);
  scope(() => {
    assert.throws(() => unwrapStateDict({ a1: ones([1]), a2: ones([1]) }, { renames: [[/\d/, '']] }), /become 'a'/);
  });
});
