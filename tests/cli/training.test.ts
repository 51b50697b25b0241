/** @file Training from the command line: what a run leaves behind, and that killing or stopping it anywhere changes nothing. */

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, watch } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { edgeai, weightBytes, writeDataset } from './harness.ts';

const root = mkdtempSync(join(tmpdir(), 'edgeai-cli-'));
const data = join(root, 'data');
const whole = join(root, 'whole');
const EPOCHS = 3;

const options = (folder: string, ...more: string[]): string[] => [
  ...['train', 'classification', '--data-path', data, '--model', 'mobilenet_v2', '--output-dir', folder],
  ...['--epochs', String(EPOCHS), '--batch-size', '6', '--lr', '0.02', '--lr-scheduler', 'cosineannealinglr'],
  ...['--train-crop-size', '32', '--val-resize-size', '32', '--val-crop-size', '32'],
  ...['--print-freq', '1', ...more],
];

const resume = (folder: string): string[] => ['train', 'classification', '--output-dir', folder, '--resume'];

function metricsOf(folder: string): unknown[] {
  const lines = readFileSync(join(folder, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
  return lines.map((line) => {
    const { time: _, ...record } = JSON.parse(line);
    return record;
  });
}

/** A run that was cut off has ended as the one that was not. */
function assertSameAsWhole(folder: string): void {
  for (const name of ['checkpoint.pth', 'best.pth']) {
    const [mine, expected] = [weightBytes(join(folder, name)), weightBytes(join(whole, name))];
    assert.deepEqual([...mine.keys()], [...expected.keys()]);
    for (const [key, bytes] of expected) assert.ok(mine.get(key) === bytes, `${name}: ${key} differs`);
  }
  assert.deepEqual(metricsOf(folder), metricsOf(whole));
  const left = readdirSync(folder).filter((name) => name.endsWith('.tmp') || name.startsWith('.lock'));
  assert.deepEqual(left, []);
}

before(async () => {
  await writeDataset(data);
  const { code, stderr, stdout } = await edgeai(options(whole));
  assert.equal(code, 0, stdout + stderr);
});
after(() => rmSync(root, { recursive: true, force: true }));

test('a run leaves its recipe, metrics, checkpoints, verified export and result', async () => {
  const names = readdirSync(whole);
  for (const name of [
    'recipe.yaml',
    'metrics.jsonl',
    'checkpoint.pth',
    'best.pth',
    'model.onnx',
    'result.json',
    'run.log',
  ]) {
    assert.ok(names.includes(name), `${name} in ${names.join(', ')}`);
  }
  assert.ok(names.some((name) => name.startsWith('events.out.tfevents.')));
  assert.equal(metricsOf(whole).length, 2 * EPOCHS);

  const result = JSON.parse(readFileSync(join(whole, 'result.json'), 'utf8'));
  assert.equal(result.epochs, EPOCHS);
  assert.equal(result.model, 'mobilenet_v2');
  assert.ok(result.acc1 >= 50 && result.acc1 <= 100, `acc1 ${result.acc1}`);
  assert.ok(result.onnx.maxDifference < 1e-3 && result.onnx.checkedInputs === 3);
  // Two classes instead of 1000.
  assert.equal(result.params, 3_504_872 - 998 * 1281);
  for (const path of Object.values<string>(result.files)) assert.ok(existsSync(path), path);
});

test('the best weights, evaluated by themselves, have the figures of the run', async () => {
  const { acc1, loss } = JSON.parse(readFileSync(join(whole, 'result.json'), 'utf8'));
  const args = ['--weights', join(whole, 'best.pth'), '--data-path', data, '--batch-size', '6'];
  const { code, stdout, stderr } = await edgeai(['evaluate', 'classification', ...args, '--json', '--per-class']);
  assert.equal(code, 0, stderr);
  const report = JSON.parse(stdout);
  assert.equal(report.acc1, acc1);
  assert.ok(Math.abs(report.loss - loss) < 1e-6, `${report.loss} and ${loss}`);
  assert.deepEqual(
    report.classes.map(({ name, images }: { name: string; images: number }) => [name, images]),
    [
      ['blue', 4],
      ['red', 4],
    ],
  );
});

test('killed within an epoch, a resumed run ends as an uninterrupted one', async () => {
  const folder = join(root, 'killed');
  const killed = await edgeai(options(folder), {
    onOutput: (text, child) => {
      if (/epoch 2\/3 {2}2\/4/.test(text)) child.kill('SIGKILL');
    },
  });
  assert.equal(killed.signal, 'SIGKILL', killed.stdout + killed.stderr);
  const resumed = await edgeai(resume(folder));
  assert.equal(resumed.code, 0, resumed.stderr);
  assert.match(resumed.stdout, /continuing with epoch 2\/3/);
  assertSameAsWhole(folder);
});

test('killed while a checkpoint is being written, a resumed run ends as an uninterrupted one', async () => {
  const folder = join(root, 'killed-writing');
  let writes = 0;
  const killed = await edgeai(options(folder), {
    onStart: (child) => killDuringWrite(folder, child, () => ++writes === 3),
  });
  assert.equal(killed.signal, 'SIGKILL', killed.stdout + killed.stderr);
  assert.ok(
    readdirSync(folder).some((name) => /^\.(checkpoint|best)\.pth\..*\.tmp$/.test(name)),
    'the kill did not come within a write',
  );
  const resumed = await edgeai(resume(folder));
  assert.equal(resumed.code, 0, resumed.stderr);
  assertSameAsWhole(folder);
});

/** Kills the process when the temporary file of a checkpoint has appeared and `isTheOne` agrees. */
function killDuringWrite(folder: string, child: ChildProcess, isTheOne: () => boolean): void {
  const seen = new Set<string>();
  const timer = setInterval(() => {
    if (!existsSync(folder)) return;
    clearInterval(timer);
    const watcher = watch(folder, (_, name) => {
      if (name === null || !/^\.(checkpoint|best)\.pth\..*\.tmp$/.test(name) || seen.has(name)) return;
      seen.add(name);
      if (isTheOne()) child.kill('SIGKILL');
    });
    child.on('exit', () => watcher.close());
  }, 5);
  child.on('exit', () => clearInterval(timer));
}

test('Ctrl-C saves, says how to go on, and exits with 130', async () => {
  const folder = join(root, 'stopped');
  let sent = false;
  const stopped = await edgeai(options(folder, '--checkpoint-freq', '3'), {
    onOutput: (text, child) => {
      if (sent || !/epoch 2\/3 {2}1\/4/.test(text)) return;
      sent = true;
      child.kill('SIGINT');
    },
  });
  assert.equal(stopped.code, 130, stopped.stdout + stopped.stderr);
  assert.match(stopped.stdout, /stopped in epoch 2\/3/);
  const [, command = ''] = /Continue with:\n {2}edgeai (.*)/.exec(stopped.stdout) ?? [];
  const resumed = await edgeai(command.split(' '));
  assert.equal(resumed.code, 0, resumed.stderr);
  assert.match(resumed.stdout, /continuing with epoch 2\/3/);
  assertSameAsWhole(folder);
});
