/** @file 50 · Threads: each loads the addon and has tensors of its own; tickets carry tensors across without a copy. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { ones, tensor } from '../core/creation.ts';
import { scope } from '../core/scope.ts';
import type { Tensor } from '../core/tensor.ts';
import { addonPath, native } from '../native.ts';
import { runChild } from '../testing/child.ts';
import { startWorker } from '../testing/worker.ts';
import { adoptTensor, expectNoLeaks, exportTensor, memory } from './memory.ts';

/** A worker that is asked and answers, one question at a time. */
class Helper {
  readonly worker = startWorker(new URL('./threads-worker.ts', import.meta.url));

  static async start(): Promise<Helper> {
    const helper = new Helper();
    // A test that fails must not keep the process alive.
    helper.worker.unref();
    await once(helper.worker, 'message');
    return helper;
  }

  async ask(command: string, value?: unknown): Promise<unknown> {
    this.worker.postMessage({ command, value });
    const [answer] = await once(this.worker, 'message');
    return answer;
  }

  async stop(): Promise<void> {
    await this.worker.terminate();
  }
}

test('two workers compute at once, and get what one gets', async () => {
  const helpers = await Promise.all([Helper.start(), Helper.start()]);
  const [a, b] = helpers as [Helper, Helper];
  // The random generator belongs to the process, so the seeded runs come one after another.
  const first = await a.ask('compute', 7);
  assert.equal(await b.ask('compute', 7), first);
  assert.equal(typeof first, 'number');
  await Promise.all(
    helpers.map(async (helper) => {
      for (let i = 0; i < 20; i++) await helper.ask('compute', i);
    }),
  );
  assert.deepEqual(await Promise.all(helpers.map((h) => h.ask('memory'))), [0, 0]);
  assert.equal(await a.ask('threads'), 1);
  await Promise.all(helpers.map((h) => h.stop()));
});

test('tensors travel both ways without a copy, and tickets are redeemed once', async () => {
  const helper = await Helper.start();
  await expectNoLeaks(async () => {
    const mine = ones([4]);
    assert.deepEqual(await helper.ask('adopt', exportTensor(mine)), [2, 2, 2, 2]);
    // The worker changed it in place: both see the same memory.
    assert.deepEqual(mine.toArray(), [2, 2, 2, 2]);
    mine.dispose();
    const ticket = (await helper.ask('export', 3)) as number;
    assert.equal(native.inTransit(), 1);
    const theirs = adoptTensor(ticket);
    assert.deepEqual(theirs.toArray(), [3, 3, 3, 3]);
    assert.throws(() => adoptTensor(ticket), /adopted already, or was never exported/);
    const answer = await helper.ask('adopt', ticket);
    assert.match((answer as { error: string }).error, /adopted already/);
    theirs.dispose();
    assert.equal(native.inTransit(), 0);
  });
  await helper.stop();
});

test('tickets that never were are refused', () => {
  for (const wrong of [0, -1, 1e9, 0.5, Number.NaN, 2 ** 60, '1', undefined, null, {}]) {
    assert.throws(() => adoptTensor(wrong as never), /adopted already|the number that exportTensor gave/);
  }
});

test('a tensor with history stays on its thread; a leaf travels with its flag', () => {
  scope(() => {
    const x = ones([2], { requiresGrad: true });
    assert.throws(() => exportTensor(x.mul(2)), /history of operators cannot be handed to another thread; detach/);
    assert.equal(adoptTensor(exportTensor(x)).requiresGrad, true);
    assert.deepEqual(adoptTensor(exportTensor(x.mul(2).detach())).toArray(), [2, 2]);
  });
});

test('handles of one thread mean nothing in another', async () => {
  const helper = await Helper.start();
  const t = ones([1]);
  const answer = (await helper.ask('adopt', t)) as { error: string };
  assert.match(answer.error, /the number that exportTensor gave/);
  t.dispose();
  await helper.stop();
});

test('what a worker exported outlives it, also when it came from one of its arrays', async () => {
  const helper = await Helper.start();
  const tickets = [await helper.ask('export', 5), await helper.ask('exportShared')] as number[];
  await helper.ask('litter');
  await helper.stop();
  await new Promise((resolve) => setTimeout(resolve, 20));
  await expectNoLeaks(() =>
    scope(() => {
      const [plain, shared] = tickets.map(adoptTensor) as [Tensor, Tensor];
      assert.deepEqual(
        [plain.toArray(), shared.toArray()],
        [
          [5, 5, 5, 5],
          [1, 2, 3],
        ],
      );
    }),
  );
});

