/** @file One option object, checked as a whole. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nn } from '@edgeai/torch';
import {
  convertToLiteModel,
  resolveSurgery,
  type SurgeryOptions,
  type SurgeryRule,
  surgeryPresets,
  surgeryRules,
} from './index.ts';

const ids = (options: SurgeryOptions) => resolveSurgery(options).active.map(({ rule }) => rule.id);

describe('options of surgery', () => {
  it('refuse what does not exist and suggest what was meant', () => {
    const wrong = (options: unknown, message: RegExp) =>
      assert.throws(() => resolveSurgery(options as SurgeryOptions), message);
    wrong({ preset: 'v4' }, /no preset 'v4'/);
    wrong({ ruels: [] }, /did you mean 'rules'/);
    wrong({ rules: ['gelu_to_rellu'] }, /did you mean 'gelu_to_relu'/);
    wrong(
      { rules: { 'break_maxpool2d_with_kernel_size_greater_than_equal_to _5': true } },
      /did you mean 'break_maxpool2d/,
    );
    wrong({ rules: { gelu_to_relu: 'yes' } }, /rules\.gelu_to_relu/);
    wrong({ rules: { conv2d_to_conv2d_dw_conv2d: { groupSize: 1 } } }, /did you mean 'groupSizeDw'/);
    wrong({ rules: { conv2d_to_conv2d_dw_conv2d: { groupSizeDw: '1' } } }, /a number/);
    wrong({ rules: { squeeze_and_excite_to_identity: { compensate: 'max' } } }, /'none' or 'mean-gate'/);
    wrong({ rules: { remove_identity: { depth: 1 } } }, /it has none/);
  });

  it('begin with v2, or with nothing where rules are listed', () => {
    assert.ok(ids({}).includes('replace_CNBlock'));
    assert.deepEqual(ids({ rules: ['gelu_to_relu', 'replace_CNBlock'] }), ['replace_CNBlock', 'gelu_to_relu']);
    assert.ok(!ids({ rules: { gelu_to_relu: false } }).includes('gelu_to_relu'));
  });

  it('without retraining leave only rules that keep what the network computes', () => {
    const kept = resolveSurgery({ canRetrain: false }).active.map(({ rule }) => rule.preserves);
    assert.ok(kept.length > 0 && kept.every((preserves) => preserves !== 'retrain'));
  });

  it('are not changed by what is resolved, and presets name rules that exist', () => {
    const known = new Set(surgeryRules.map(({ id }) => id));
    for (const preset of Object.values(surgeryPresets)) for (const id of preset) assert.ok(known.has(id), id);
    assert.equal(known.size, surgeryRules.length);
    const options = Object.freeze({
      rules: Object.freeze({ conv2d_to_conv2d_dw_conv2d: Object.freeze({ groupSizeDw: 2 }) }),
    });
    assert.deepEqual(ids(options), ids(options));
  });

  it('take rules of your own, which come first', () => {
    const rule: SurgeryRule = {
      id: 'sigmoid_to_hardsigmoid',
      summary: 'Sigmoid → Hardsigmoid',
      preserves: 'approximate',
      weights: 'none',
      burden: null,
      modules: { matches: (module) => module instanceof nn.Sigmoid, replace: () => new nn.Hardsigmoid() },
    };
    const model = new nn.Sequential(new nn.Sigmoid());
    const { rules } = convertToLiteModel(model, { preset: 'v1', customRules: [rule] });
    assert.equal(rules[0]?.id, rule.id);
    assert.ok(model.at(0) instanceof nn.Hardsigmoid);
  });
});
