/** @file Quantisation-aware training: the schedule is the caller's, measuring changes nothing, copies and resumed runs go on alike. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { autocast, expectNoLeaks, nn, noGrad, optim, scope, type Tensor, tensor } from '@edgeai/torch';
import type { QuantizationConfig } from '../config.ts';
import { prepareQuantization } from '../prepare.ts';
import type { QuantizedModel } from '../quantized-model.ts';
import { calibrateWith, fill, wave } from '../testing.ts';
import { copyQuantizers } from './copy-quantizers.ts';
import { Distillation, outputLoss } from './distillation.ts';
import type { RangeMethod } from './range-method.ts';
import { QuantizationSchedule } from './schedule.ts';

/** Conv-BN-ReLU and a linear layer. */
class TinyNet extends nn.Module {
  readonly conv1 = new nn.Conv2d(3, 6, 3, { padding: 1, bias: false });
  readonly bn1 = new nn.BatchNorm2d(6);
  readonly relu = new nn.ReLU();
  readonly fc = new nn.Linear(6, 4);

  constructor() {
    super();
    fill(this as nn.AnyModule);
  }

  forward(input: Tensor): Tensor {
    return this.fc(this.relu(this.bn1(this.conv1(input))).mean([2, 3]));
  }
}

const CONFIGS: readonly QuantizationConfig[] = [
  { target: 'generic-int8', observer: { kind: 'histogram-shrink' } },
  { target: 'generic-int8', ranges: 'pact' },
  { target: 'generic-int8', ranges: 'lsq' },
  { target: 'tidl-pow2', ranges: 'tqt' },
];

function prepared(config: QuantizationConfig = CONFIGS[0] ?? {}): QuantizedModel {
  return scope(() => {
    const x = wave([2, 3, 4, 4], 3);
    const net = new TinyNet();
    const model = prepareQuantization(net, [x], config).eval();
    net.dispose();
    calibrateWith(model, [x, wave([2, 3, 4, 4], 4, 1.2)]);
    return model;
  });
}

function snapshot(model: nn.AnyModule): Record<string, unknown> {
  return scope(() =>
    Object.fromEntries(Object.entries(model.stateDict()).map(([key, value]) => [key, value.detach().toArray()])),
  );
}

const batch = (step: number): Tensor => wave([4, 3, 4, 4], 10 + step, 1.1);
const labels = (): Tensor => tensor([0, 1, 2, 3], { dtype: 'int64' });
const sgd = (model: QuantizedModel) => new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });

/** Two steps of training. */
function train(model: QuantizedModel, optimizer: optim.Optimizer, from: number): number[] {
  model.train();
  return [from, from + 1].map((step) =>
    scope(() => {
      optimizer.zeroGrad();
      const loss = nn.functional.crossEntropy(model(batch(step)), labels());
      loss.backward();
      optimizer.step();
      return loss.item();
    }),
  );
}

/** What of a state changes in an epoch of each phase. */
function changes(model: QuantizedModel, run: () => void): { norms: boolean; ranges: boolean; weights: boolean } {
  const before = snapshot(model);
  run();
  const after = snapshot(model);
  const some = (pattern: RegExp) =>
    Object.keys(before).some((key) => pattern.test(key) && String(before[key]) !== String(after[key]));
  return { norms: some(/running_/), ranges: some(/scale|zero_point|quant_range/), weights: some(/conv\d\.weight$/) };
}

test('of ten epochs four have batch statistics and six moving ranges, as the original has it', () => {
  const model = prepared();
  const schedule = new QuantizationSchedule(model);
  const phases = Array.from({ length: 10 }, (_, epoch) => schedule.beginEpoch(epoch, 10));
  assert.deepEqual(phases, [
    ...Array.from({ length: 4 }, () => 'observe'),
    ...['norms-frozen', 'norms-frozen'],
    ...Array.from({ length: 4 }, () => 'ranges-frozen'),
  ]);
  const own = new QuantizationSchedule(model, { normEpochs: 0, rangeEpochs: 1 });
  assert.equal(own.phase, 'evaluation');
  // A zero is a zero, not "as usual".
  assert.deepEqual([own.beginEpoch(0, 10), own.beginEpoch(1, 10)], ['norms-frozen', 'ranges-frozen']);
  assert.throws(() => schedule.beginEpoch(10, 10), /Expected more than 10 for total/);
  model.dispose();
});