test('a tensor that a worker adopted and kept stays ours when the worker ends', async () => {
  const helper = await Helper.start();
  const t = tensor([1, 2, 3]);
  await helper.ask('adoptAndKeep', exportTensor(t));
  await helper.stop();
  assert.deepEqual(t.toArray(), [1, 2, 3]);
  t.dispose();
});

test('workers can be stopped in the middle of an operator, and in a gradient hook', async () => {
  for (const inHook of [false, true]) {
    const helper = await Helper.start();
    assert.equal(await helper.ask('loop', inHook), 'looping');
    await new Promise((resolve) => setTimeout(resolve, 20));
    await helper.stop();
  }
  assert.deepEqual(
    scope(() => ones([2]).add(1).toArray()),
    [2, 2],
  );
});

test('a hook of an ended worker is an error where its tensor is used, not a crash', async () => {
  const helper = await Helper.start();
  const ticket = (await helper.ask('exportHooked')) as number;
  await helper.stop();
  await expectNoLeaks(() =>
    scope(() => {
      const x = adoptTensor(ticket);
      assert.throws(() => x.mul(2).backward(), /outlived the thread that it runs on/);
      x.detach().requiresGrad_().mul(2).backward();
    }),
  );
});

/**
 * A worker that uses the addon alone, which starts in milliseconds: it computes, leaves tensors, a graph, a hook, a shared
 * array and a generator behind, and then waits, exits by itself or never returns.
 */
const LITTERING = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { path, ending } = workerData;
  const addon = require(path);
  addon.initialise({ TorchError: Error, TensorDisposedError: Error, ArgumentError: Error, scratch: new Float64Array(8) });
  addon.setNumThreads(1);
  const call = (name, overload, ...args) => addon.call(addon.findOperator('aten::' + name, overload).id, ...args);
  const x = call('ones', '', [64, 64]);
  addon.setRequiresGrad(x, true);
  addon.registerHook(x, (g) => g);
  addon.backward([call('sum', '', call('matmul', '', x, x))], undefined, true, false);
  addon.fromBytes(new Float32Array(1000), 'float32', [1000], true);
  call('rand', 'generator', [4], addon.newGenerator('cpu'));
  parentPort.postMessage(addon.memory().tensors);
  if (ending === 'exit') process.exit(0);
  if (ending === 'loop') for (;;) addon.release(call('matmul', '', x, x));
  if (ending === 'hook') {
    addon.registerHook(x, () => { for (;;) addon.release(call('matmul', '', x, x)); });
    addon.backward([call('sum', '', x)], undefined, true, false);
  }
  parentPort.on('message', () => {});
`;

test('50 workers, started and stopped with live tensors, leave the process healthy and its memory flat', async () => {
  const { output } = await runChild(
    `
    import { once } from 'node:events';
    import { Worker } from 'node:worker_threads';
    const endings = ['wait', 'exit', 'loop', 'hook'];
    const path = process.env.ADDON;
    const cycle = async (i) => {
      const ending = endings[i % endings.length];
      const worker = new Worker(process.env.LITTERING, { eval: true, workerData: { path, ending } });
      const exited = once(worker, 'exit');
      const [tensors] = await once(worker, 'message');
      if (tensors !== 5) throw new Error('the worker has ' + tensors + ' tensors');
      if (ending !== 'exit') await worker.terminate();
      await exited;
    };
    const sizes = [];
    for (let i = 0; i < 50; i += 5) {
      await Promise.all([0, 1, 2, 3, 4].map((k) => cycle(i + k)));
      sizes.push(Math.round(process.memoryUsage().rss / 2 ** 20));
    }
    const { memory, scope, ones } = await import('@edgeai/torch');
    console.log(JSON.stringify({ sizes, tensors: memory().tensors, value: scope(() => ones([2]).sum().item()) }));
  `,
    { env: { OMP_NUM_THREADS: '1', ADDON: addonPath(), LITTERING } },
  );
  const { sizes, tensors, value } = JSON.parse(output) as { sizes: number[]; tensors: number; value: number };
  assert.deepEqual([tensors, value], [0, 2]);
  const [early = 0, last = 0] = [sizes[2], sizes.at(-1)];
  assert.ok(last - early < 60, `resident memory grew: ${sizes.join(', ')} MB`);
});

test('memory() counts this thread alone', async () => {
  const helper = await Helper.start();
  const before = memory().tensors;
  await helper.ask('litter');
  assert.equal(memory().tensors, before);
  assert.equal(await helper.ask('memory'), 4);
  await helper.stop();
});
