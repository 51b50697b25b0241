/** @file The worker of threads.test.ts: does what it is told with the engine, and answers. */

import { parentPort } from 'node:worker_threads';
import { noGrad } from '../autograd/modes.ts';
import { fromSharedArray, ones, rand, tensor } from '../core/creation.ts';
import { manualSeed } from '../core/generator.ts';
import { keep, scope } from '../core/scope.ts';
import type { Tensor } from '../core/tensor.ts';
import { adoptTensor, exportTensor, memory } from './memory.ts';
import { getNumThreads, setNumThreads } from './settings.ts';

const port = parentPort;
if (port === null) throw new Error('threads-worker.ts is started as a worker');

setNumThreads(1);
const kept: Tensor[] = [];

const COMMANDS: Record<string, (value: never) => unknown> = {
  /** Live handles of this thread. */
  memory: () => memory().tensors,
  threads: () => getNumThreads(),
  /** A sum over random matrices, with a backward, from a seed. */
  compute: (seed: number) =>
    scope(() => {
      const { grad } = (() => {
        manualSeed(seed);
        const w = rand([8, 8], { requiresGrad: true });
        w.matmul(w).relu().sum().backward();
        return w;
      })();
      return grad?.sum().item();
    }),
  /** Exports a tensor filled with `value`, and keeps none of it. */
  export: (value: number) => scope(() => exportTensor(ones([4]).mul(value))),
  exportShared: () => scope(() => exportTensor(fromSharedArray(new Float32Array([1, 2, 3]), [3]))),
  exportHooked: () =>
    scope(() => {
      const x = tensor([1], { dtype: 'float32', requiresGrad: true });
      x.registerHook((g) => g.mul(2));
      return exportTensor(x);
    }),
  /** Adopts a tensor, adds to it in place, and returns its values. */
  adopt: (ticket: number) => scope(() => noGrad(() => adoptTensor(ticket).add_(1)).toArray()),
  adoptAndKeep: (ticket: number) => kept.push(keep(adoptTensor(ticket))),
  /** Leaves live tensors, graphs and hooks behind. */
  litter: () => {
    const x = keep(tensor([1], { dtype: 'float32', requiresGrad: true }));
    x.registerHook((g) => g.mul(2));
    kept.push(x, keep(x.mul(2).exp()), keep(fromSharedArray(new Float32Array(1000), [1000])));
    return kept.length;
  },
  /** Answers first, then never returns. */
  loop: (inHook: boolean) => {
    port.postMessage('looping');
    if (inHook) {
      const x = tensor([1], { dtype: 'float32', requiresGrad: true });
      x.registerHook(() => {
        for (;;) scope(() => ones([100]).add(1));
      });
      x.mul(2).backward();
    }
    for (;;) scope(() => ones([100, 100]).matmul(ones([100, 100])));
  },
};

port.on('message', ({ command, value }: { command: string; value: never }) => {
  try {
    port.postMessage(COMMANDS[command]?.(value));
  } catch (error) {
    port.postMessage({ error: error instanceof Error ? error.message : String(error) });
  }
});
port.postMessage('ready');