test('each phase changes what it says, whatever train() and eval() are called in between', () => {
  for (const config of CONFIGS) {
    const model = prepared(config);
    const schedule = new QuantizationSchedule(model, { normEpochs: 1, rangeEpochs: 2 });
    const optimizer = sgd(model);
    const what = JSON.stringify(config);
    const expected = [
      { norms: true, ranges: true, weights: true },
      { norms: false, ranges: true, weights: true },
      { norms: false, ranges: false, weights: true },
    ];
    for (const [epoch, found] of expected.entries()) {
      schedule.beginEpoch(epoch, 3);
      model.eval();
      model.train();
      model.eval();
      const changed = changes(model, () => train(model, optimizer, 2 * epoch));
      // Power-of-two scales need not move in two steps.
      assert.deepEqual(
        config.ranges === 'tqt' ? { ...changed, ranges: found.ranges } : changed,
        found,
        `${what}, epoch ${epoch}`,
      );
      schedule.beginEvaluation();
      model.eval();
      const measured = changes(model, () => {
        scope(() => noGrad(() => model(wave([4, 3, 4, 4], 99, 50))));
      });
      assert.deepEqual(measured, { norms: false, ranges: false, weights: false }, `${what}, evaluation`);
    }
    optimizer.zeroGrad();
    model.dispose();
  }
});

test('a training that goes on from a state dict ends like one that was not interrupted, to the last bit', () => {
  for (const config of CONFIGS) {
    const whole = prepared(config);
    const optimizer = sgd(whole);
    const schedule = new QuantizationSchedule(whole);
    const losses = [0, 1, 2, 3].map((epoch) => {
      schedule.beginEpoch(epoch, 4);
      const found = train(whole, optimizer, 2 * epoch);
      schedule.beginEvaluation();
      scope(() => noGrad(() => whole.eval()(batch(50))));
      return found;
    });
    const first = prepared(config);
    const own = sgd(first);
    const begun = new QuantizationSchedule(first);
    for (const epoch of [0, 1]) {
      begun.beginEpoch(epoch, 4);
      train(first, own, 2 * epoch);
    }
    scope(() => {
      // A network of other weights and ranges, which has seen nothing.
      const x = wave([1, 3, 4, 4], 5);
      const second = prepareQuantization(new TinyNet(), [x], config);
      second.loadStateDict(first.stateDict());
      const again = sgd(second);
      again.loadStateDict(own.stateDict());
      const resumed = new QuantizationSchedule(second);
      for (const epoch of [2, 3]) {
        resumed.beginEpoch(epoch, 4);
        assert.deepEqual(train(second, again, 2 * epoch), losses[epoch], `${JSON.stringify(config)}, epoch ${epoch}`);
      }
      assert.deepEqual(snapshot(second), snapshot(whole));
    });
    for (const model of [whole, first]) model.dispose();
  }
});

test('a copy in the middle of a training is a network of its own that goes on alike', () => {
  for (const config of CONFIGS) {
    const model = prepared(config);
    const schedule = new QuantizationSchedule(model, { normEpochs: 0 });
    schedule.beginEpoch(0, 4);
    train(model, sgd(model), 0);
    const copy = nn.cloneModule(model);
    const before = snapshot(copy);
    assert.deepEqual(before, snapshot(model));
    const losses = train(model, sgd(model), 2);
    assert.deepEqual(snapshot(copy), before);
    // The switches came along: norms stay frozen in the copy too.
    assert.deepEqual(train(copy, sgd(copy), 2), losses);
    assert.deepEqual(snapshot(copy), snapshot(model));
    for (const each of [model, copy]) each.dispose();
  }
});

