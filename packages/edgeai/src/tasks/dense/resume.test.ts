/** @file Every dense task: a training that is killed within an epoch and resumed ends with the weights and figures of one that was not. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { load, scope, Tensor } from '@edgeai/torch';

import type { DenseTaskName } from '../../recipes/dense-options.ts';
import { configOf, measured, trainDense } from './testing.ts';

const root = mkdtempSync(join(tmpdir(), 'edgeai-dense-resume-'));
after(() => rmSync(root, { recursive: true, force: true }));

/** Both kinds of state beside the weights: random numbers of augmentation and dropout, and learned weights of the tasks. */
const FLAGS: Readonly<Record<DenseTaskName, Record<string, unknown>>> = {
  segmentation: {},
  depth: {},
  motion: {},
  multitask: { multiTaskType: 'uncertainty' },
};

const QUICK = { epochs: 2, tensorboardNumImgs: 0 };

/** Trains in a process of its own, with as many threads as this one, that ends itself, as by SIGKILL from outside, in the first step of the second epoch. */
async function killed(name: DenseTaskName, folder: string): Promise<void> {
  const script = `
    const { configOf, trainDense } = await import(${JSON.stringify(new URL('./testing.ts', import.meta.url).href)});
    const config = configOf('${name}', ${JSON.stringify(folder)}, ${JSON.stringify({ ...QUICK, ...FLAGS[name] })});
    await trainDense('${name}', config, (step) => step === 4 && process.kill(process.pid, 'SIGKILL'));`;
  const args = ['--import', 'tsx', '--conditions=source', '--input-type=module', '-e', script];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const [, signal] = await once(child, 'exit');
  assert.equal(signal, 'SIGKILL');
}

/** The weights in a checkpoint, bit for bit. */
function weights(folder: string): Record<string, string> {
  return scope(() => {
    const { model, companion } = load(join(folder, 'checkpoint.pth')) as Record<string, Record<string, unknown>>;
    return Object.fromEntries(
      Object.entries({ ...model, ...companion }).map(([key, value]) => [
        key,
        value instanceof Tensor ? Buffer.from(value.toTypedArray().buffer).toString('base64') : String(value),
      ]),
    );
  });
}

for (const name of Object.keys(FLAGS) as DenseTaskName[]) {
  test(`${name}: killed and resumed, as uninterrupted`, async () => {
    const [whole, parts] = [join(root, `${name}-whole`), join(root, `${name}-parts`)];
    const flags = { ...QUICK, ...FLAGS[name] };
    const [, outcome] = await Promise.all([killed(name, parts), trainDense(name, configOf(name, whole, flags))]);
    assert.equal(outcome.status, 'complete');
    const resumed = await trainDense(name, configOf(name, parts, { ...flags, resume: 'auto' }));
    assert.equal(resumed.status, 'complete');
    assert.deepEqual(measured(parts), measured(whole));
    assert.deepEqual(weights(parts), weights(whole));
  });
}
