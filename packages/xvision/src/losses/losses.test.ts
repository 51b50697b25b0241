/** @file Losses, metrics and the weighting of tasks give the recorded numbers. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { expectNoLeaks, fromTypedArray, nn, noGrad, scope, type Tensor, tensor } from '@edgeai/torch';
import { states } from '@edgeai/vision/testing/fill';
import { ConfusionMatrix } from '../metrics/confusion.ts';
import { DepthMeter } from '../metrics/depth.ts';
import { denseLossNames, makeDenseLoss } from './registry.ts';
import { SegmentationLoss } from './segmentation.ts';
import { makeTaskWeighting, taskWeightingNames } from './task-weighting.ts';

interface Recorded {
  names: Record<string, string>;
  values: Record<string, Record<string, number | null>>;
  segmentation: Record<string, number> & { 'calc_7_classes(2 never present)': Record<string, number> };
  multiTask: Record<string, { losses: number[]; scales_after: number[] }[]>;
}

// What edgeailite's own losses answered, from the formulae below: t(seed, shape, a, b) = float32(a · unit + b).
const recorded = JSON.parse(readFileSync(new URL('fixtures/recorded.json', import.meta.url), 'utf8')) as Recorded;

const count = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);
const t = (seed: number, shape: number[], a: number, b: number): Tensor =>
  fromTypedArray(
    Float32Array.from(states(seed, count(shape)), (state) => a * (state / 2 ** 31 - 1) + b),
    shape,
  );
const bits = (seed: number, shape: number[], shift: number): Tensor =>
  fromTypedArray(
    Float32Array.from(states(seed, count(shape)), (state) => state >>> shift),
    shape,
  );
const near = (actual: number, expected: number, tolerance = 1e-5) =>
  assert.ok(Math.abs(actual - expected) <= tolerance * Math.max(1, Math.abs(expected)), `${actual} is not ${expected}`);

/** Prediction and target of a recorded case. */
function inputsOf(label: string): [Tensor, Tensor] {
  const sparse = label.endsWith('sparse1') || label.includes('with_zeros');
  const masked = (target: Tensor, mask: Tensor) => (sparse ? target.mul(mask.ne(0).to('float32')) : target);
  if (label.startsWith('65ch')) {
    const shape = [2, 65, 4, 5];
    return [t(16, shape, 1, 0), masked(t(17, shape, 1, 0), bits(18, [2, 1, 4, 5], 30))];
  }
  const channels = label.startsWith('2ch') ? 2 : 1;
  const shape = [2, channels, 8, 10];
  const [seed, a, b] = channels === 1 ? [11, 10, 20] : [14, 6, 0];
  const pair: [Tensor, Tensor] = [t(seed, shape, a, b), masked(t(seed + 1, shape, a, b), bits(13, [2, 1, 8, 10], 30))];
  return label.includes('batch1') ? [pair[0].narrow(0, 0, 1), pair[1].narrow(0, 0, 1)] : pair;
}

for (const [name, cases] of Object.entries(recorded.values)) {
  test(`${name} is ${recorded.names[name]}, with its recorded values`, () => {
    return expectNoLeaks(() =>
      scope(() => {
        for (const [label, expected] of Object.entries(cases)) {
          const loss = makeDenseLoss(name, { sparse: label.endsWith('sparse1') });
          assert.equal(loss.displayName, recorded.names[name]);
          const value = Number(loss(...inputsOf(label)).item());
          // Recorded as not a number: there the elements of a dense batch were counted as the size of the batch.
          if (expected === null) assert.ok(Number.isFinite(value), `${label}: ${value}`);
          else near(value, expected, 2e-5);
        }
      }),
    );
  });
}

test('a batch without known pixels gives NaN, an unknown name a suggestion', () => {
  const zeros = t(1, [1, 1, 2, 2], 0, 0);
  assert.ok(Number.isNaN(makeDenseLoss('supervised_loss')(zeros, zeros).item()));
  assert.throws(() => makeDenseLoss('supervised_los'), /supervised_loss/);
  assert.ok(denseLossNames().length > 40);
});

test('the outliers of the KITTI benchmark compare the error, not the prediction', () => {
  const target = tensor([[[[100]], [[0]]]], { dtype: 'float32' });
  const close = tensor([[[[96]], [[0]]]], { dtype: 'float32' });
  assert.equal(makeDenseLoss('kitti_outlier_fraction')(close, target).item(), 0);
  assert.equal(makeDenseLoss('outlier_fraction')(close, target).item(), 1);
});

test('cross entropy over labels: ignored pixels in the divisor or not, weights now and then', () => {
  const logits = t(21, [2, 5, 8, 10], 3, 0);
  const raw = bits(22, [2, 1, 8, 10], 29);
  const labels = raw.maskedFill(raw.ge(5), 255);
  const { segmentation } = recorded;
  const weight = segmentation.class_weights_used as unknown as number[];
  const labelled = new SegmentationLoss({ normalisation: 'labelled' });
  near(labelled(logits, labels).item(), segmentation.loss_unweighted as number);
  const weighted = new SegmentationLoss({ normalisation: 'labelled', weight });
  near(weighted(logits, labels).item(), segmentation['loss_weighted(draw<0.2)'] as number);
  const never = new SegmentationLoss({ normalisation: 'labelled', weight, weightProbability: 0 });
  near(never(logits, labels).item(), segmentation['loss_weighted(draw>=0.2)'] as number);
  const plain = segmentation['F.cross_entropy(ignore_index=255) mean for comparison'] as number;
  near(new SegmentationLoss()(logits, labels).item(), plain);
  assert.throws(() => new SegmentationLoss({ weight: [1] })(logits, labels), /5 numbers/);
  assert.throws(() => labelled(logits, labels.narrow(2, 0, 4)), /\[2, 1, 8, 10\]/);
});

