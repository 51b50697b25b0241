/** @file A sweep of learning rates suggests one that trains, shows its curve, and leaves no checkpoint. */

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { Progress } from '../cli/progress.ts';
import { plain } from '../cli/style.ts';
import { Interrupt } from '../interrupt.ts';
import { findLearningRate } from './lr-find.ts';
import { judge, type SweepOptions } from './lr-sweep.ts';
import { openToy, toyConfig } from './testing.ts';

const root = mkdtempSync(join(tmpdir(), 'edgeai-lr-find-'));
after(() => rmSync(root, { recursive: true, force: true }));

async function find(name: string, sweep: SweepOptions, flags: Record<string, unknown> = {}) {
  using interrupt = new Interrupt({ source: { on: () => {}, off: () => {} }, exit: () => {} });
  const progress = new Progress({ stream: { write: () => true }, terminal: false });
  const config = toyConfig(join(root, name), { lrWarmupEpochs: 1, ...flags });
  return findLearningRate({ config, openTask: openToy, sweep, progress, style: plain, interrupt });
}

test('the rate grows by equal factors until the loss explodes; the same seed finds the same', async () => {
  const options = { low: 1e-5, high: 1000, steps: 60 };
  const found = await find('sgd', options);
  const { points, suggestion, lowestLossAt, complete } = found;
  assert.ok(complete);
  // Five batches an epoch: the data was gone through many times.
  assert.ok(points.length > 20 && points.length < 60, `${points.length} steps`);
  const factor = (1000 / 1e-5) ** (1 / 59);
  for (const [i, { rate }] of points.entries()) assert.ok(Math.abs(rate / (1e-5 * factor ** i) - 1) < 1e-9);
  assert.ok(suggestion !== null && lowestLossAt !== null);
  assert.ok(suggestion > 1e-3 && suggestion < 5, `suggested: ${suggestion}`);
  assert.ok(suggestion < lowestLossAt);
  const again = await find('again', options);
  assert.deepEqual(again.points, points);

  assert.deepEqual(readdirSync(join(root, 'sgd')).sort(), ['lr-find.json', 'lr-find.log', 'lr-find.svg']);
  const written = JSON.parse(readFileSync(found.files.json, 'utf8'));
  assert.deepEqual([written.suggestion, written.points.length, written.options], [suggestion, points.length, options]);
  assert.match(readFileSync(found.files.chart, 'utf8'), /<svg[\s\S]*suggested: [\d.]+[\s\S]*<\/svg>/);
});

test('the suggestion is where the loss falls most, and none where it only grows', () => {
  const curve = (of: (log: number) => number) =>
    Array.from({ length: 41 }, (_, i) => {
      const log = -5 + i / 8;
      return { rate: 10 ** log, loss: 0, smoothed: of(log) };
    });
  // A step down at 1e-3, up again at 1e-1.
  const step = (log: number, at: number) => 1 / (1 + Math.exp(-8 * (log - at)));
  const { suggestion, lowestLossAt } = judge(curve((log) => 2 - step(log, -3) + 4 * step(log, -1)));
  assert.ok(Math.abs(Math.log10(suggestion ?? 0) + 3) < 0.2, `${suggestion}`);
  assert.ok((lowestLossAt ?? 0) > 1e-3 && (lowestLossAt ?? 1) < 1e-1);
  assert.equal(judge(curve((log) => log)).suggestion, null);
});