test('biases are whole numbers of input scale times weight scale, batch norm folded in, and keep their gradient', () => {
  scope(() => {
    const model = prepared({ target: 'generic-int8', qconfig: { weight: { granularity: 'tensor' } } });
    const plain = prepared({
      target: 'generic-int8',
      qconfig: { weight: { granularity: 'tensor' } },
      roundBiases: false,
    });
    const layer = model.quantizedLayers().get('conv1');
    assert.ok(layer !== undefined && layer.weight_fake_quant !== null && layer.input !== undefined);
    const step = layer.weight_fake_quant.scale.item() * layer.input.scale.item();
    const rest = (of: QuantizedModel) => {
      // Without inputs a layer gives its bias.
      const bias = noGrad(() => of.quantizedLayers().get('conv1')?.(wave([1, 3, 4, 4], 1).mul(0)) as Tensor);
      const steps = bias.select(2, 0).select(2, 0).div(step);
      return steps.sub(steps.round()).abs().max().item();
    };
    assert.ok(rest(model) < 1e-2, String(rest(model)));
    assert.ok(rest(plain) > 0.1, String(rest(plain)));
    model.freezeNorms();
    model(batch(0)).sum().backward();
    const shift = new Map(model.namedParameters()).get('bn1.bias');
    assert.ok((shift?.grad?.abs().sum().item() ?? 0) > 0);
    const fc = model.quantizedLayers().get('fc');
    assert.deepEqual(fc?.bias?.grad?.toArray(), [4, 4, 4, 4]);
  });
});

test('the moving average of weights has the ranges of the network, so its scales stay powers of two', () => {
  const model = prepared({ target: 'tidl-pow2', ranges: 'tqt' });
  const average = new optim.ExponentialMovingAverage(model, 0.5);
  average.updateParameters(model);
  for (const quantizer of model.quantizers().values()) {
    if (!('log2_threshold' in quantizer)) continue;
    scope(() => noGrad(() => (quantizer.log2_threshold as Tensor).add_(1)));
  }
  scope(() => noGrad(() => model.quantizedLayers().get('fc')?.weight.add_(1)));
  average.updateParameters(model);
  const averaged = average.module as QuantizedModel;
  copyQuantizers(model, averaged);
  const ranges = (of: QuantizedModel) =>
    Array.from(of.quantizers(), ([path, quantizer]) => [path, quantizer.fakeQuantInfo().scale.detach().toArray()]);
  assert.deepEqual(ranges(averaged), ranges(model));
  scope(() => {
    for (const { scale } of Array.from(averaged.quantizers().values(), (quantizer) => quantizer.fakeQuantInfo()))
      assert.ok(Number.isInteger(Math.log2(scale.detach().item())));
    const [weights, theirs] = [averaged, model].map((of) => of.quantizedLayers().get('fc')?.weight.detach().toArray());
    assert.notDeepEqual(weights, theirs);
  });
  model.dispose();
  average.dispose();
});

test('in bfloat16 weights, ranges and gradients stay float32, and the loss is near that of float32', () => {
  for (const config of CONFIGS) {
    scope(() => {
      const model = prepared(config);
      new QuantizationSchedule(model).beginEpoch(0, 4);
      model.train();
      const step = () => nn.functional.crossEntropy(model(batch(0)).float(), labels());
      const exact = nn.cloneModule(model);
      const expected = nn.functional.crossEntropy(exact(batch(0)), labels()).item();
      const loss = autocast({ device: 'cpu', dtype: 'bfloat16' }, step);
      loss.backward();
      assert.ok(
        Math.abs(loss.item() - expected) < 0.03 * expected,
        `${JSON.stringify(config)}: ${loss.item()}, ${expected}`,
      );
      for (const [name, parameter] of model.namedParameters()) {
        if (!parameter.requiresGrad) continue;
        assert.equal(parameter.grad?.dtype ?? 'float32', 'float32', name);
        assert.ok(parameter.grad === null || parameter.grad?.isfinite().all().item(), name);
      }
    });
  }
});

