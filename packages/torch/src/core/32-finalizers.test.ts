/** @file 32 · The safety net: tensors outside every scope are freed by the garbage collector, which is told their sizes. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memory } from '../runtime/memory.ts';
import { runChild } from '../testing/child.ts';
import { collectGarbage } from '../testing/garbage.ts';
import { ones } from './creation.ts';
import { keep, scope } from './scope.ts';

test('tensors that nothing refers to are released after a collection', async () => {
  await collectGarbage();
  const before = memory().tensors;
  (() => {
    for (let i = 0; i < 500; i++) ones([10]).add(1);
    for (let i = 0; i < 10; i++) scope(() => keep(ones([10])));
  })();
  assert.equal(memory().tensors - before, 1010);
  await collectGarbage();
  assert.equal(memory().tensors - before, 0);
});

test('a handle given by hand is not released again by the collector', async () => {
  await collectGarbage();
  const before = memory().tensors;
  (() => {
    for (let i = 0; i < 100; i++) ones([10]).dispose();
    for (let i = 0; i < 100; i++) {
      const escaped = ones([1]);
      scope(() => escaped.add(1));
      escaped.dispose();
    }
  })();
  // New tensors take the slots over; a second release of the old handles would hit them.
  const alive = Array.from({ length: 200 }, (_, i) => ones([1]).mul(i));
  await collectGarbage();
  assert.deepEqual(
    alive.map((t) => t.item()),
    alive.map((_, i) => i),
  );
  for (const t of alive) t.dispose();
  await collectGarbage();
  assert.equal(memory().tensors - before, 0);
});

test('a loop that yields but never releases stays within bounds, since V8 is told the sizes', async () => {
  // 1,000 tensors of 4 MB.
  const { output } = await runChild(`
    const { ones } = await import('@edgeai/torch');
    for (let i = 0; i < 1000; i++) {
      ones([1024, 1024]);
      if (i % 10 === 9) await new Promise((resolve) => setImmediate(resolve));
    }
    console.log(process.resourceUsage().maxRSS / 1024);
  `);
  assert.ok(Number(output) < 1500, `peak of ${output} MB`);
});
