/** @file A new head over old weights, frozen parts: what is loaded, what starts anew, and that nothing is skipped silently. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { expectNoLeaks, nn, save, scope, type Tensor } from '@edgeai/torch';
import { freeze, getModel, loadForFineTuning, unfreeze } from './index.ts';

const folder = mkdtempSync(join(tmpdir(), 'fine-tune-'));
after(() => rmSync(folder, { recursive: true, force: true }));

class Net extends nn.Module {
  readonly features: nn.Sequential;
  readonly aux: nn.Linear | null;
  readonly fc: nn.Linear;

  constructor(classes: number, { width = 4, aux = false } = {}) {
    super();
    this.features = new nn.Sequential(new nn.Conv2d(1, width, 1, { bias: false }), new nn.BatchNorm2d(width));
    this.aux = aux ? new nn.Linear(width, classes) : null;
    this.fc = new nn.Linear(width, classes);
  }

  forward(x: Tensor): Tensor {
    return this.fc(this.features(x).mean([2, 3]));
  }
}

const values = (model: Net, key: string) => model.stateDict()[key]?.toArray();
const FEATURES = ['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked'].map(
  (key) => `features.1.${key}`,
);
const BODY = ['features.0.weight', ...FEATURES];
const HEAD = ['fc.weight', 'fc.bias'];

test('a head for other classes starts anew, the rest is loaded, both are told', async () => {
  await expectNoLeaks(() => {
    using from = new Net(5);
    using to = new Net(3);
    const initial = values(to, 'fc.weight');
    const report = loadForFineTuning(to, from.stateDict());
    assert.deepEqual(report, {
      loaded: BODY,
      initial: HEAD,
      missing: [],
      unexpected: [],
      mismatched: [
        { key: 'fc.weight', expected: [3, 4], received: [5, 4] },
        { key: 'fc.bias', expected: [3], received: [5] },
      ],
    });
    assert.deepEqual(values(to, 'features.0.weight'), values(from, 'features.0.weight'));
    assert.deepEqual(values(to, 'fc.weight'), initial);
  });
});

test('what does not fit otherwise is refused, and nothing is changed', () => {
  scope(() => {
    using from = new Net(5, { aux: true });
    using to = new Net(3);
    const before = values(to, 'features.0.weight');
    assert.throws(() => loadForFineTuning(to, from.stateDict()), /unexpected keys: aux\.weight, aux\.bias$/);
    assert.throws(() => loadForFineTuning(to, from.stateDict(), { replaceHead: false }), /other shapes: fc\.weight/);
    using wide = new Net(3, { width: 6 });
    assert.throws(
      () => loadForFineTuning(to, wide.stateDict()),
      // Some differ in the first dimension only, but that is not the number of classes.
      (error: unknown) => error instanceof nn.StateDictError && error.mismatched.length === BODY.length,
    );
    const { 'features.0.weight': _, ...rest } = from.stateDict();
    assert.throws(
      () => loadForFineTuning(to, rest, { replaceHead: ['fc', 'aux'] }),
      /missing keys: features\.0\.weight$/,
    );
    assert.deepEqual(values(to, 'features.0.weight'), before);
    const report = loadForFineTuning(to, rest, { strict: false });
    assert.deepEqual(report.missing, ['features.0.weight']);
    assert.deepEqual(report.unexpected, ['aux.weight', 'aux.bias']);
    assert.deepEqual(report.initial, ['features.0.weight', ...HEAD]);
  });
});

test('patterns name the part that starts anew, even where it would fit', () => {
  scope(() => {
    using from = new Net(3, { aux: true });
    using to = new Net(3);
    const initial = values(to, 'fc.weight');
    const report = loadForFineTuning(to, from.stateDict(), { replaceHead: ['fc.*', /^aux/] });
    assert.deepEqual(report, { loaded: BODY, initial: HEAD, missing: [], unexpected: [], mismatched: [] });
    assert.deepEqual(values(to, 'fc.weight'), initial);
    assert.throws(
      () => loadForFineTuning(to, from.stateDict(), { replaceHead: 'classifier' }),
      /No parameter matches 'classifier'; the network's parts: features, fc, aux/,
    );
  });
});

test('checkpoint files: nested, data-parallel, with other keys', async () => {
  await expectNoLeaks(() => {
    using from = new Net(5);
    using to = new Net(3);
    const old = Object.entries(from.stateDict()).map(([key, tensor]) => [
      `module.${key.replace('features', 'body')}`,
      tensor,
    ]);
    const file = join(folder, 'old.pth');
    save({ state_dict: Object.fromEntries(old), epoch: 7 }, file);
    assert.throws(() => loadForFineTuning(to, file), /unexpected keys: body/);
    const { loaded } = loadForFineTuning(to, file, { renames: [[/^body\./, 'features.']] });
    assert.deepEqual(loaded, BODY);
    assert.deepEqual(values(to, 'features.0.weight'), values(from, 'features.0.weight'));
  });
  assert.throws(() => loadForFineTuning(new Net(2), { epoch: 7 }), /found: epoch/);
});

test('parts are frozen and freed by name', () => {
  using net = getModel('mobilenet_v2', { numClasses: 2 });
  const trained = () =>
    Array.from(net.namedParameters()).flatMap(([name, { requiresGrad }]) => (requiresGrad ? [name] : []));
  const all = trained();
  const frozen = freeze(net, 'features');
  assert.equal(frozen.length, all.length - 2);
  assert.deepEqual(trained(), ['classifier.1.weight', 'classifier.1.bias']);
  assert.deepEqual(unfreeze(net, ['features.18.*', /^features\.17\.conv\.3\./]), [
    'features.17.conv.3.weight',
    'features.17.conv.3.bias',
    'features.18.0.weight',
    'features.18.1.weight',
    'features.18.1.bias',
  ]);
  assert.equal(trained().length, 7);
  assert.equal(unfreeze(net, '*').length, all.length);
  assert.deepEqual(
    freeze(net, 'features.1').filter((name) => !name.startsWith('features.1.')),
    [],
  );
  assert.throws(() => freeze(net, ['features', 'backbone']), /No parameter matches 'backbone'.*features, classifier/);
  assert.throws(() => freeze(net, /^layer/), /No parameter matches '\/\^layer\/'/);
});