test('the difference of answers is T² times the divergence of the softened probabilities', () => {
  scope(() => {
    const student = tensor([[1, 2, 0.5]], { dtype: 'float32' });
    const teacher = tensor([[0.2, 2.5, 0.1]], { dtype: 'float32' });
    const soften = (logits: number[], t: number) => {
      const powers = logits.map((logit) => Math.exp(logit / t));
      const sum = powers.reduce((a, b) => a + b);
      return powers.map((power) => power / sum);
    };
    for (const t of [1, 4]) {
      const [p, q] = [soften([0.2, 2.5, 0.1], t), soften([1, 2, 0.5], t)];
      const expected = t * t * p.reduce((sum, value, i) => sum + value * Math.log(value / (q[i] ?? 1)), 0);
      assert.ok(Math.abs(outputLoss(student, teacher, t).item() - expected) < 1e-6);
    }
    // One channel has no classes: values are compared.
    const [own, wanted] = [wave([2, 1, 4, 4], 1), wave([2, 1, 4, 4], 2)];
    const relative = own.sub(wanted).pow(2).mean().item() / wanted.pow(2).mean().item();
    assert.ok(Math.abs(outputLoss(own, wanted, 3).item() - relative) < 1e-6);
  });
});

test('the teacher is the float network of the beginning, in no state dict, and distillation brings the answers nearer', async () => {
  await expectNoLeaks(() => {
    const config = { target: 'generic-int8', qconfig: { weight: { bits: 2 } } } as const;
    const model = prepared(config);
    const keys = Object.keys(model.stateDict());
    const net = new TinyNet();
    const distillation = new Distillation(model, { temperature: 2, features: ['relu'], featureWeight: 0.1 });
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.02 });
    scope(() => {
      const x = batch(0);
      const expected = noGrad(() => net.eval()(x));
      const answer = noGrad(() => distillation.teacher(x));
      assert.ok(answer.sub(expected).abs().max().item() < 1e-5);
    });
    new QuantizationSchedule(model, { normEpochs: 0 }).beginEpoch(0, 4);
    model.train();
    const losses = Array.from({ length: 12 }, () =>
      scope(() => {
        optimizer.zeroGrad();
        const { result, loss } = distillation.run(
          (network) => network(batch(0)),
          (output) => [output],
        );
        assert.deepEqual(result.shape, [4, 4]);
        loss.backward();
        optimizer.step();
        return loss.item();
      }),
    );
    assert.ok((losses.at(-1) ?? 1) < 0.8 * (losses[0] ?? 0), losses.join(' '));
    assert.deepEqual(Object.keys(model.stateDict()), keys);
    optimizer.zeroGrad();
    distillation[Symbol.dispose]();
    model.dispose();
    net.dispose();
  });
});

test('features that are nowhere are refused with the names that there are', () => {
  const model = prepared();
  assert.throws(
    () => new Distillation(model, { features: 'layer9.*' }),
    /globs on .*relu.* for features but received "layer9/,
  );
  model.dispose();
});

test('every method has the float network’s keys and its own beside them', () => {
  const own: Record<RangeMethod, RegExp> = {
    observed: /^$/,
    pact: /clip_(min|max)$/,
    lsq: /^$/,
    tqt: /(log2_threshold|gradient_(variance|steps))$/,
  };
  const float = Object.keys(new TinyNet().stateDict());
  const common = Object.keys(prepared({ target: 'generic-int8' }).stateDict());
  for (const [ranges, pattern] of Object.entries(own)) {
    const model = prepared({ target: 'generic-int8', ranges: ranges as RangeMethod });
    const keys = Object.keys(model.stateDict());
    for (const key of float) assert.ok(keys.includes(key), key);
    const rest = keys.filter((key) => !common.includes(key));
    assert.ok(
      rest.every((key) => pattern.test(key)),
      `${ranges}: ${rest}`,
    );
    assert.equal(rest.length > 0, ranges === 'pact' || ranges === 'tqt');
  }
});
