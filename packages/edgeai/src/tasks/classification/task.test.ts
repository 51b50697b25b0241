/** @file A classification task as a recipe opens it. */

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { zeros } from '@edgeai/torch';
import { io } from '@edgeai/vision';

import { classification } from '../../recipes/classification-options.ts';
import { resolveRecipe } from '../../recipes/resolve.ts';
import { openClassification } from './task.ts';

const root = mkdtempSync(join(tmpdir(), 'edgeai-task-'));
after(() => rmSync(root, { recursive: true, force: true }));

for (const name of ['cat', 'dog'])
  for (const split of ['train', 'val']) {
    mkdirSync(join(root, split, name), { recursive: true });
    await io.writePng(zeros([3, 4, 4], { dtype: 'uint8' }), join(root, split, name, 'a.png'));
  }

const open = (freeze: string, log: string[] = []) => {
  const flags = { dataPath: root, model: 'mobilenet_v3_small', freeze };
  const note = (message: string) => void log.push(message);
  return openClassification(resolveRecipe(classification, { flags }).config, { info: note, warn: note });
};

test('frozen parts are not trained, and a pattern that matches nothing is refused', async () => {
  const log: string[] = [];
  const { model } = await open('features, classifier.0.*', log);
  const trained = Array.from(model.namedParameters()).flatMap(([name, { requiresGrad }]) =>
    requiresGrad ? [name] : [],
  );
  assert.deepEqual(trained, ['classifier.3.weight', 'classifier.3.bias']);
  assert.ok(log.some((line) => /^frozen: \d+ of \d+ parameter tensors$/.test(line)));
  await assert.rejects(
    open('features,backbone'),
    /No parameter matches 'backbone'; the network's parts: features, classifier/,
  );
});
