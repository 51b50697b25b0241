/** @file Choosing models of the zoo by name and figures, and their order. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { UsageError } from '../errors.ts';
import { filterRows, sortRows, type ZooRow, zooRows } from './zoo-rows.ts';

const all = zooRows();
const names = (rows: readonly ZooRow[]) => rows.map(({ name }) => name);
const chosen = (filter: string) => names(filterRows(all, filter));

test('one of the patterns must match, and every comparison hold', () => {
  assert.deepEqual(chosen('resnet??,vgg11'), ['resnet18', 'resnet34', 'resnet50', 'vgg11']);
  assert.deepEqual(chosen('resnet*_x*,params<20'), ['resnet18_x1', 'resnet50_xp5']);
  assert.deepEqual(chosen(' resnet* , acc1 >= 81 '), ['resnet101', 'resnet152']);
  assert.equal(chosen('').length, all.length);
  assert.deepEqual(chosen('nothing*'), []);
});

test('figures with and without units, results by their own names', () => {
  assert.deepEqual(chosen('params<1.3,acc1>57'), ['squeezenet1_0', 'squeezenet1_1']);
  assert.deepEqual(chosen('macs<100M'), chosen('macs<0.1'));
  assert.deepEqual(chosen('params>0.3G'), chosen('params>300M'));
  assert.deepEqual(chosen('size>=1GB'), chosen('size>=1024'));
  assert.ok(chosen('miou>60').every((name) => /^(fcn|deeplab)/.test(name)) && chosen('miou>60').length > 0);
  assert.deepEqual(chosen('acc@1>88'), chosen('acc1>88%'));
  assert.deepEqual(
    chosen('fl_all<6'),
    ['raft_large'].filter((name) => chosen('flall<6').includes(name)),
  );
});

test('what cannot be read is refused with advice', () => {
  assert.throws(() => chosen('parms<5'), /no figure 'parms'; did you mean 'params'/);
  assert.throws(() => chosen('params<five'), /expected a comparison such as params<5/);
  assert.throws(() => chosen('params<5%'), /the unit of params must be one of k, m, g, b but is '%'/);
  assert.throws(() => zooRows('classificaton'), /did you mean 'classification'/);
  assert.throws(() => zooRows('depths'), UsageError);
});

test('rows are sorted by a figure; those without it come last', () => {
  const ours = 'resnet??,resnet???';
  const ranked = names(sortRows(filterRows(all, ours), 'params'));
  assert.deepEqual(ranked, ['resnet18', 'resnet34', 'resnet50', 'resnet101', 'resnet152']);
  assert.deepEqual(names(sortRows(filterRows(all, ours), 'size', true)), ranked.toReversed());
  assert.deepEqual(names(sortRows(all, 'name', true)), names(all).toReversed());
  const [row] = all;
  assert.ok(row !== undefined);
  const without: ZooRow = { ...row, name: 'own', params: null };
  assert.equal(sortRows([without, ...all], 'params').at(-1), without);
  assert.equal(sortRows([without, ...all], 'params', true).at(-1), without);
});
