/**
 * @file Writes src/models/fixtures/*.json: what the registered models must look like and compute, from recordings of torchvision.
 *
 * `node packages/vision/scripts/make-model-fixtures.mjs RECORDINGS NAME…` where RECORDINGS is a folder with
 * `golden/torchvision.json` (outputs of models filled by the rule of src/testing/fill.ts, which Python computed) and
 * `statedict/torchvision/<name>.json` (keys and shapes of each state dict, in order). From a state dict only the number of its
 * entries and a SHA-256 are kept. NAME may be `fcn_resnet50@COCO_WITH_VOC_LABELS_V1`: a checkpoint with other keys than a new model.
 * `golden/torchvision.json` also has trainings of two steps.
 */

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [recordings, ...names] = process.argv.slice(2);
if (recordings === undefined || names.length === 0) {
  console.error('usage: node make-model-fixtures.mjs RECORDINGS NAME…');
  process.exit(2);
}
/** @param {string} path */
const read = (path) => JSON.parse(readFileSync(join(recordings, path), 'utf8'));

/** @type {Record<string, {entries: number, sha256: string}>} */
const stateDicts = {};
for (const name of names) {
  const lines = Object.entries(read(`statedict/torchvision/${name}.json`)).map(
    ([key, shape]) => `${key} ${shape.join(',')}\n`,
  );
  stateDicts[name] = { entries: lines.length, sha256: createHash('sha256').update(lines.join('')).digest('hex') };
}

const golden = read('golden/torchvision.json');
/** @type {Record<string, unknown>} */
const outputs = {};
for (const [key, record] of Object.entries(golden.models)) {
  if (!names.includes(record.builder)) continue;
  const { builder, kwargs, gain, inputs, fill_sum32 } = record;
  // Optical flow repeats itself: its first and last result are enough.
  const all = Object.entries(record.outputs);
  const kept = Object.fromEntries(all.filter(([name], i) => !/^\d+$/.test(name) || i === 0 || i === all.length - 1));
  outputs[key] = { builder, kwargs, gain, inputs, fillSum: fill_sum32, outputs: kept };
}

/** @type {Record<string, unknown>} */
const trainings = {};
for (const [key, record] of Object.entries(golden.train_steps)) {
  if (!names.includes(record.builder)) continue;
  const { builder, gain, input, input_index, targets, steps } = record;
  trainings[key] = { builder, gain, input, inputIndex: input_index, targets, steps };
}

const { selfcheck } = golden.meta;
/** @param {string} file @param {unknown} content */
const write = (file, content) =>
  writeFileSync(new URL(`../src/models/fixtures/${file}`, import.meta.url), `${JSON.stringify(content, null, 1)}\n`);
write('state-dicts.json', stateDicts);
write('outputs.json', {
  madeWith: `torchvision ${golden.meta.torchvision}, torch ${golden.meta.torch}`,
  selfcheck,
  outputs,
});
write('trainings.json', trainings);
