/** @file Every recipe of edgeailite's scripts resolves to a network that can be built, with the options that its data set asks for. */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { datasets } from '@edgeai/xvision';
import { parse } from 'yaml';

import { models } from '../../models/all-models.ts';
import { buildModel } from '../../models/build-model.ts';
import { classification } from '../../recipes/classification-options.ts';
import { type DenseConfig, type DenseTaskName, denseTasks } from '../../recipes/dense-options.ts';
import { resolveRecipe } from '../../recipes/resolve.ts';
import { kindsOf } from './maps.ts';
import { networkOptions } from './network.ts';

const folder = fileURLToPath(new URL('../../../../../recipes/edgeailite/', import.meta.url));
const recipes = readdirSync(folder).filter((name) => name.endsWith('.yaml'));

/** Classes of the data sets; the files themselves are not needed to build a network for them. */
const CLASSES: Readonly<Record<string, number>> = {
  cityscapes: 19,
  cityscapes5: 5,
  ade20k32: 32,
  coco21: 21,
  camvid: 11,
};

function targetsOf(config: DenseConfig): datasets.TargetInfo[] {
  return kindsOf(config).map((kind): datasets.TargetInfo => {
    if (kind === 'depth') return { kind, max: config.maxDepth };
    if (kind === 'flow') return { kind };
    const count = kind === 'motion' ? 2 : CLASSES[config.dataset];
    assert.ok(count !== undefined, `how many classes has ${config.dataset}?`);
    return { kind, classes: Array.from({ length: count }, (_, i) => `${i}`), palette: [], classWeights: null };
  });
}

/** The network of a recipe and the options that it is built with. */
function networkOf(name: string): { model: string; options: Parameters<typeof buildModel>[1] } {
  const file = join(folder, name);
  const { task } = parse(readFileSync(file, 'utf8')) as { task: string };
  const flags = { dataPath: 'data' };
  if (task === 'classification') {
    const { config } = resolveRecipe(classification, { file, flags });
    return { model: config.model, options: config.modelOption };
  }
  const { config } = resolveRecipe(denseTasks[task as DenseTaskName], { file, flags });
  if (config.weights !== null) assert.ok(models.getWeight(config.weights).url, name);
  return { model: config.model, options: networkOptions(config, targetsOf(config), config.quantization !== null) };
}

test('every recipe of edgeailite builds its network', () => {
  assert.ok(recipes.length >= 50);
  const built = new Set<string>();
  for (const name of recipes) {
    const { model, options } = networkOf(name);
    assert.ok(name.startsWith(model), `${name} trains ${model}`);
    assert.ok(models.listModels().includes(model), name);
    // Those without options are built by the tests of all models; the number of classes or the order of colours makes no other network.
    const counts = (key: string, value: unknown) => (key === 'outputChannels' ? undefined : value);
    const key = JSON.stringify([model.replace('_bgr', ''), options], counts);
    if (Object.keys(options ?? {}).length === 0 || built.has(key)) continue;
    built.add(key);
    buildModel(model, options).dispose();
  }
});

test('a network that is trained for integers is the one that its float recipe trained', () => {
  for (const name of recipes.filter((recipe) => recipe.endsWith('.qat.yaml'))) {
    const float = name.replace('.qat.yaml', '.yaml');
    assert.ok(recipes.includes(float), `${name} has no ${float}`);
    const [before, after] = [networkOf(float), networkOf(name)];
    const { rawOutputs: _, ...options } = after.options as Record<string, unknown>;
    assert.deepEqual([after.model, options], [before.model, before.options], name);
  }
});
