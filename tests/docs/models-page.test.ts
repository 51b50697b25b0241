/** @file docs/models.md is what the registry says. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { modelsPage } from '../../packages/edgeai/scripts/models-page.ts';
import { models } from '../../packages/edgeai/src/models/all-models.ts';

test('the page of all models is up to date', () => {
  const committed = readFileSync(new URL('../../docs/models.md', import.meta.url), 'utf8');
  const command = 'npx tsx --conditions=source packages/edgeai/scripts/generate-models-doc.ts';
  assert.ok(committed === modelsPage(), `docs/models.md is not what the registry says; write it anew with: ${command}`);
});

test('it has every model and every checkpoint', () => {
  const page = modelsPage();
  for (const name of models.listModels()) {
    assert.ok(page.includes(`| \`${name}\` |`), name);
    for (const { url } of models.getModelInfo(name).weights?.entries() ?? []) assert.ok(page.includes(`(${url})`), url);
  }
  assert.match(
    page,
    /\| `resnet18` \| \*\*IMAGENET1K_V1\*\* \| 11\.69 \| 1\.81 \| 69\.758 \| 89\.078 \| 224×224 \| \[44\.7 MB\]/,
  );
});
