/**
 * @file Long run of a loader with workers: `node bench/loader-soak.mjs [--batches N] [--workers N]`. Reads a small packed data set
 * over and over, interrupts iterations, lets workers fail, and checks that tensors, threads, file handles and memory do not grow.
 */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { data, manualSeed, memory, randint, setNumThreads } from '@edgeai/torch';
import { datasets, transforms } from '@edgeai/vision';

const { values } = parseArgs({
  options: { batches: { type: 'string', default: '2000' }, workers: { type: 'string', default: '2' } },
});
const wanted = Number(values.batches);
/** Of resident memory, that the allocator's noise may make, in MiB. */
const TOLERATED_MIB = 24;

setNumThreads(1);
manualSeed(0);
const folder = mkdtempSync(join(tmpdir(), 'edgeai-soak-'));
const file = join(folder, 'images.pack');
const images = {
  length: 256,
  classes: ['a', 'b'],
  get: (index) => [randint(0, 256, [3, 32, 32], { dtype: 'uint8' }), index % 2],
};
await datasets.packDataset(images, file);

const set = new datasets.PackedDataset(file, {
  transform: new transforms.Compose([new transforms.RandomResizedCrop(24), new transforms.ToTensor()]),
});
const loader = new data.DataLoader(set, {
  batchSize: 16,
  shuffle: true,
  workers: Number(values.workers),
  persistentWorkers: true,
});

function reading() {
  const status = readFileSync('/proc/self/status', 'utf8');
  const field = (name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]);
  return {
    tensors: memory().tensors,
    threads: field('Threads'),
    handles: readdirSync('/proc/self/fd').length,
    rssMiB: Math.round(field('VmRSS') / 1024),
  };
}

let batches = 0;
async function run(until) {
  for (let pass = 0; batches < until; pass++) {
    let left = pass % 7 === 3 ? 2 : Number.POSITIVE_INFINITY;
    for await (const _ of loader) {
      batches++;
      if (--left <= 0 || batches >= until) break;
    }
    // Threads that come and go, beside those that stay.
    if (pass % 50 === 49) {
      for await (const _ of new data.DataLoader(set, { batchSize: 64, workers: 1 })) break;
    }
  }
}

await run(Math.ceil(wanted / 5));
const early = reading();
console.log('after a fifth', JSON.stringify(early));
await run(wanted);
// Threads of the last iteration may still be on their way out.
await new Promise((resolve) => setTimeout(resolve, 500));
const late = reading();
console.log(`after ${batches} batches`, JSON.stringify(late));
await loader.close();
set.dispose();
rmSync(folder, { recursive: true });
const grown = Object.keys(early).filter((key) => late[key] - early[key] > (key === 'rssMiB' ? TOLERATED_MIB : 0));
if (grown.length > 0) {
  console.error(`grown: ${grown.join(', ')}`);
  process.exitCode = 1;
}
