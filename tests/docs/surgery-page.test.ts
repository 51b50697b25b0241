/** @file docs/surgery.md lists every rule as it describes itself. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { surgery } from '@edgeai/modelopt';

test('the page of surgery has every rule, in order', () => {
  const page = readFileSync(new URL('../../docs/surgery.md', import.meta.url), 'utf8');
  const rows = surgery.surgeryRules.map(
    (rule) => `| \`${rule.id}\` | ${rule.summary} | ${rule.preserves} | ${rule.weights} |`,
  );
  assert.ok(page.endsWith(`${rows.join('\n')}\n`), `expected the table to be:\n${rows.join('\n')}`);
});
