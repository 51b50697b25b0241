/** @file Every edgeailite network has the recorded keys and shapes, and gives the recorded outputs. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { type nn, noGrad, scope, type Tensor } from '@edgeai/torch';
import { getModel, listModels } from '@edgeai/vision';
import { fillModel, makeInput, relativeL2 } from '@edgeai/vision/testing/fill';
import './index.ts';

interface StateRecord {
  model: string;
  options: Record<string, unknown>;
  entries: number;
  crc32: number;
}
interface RunRecord {
  name: string;
  model: string;
  options: Record<string, unknown>;
  gain: number;
  fillSum: number;
  inputs: number[][];
  outputs: { shape: number[]; dtype: string; first: number[]; even: number[]; histogram?: Record<string, number> }[];
}

// Recorded by scripts/make-model-fixtures.py.
const read = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8')) as T;
const states = read<StateRecord[]>('state-dicts.json');
const runs = read<RunRecord[]>('outputs.json');
const full = process.env.EDGEAI_FULL === '1';

/** Networks that are looked at without EDGEAI_FULL=1: one of each encoder and decoder, and all variants. */
function quick({ name, model, inputs }: RunRecord): boolean {
  const [first = []] = inputs;
  const small = (first[2] ?? 0) <= 128;
  return small && (!/resnet50|3p2gf|1p6gf|224/.test(name) || model === 'fpn_aspp_resnet50_edgeailite');
}
const heavy = /resnet50|vgg|3p2gf|1p6gf|_bgr/;

test('the registry lists them', () => {
  const names = listModels({ module: 'edgeailite' });
  const recorded = new Set(states.map(({ model }) => model));
  assert.deepEqual(
    [...recorded].filter((name) => !names.includes(name)),
    [],
  );
});

for (const { model, options, entries, crc32: expected } of states) {
  const label = `${model} ${JSON.stringify(options)}: keys, shapes and order`;
  test(label, { skip: full || !heavy.test(model) ? false : 'runs with EDGEAI_FULL=1' }, () => {
    const net = getModel(model, options);
    const lines = Object.entries(net.stateDict()).map(([key, tensor]) => `${key} ${tensor.shape.join(',')}`);
    assert.equal(lines.length, entries);
    assert.equal(crc32(lines.join('\n')), expected);
    net.dispose();
  });
}

for (const record of runs) {
  const { name, model, options, gain, fillSum, inputs, outputs } = record;
  const label = `${name} at ${inputs[0]?.join('×')}: outputs`;
  test(label, { skip: full || quick(record) ? false : 'runs with EDGEAI_FULL=1' }, () => {
    const net = getModel<nn.Module<Tensor[], Tensor | Tensor[]>>(model, options).eval();
    assert.equal(fillModel(net, gain, { order: 'sorted' }), fillSum);
    scope(() => {
      const made = noGrad(() => net(...inputs.map((shape, i) => makeInput(shape, i))));
      const maps = Array.isArray(made) ? made : [made];
      assert.equal(maps.length, outputs.length);
      for (const [i, map] of maps.entries()) check(map, outputs[i] as RunRecord['outputs'][number]);
    });
    net.dispose();
  });
}

function check(map: Tensor, expected: RunRecord['outputs'][number]): void {
  assert.deepEqual(map.shape, expected.shape);
  assert.equal(map.dtype, expected.dtype);
  const values = Array.from(map.reshape([-1]).toTypedArray() as Iterable<number | bigint>, Number);
  const last = values.length - 1;
  const even = Array.from({ length: 16 }, (_, i) => values[Math.floor((i * last) / 15)] ?? Number.NaN);
  const picked = [...values.slice(0, 16), ...even];
  const wanted = [...expected.first, ...expected.even];
  if (expected.histogram === undefined) {
    assert.ok(relativeL2(picked, wanted) < 1e-4, `relative difference ${relativeL2(picked, wanted)}`);
    return;
  }
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  // Two classes that are nearly equal may change places in a few pixels.
  const moved = Object.entries(expected.histogram).reduce(
    (sum, [value, count]) => sum + Math.abs((counts.get(Number(value)) ?? 0) - count),
    0,
  );
  assert.ok(moved / values.length < 1e-3, `${moved} of ${values.length} pixels have another class`);
}