test('the confusion matrix gives the recorded figures from scores and from class indices', () => {
  const logits = t(21, [2, 5, 8, 10], 3, 0);
  const raw = bits(22, [2, 1, 8, 10], 29);
  const labels = raw.maskedFill(raw.ge(5), 255);
  const matrix = new ConfusionMatrix(5);
  matrix.add(logits, labels);
  near(matrix.figures({ absent: 'zero' }).meanIoU, recorded.segmentation.metrics_after_batch1 as number);
  matrix.add(logits.argmax({ dim: 1, keepdim: true }), labels);
  near(matrix.figures().meanIoU, recorded.segmentation.metrics_after_batch1 as number);

  const seven = new ConfusionMatrix(7);
  seven.add(logits, labels);
  const expected = recorded.segmentation['calc_7_classes(2 never present)'];
  const figures = seven.figures({ absent: 'zero' });
  near(figures.meanIoU, expected.MeanIoU as number);
  near(figures.overallAccuracy, expected.OverallAcc as number);
  near(figures.meanAccuracy, expected.MeanAcc as number);
  near(figures.frequencyWeightedIoU, expected.FreqWtAcc as number);
  // By default a class that is nowhere says nothing about the others.
  near(seven.figures().meanIoU, recorded.segmentation.metrics_after_batch1 as number);
  assert.ok(Number.isNaN(seven.figures().iou[6]));
});

test('depth errors: a prediction twice too far', () => {
  const meter = new DepthMeter({ max: 80 });
  const target = tensor([[1, 2, 0, 100]]);
  meter.add(target.mul(2), target);
  const figures = meter.figures();
  assert.equal(figures.pixels, 2);
  near(figures.absRel, 1);
  near(figures.sqRel, 1.5);
  near(figures.rmse, Math.sqrt(2.5));
  near(figures.rmseLog, Math.log(2));
  near(figures.scaleInvariant, 0);
  assert.deepEqual([figures.delta1, figures.delta2, figures.delta3], [0, 0, 0]);
});

for (const [name, steps] of Object.entries(recorded.multiTask)) {
  const method = name === 'None' || name === 'dwa_grad_norm' ? 'fixed' : name;
  test(`task weighting ${name}: losses and factors of four steps`, () => {
    const weighting = makeTaskWeighting(method, 3);
    const w = new nn.Parameter(t(51, [1, 2, 3, 3], 1, 0));
    for (const step of steps) {
      scope(() => {
        const copies = weighting.split(w, 3);
        const losses = [1, 3, 0.5].map((c, i) => (copies[i] as Tensor).mul(c).square().mean());
        losses.forEach((loss, i) => {
          near(loss.item(), step.losses[i] as number, 1e-4);
        });
        weighting(losses).backward();
      });
      weighting.factors.forEach((factor, i) => {
        near(factor, step.scales_after[i] as number, 1e-6);
      });
      noGrad(() => scope(() => w.sub_((w.grad as Tensor).mul(0.1))));
      w.grad = null;
    }
  });
}

test('every weighting takes a task without labels, and keeps its factors in its state', () => {
  for (const name of taskWeightingNames()) {
    const weighting = makeTaskWeighting(name, 2, { factors: [2, 1] });
    const w = new nn.Parameter(tensor([[1, 2]], { dtype: 'float32' }));
    for (let step = 0; step < 3; step++) {
      scope(() => {
        const [first, second] = weighting.split(w.mul(1), 2) as [Tensor, Tensor];
        const losses = step === 1 ? [first.square().sum(), null] : [first.square().sum(), second.sum().square()];
        weighting(losses).backward();
      });
      weighting.endEpoch();
    }
    const copy = makeTaskWeighting(name, 2);
    copy.loadStateDict(weighting.stateDict());
    assert.deepEqual(copy.factors, weighting.factors, name);
    assert.ok(weighting.factors.every(Number.isFinite), name);
  }
});

test('conflicting gradients lose what opposes the other', () => {
  const weighting = makeTaskWeighting('pcgrad', 2);
  const w = new nn.Parameter(tensor([0, 0], { dtype: 'float32' }));
  const [first, second] = weighting.split(w, 2) as [Tensor, Tensor];
  weighting([first.mul(tensor([1, 0])).sum(), second.mul(tensor([-1, 1])).sum()]).backward();
  // (1, 0) loses its part along (−1, 1), which leaves (½, ½); (−1, 1) its part along (1, 0), which leaves (0, 1).
  assert.deepEqual(w.grad?.toArray(), [0.5, 1.5]);
});
