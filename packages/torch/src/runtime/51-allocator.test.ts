/** @file 51 · Memory of large tensors that was released is used again without the system's help. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { zeros } from '../core/creation.ts';
import { scope } from '../core/scope.ts';

/** Linux with the allocator that is set up. */
const hasGlibc =
  process.platform === 'linux' && 'glibcVersionRuntime' in (process.report.getReport() as { header: object }).header;

test('one large tensor after another takes few new pages', { skip: !hasGlibc }, () => {
  const mebibytes = 36;
  const fill = () => scope(() => void zeros([mebibytes, 2 ** 20], { dtype: 'uint8' }).add_(1));
  for (let i = 0; i < 6; i++) fill();
  // Some blocks settle elsewhere at first; without the setting every page comes anew each time.
  const before = process.resourceUsage().minorPageFault;
  for (let i = 0; i < 6; i++) fill();
  const faults = process.resourceUsage().minorPageFault - before;
  const pagesOfAll = 6 * mebibytes * 256;
  assert.ok(faults < pagesOfAll * 0.7, `${faults} pages of ${pagesOfAll} came anew`);
});
