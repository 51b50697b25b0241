/** @file Every dense task trains, names its figures, resumes where it was stopped and can be evaluated from its checkpoint. */

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { scope, tensor, zeros } from '@edgeai/torch';
import { io } from '@edgeai/vision';
import { datasets } from '@edgeai/xvision';

import { Progress } from '../../cli/progress.ts';
import { Interrupt } from '../../interrupt.ts';
import { DENSE_DATASETS, type DenseTaskName, denseTasks } from '../../recipes/dense-options.ts';
import { resolveRecipe } from '../../recipes/resolve.ts';
import { MetricsLog } from '../../runs/metrics-log.ts';
import { type EventValue, readEvents } from '../../runs/read-events.ts';
import { evaluateDenseNetwork } from './evaluate.ts';
import { impliedDenseSettings } from './implied-settings.ts';
import { DenseMeter } from './meter.ts';
import { openDenseTask } from './task.ts';
import { configOf, measured, trainDense } from './testing.ts';

const root = mkdtempSync(join(tmpdir(), 'edgeai-dense-'));
after(() => rmSync(root, { recursive: true, force: true }));

const quiet = { info: () => {}, warn: () => {} };

/** All that TensorBoard shows, by its tag. */
function shownIn(folder: string): Map<string, EventValue> {
  const values = readdirSync(folder)
    .filter((file) => file.startsWith('events.'))
    .flatMap((file) => readEvents(join(folder, file)).events)
    .flatMap((event) => event.values);
  return new Map(values.map((value) => [value.tag, value]));
}

async function evaluate(name: DenseTaskName, weights: string) {
  using interrupt = new Interrupt({ source: { on: () => {}, off: () => {} }, exit: () => {} });
  const progress = new Progress({ stream: { write: () => true }, terminal: false });
  const table = denseTasks[name].options;
  const base = impliedDenseSettings(weights, table);
  const flags = { weights, scenes: [8, 2], sceneSize: [32, 64], threads: 1, workers: 0 };
  const { config } = resolveRecipe(denseTasks[name], { base, flags });
  const report = await evaluateDenseNetwork(name, config, { progress, interrupt, folder: null, log: quiet });
  assert.ok(report !== null);
  return report;
}

/** Motion is among the three tasks of the last. */
const FIGURES: Readonly<Partial<Record<DenseTaskName, readonly string[]>>> = {
  segmentation: ['mIoU', 'pixelAcc'],
  depth: ['absRel', 'sqRel', 'rmse', 'delta1'],
  multitask: ['absRel', 'mIoU', 'motionIoU', 'movingIoU', 'movingF1'],
};

for (const [name, figures] of Object.entries(FIGURES) as [DenseTaskName, readonly string[]][]) {
  test(`${name}: a checkpoint says all that its evaluation needs, and gives the figures of the run`, async () => {
    const folder = join(root, name);
    const outcome = await trainDense(name, configOf(name, folder, name === 'depth' ? { backend: 'opencv' } : {}));
    assert.equal(outcome.status, 'complete');
    const records = MetricsLog.read(join(folder, 'metrics.jsonl'));
    const last = records.find(({ phase }) => phase === 'val') as unknown as Record<string, number>;
    const report = await evaluate(name, join(folder, 'checkpoint.pth'));
    for (const figure of ['loss', ...figures]) {
      assert.ok(typeof report[figure] === 'number', `${figure} among ${Object.keys(report).join(', ')}`);
      assert.ok(Math.abs((report[figure] as number) - (last[figure] ?? Number.NaN)) < 1e-4, figure);
    }
    assert.equal(report.images, 2);
    const shown = figures.includes('mIoU')
      ? ['segmentation_truth/0', 'segmentation_predicted/1']
      : ['depth_predicted/0'];
    const board = shownIn(folder);
    for (const tag of ['input0/0', ...shown]) {
      const picture = board.get(tag);
      assert.ok(picture?.kind === 'image', tag);
      using decoded = await io.decodeImage(picture.png, 'RGB');
      assert.deepEqual(decoded.shape, [3, picture.height, picture.width]);
    }
    if (!figures.includes('mIoU')) return;
    const table = board.get('segmentation_classes/val');
    assert.ok(table?.kind === 'text');
    const { classes } = report;
    for (const { name: label, iou } of classes.filter(({ task, iou }) => task === 'segmentation' && iou > 0))
      assert.ok(table.text.includes(`| ${label} | ${iou.toFixed(2)} |`), `${label} in ${table.text}`);
    const matrix = board.get('segmentation_confusion/val');
    assert.ok(matrix?.kind === 'image' && matrix.width === matrix.height && matrix.width >= 300);
  });
}

test('a run of three tasks that was stopped and resumed measures what an uninterrupted one does', async () => {
  const parts = join(root, 'parts');
  assert.equal(
    (await trainDense('multitask', configOf('multitask', parts), (step, stop) => void (step === 1 && stop()))).status,
    'stopped',
  );
  await trainDense('multitask', configOf('multitask', parts, { resume: 'auto' }));
  assert.deepEqual(measured(parts), measured(join(root, 'multitask')));
});

test('data sets that options name are those that can be opened', () => {
  assert.deepEqual([...DENSE_DATASETS], datasets.denseDatasetNames);
});

test('classes that no pixel is of, and depths that are not known, are named', () => {
  const classes = ['road', 'car', 'sky'];
  const meter = new DenseMeter([
    { kind: 'segmentation', classes, palette: [], classWeights: null },
    { kind: 'depth', max: 80 },
  ]);
  scope(() => {
    const targets = [tensor([[[[0, 255, 2, 2]]]], { dtype: 'uint8' }), zeros([1, 1, 1, 4])];
    meter.add({ images: [], targets }, [zeros([1, 3, 1, 4]), zeros([1, 1, 1, 4])], 1);
  });
  assert.deepEqual(meter.remarks(), ['segmentation: no pixel is of the class car', 'no pixel has a known depth']);
});

test('losses that do not fit their task are refused before training', async () => {
  const open = (flags: Record<string, unknown>) =>
    openDenseTask('depth', configOf('depth', join(root, 'none'), flags), quiet);
  await assert.rejects(open({ losses: { depth: ['segmentation_loss'] } }), /depth has none/);
  await assert.rejects(open({ lossMultFactors: { depth: [1] } }), /expected 2 numbers for depth, one a loss/);
  await assert.rejects(open({ model: 'mobilenet_v2' }), /one output of classes for one image/);
});
