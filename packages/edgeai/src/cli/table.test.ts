/** @file Tables, bars and text widths as a user sees them. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bar, renderBars } from './bars.ts';
import { formatDuration, formatNumber, formatRate } from './format.ts';
import { hasColours, plain, stylerFor } from './style.ts';
import { renderTable } from './table.ts';
import { displayWidth, pad, truncate } from './text-width.ts';

test('numbers stand right, texts left, a rule under the header', () => {
  const table = renderTable(
    ['model', 'params', 'acc@1'],
    [
      ['resnet18', 11_689_512, '69.758 %'],
      ['mobilenet_v2', 3_504_872, null],
    ],
  );
  assert.deepEqual(table.split('\n'), [
    'model           params     acc@1',
    '────────────  ────────  ────────',
    'resnet18      11689512  69.758 %',
    'mobilenet_v2   3504872         -',
  ]);
});

test('a table is no wider than asked; numbers are never cut', () => {
  const table = renderTable(['file', 'size'], [['a/very/long/path/to/some/image.png', 123456]], { width: 24 });
  for (const line of table.split('\n')) assert.ok(displayWidth(line) <= 24, line);
  assert.match(table, /…\s+123456$/);
});

test('an empty table is its header; alignment can be chosen; newlines do not break rows', () => {
  assert.equal(renderTable(['a', 'b'], []), 'a  b\n─  ─');
  assert.equal(
    renderTable(['a'], [[1], ['x\n y']], { align: { a: 'right' } })
      .split('\n')
      .at(-1),
    'x y',
  );
  assert.equal(renderTable(['id', 'x'], [[1, 'a']], { align: { id: 'left' } }), 'id  x\n──  ─\n1   a');
});

test('columns are counted as terminals count them', () => {
  assert.equal(displayWidth('abc'), 3);
  assert.equal(displayWidth('\x1b[31mabc\x1b[39m'), 3);
  assert.equal(displayWidth('日本'), 4);
  assert.equal(displayWidth('e\u0301'), 1);
  assert.equal(truncate('日本語', 5), '日本…');
  assert.equal(truncate('日本語', 4), '日…');
  assert.equal(truncate('abc', 3), 'abc');
  assert.equal(truncate('abc', 0), '');
  assert.equal(pad('日本', 6), '日本  ');
  assert.equal(pad('7', 3, 'right'), '  7');
});

test('bars are exact to an eighth and clamp', () => {
  assert.equal(bar(0.5, 10), '█████');
  assert.equal(bar(1 / 16, 2), '▏');
  assert.equal(bar(2, 3), '███');
  assert.equal(bar(-1, 3), '');
  assert.equal(bar(Number.NaN, 3), '');
});

test('predictions as bars', () => {
  const text = renderBars(
    [
      { label: 'Sneaker', fraction: 0.75 },
      { label: 'Bag', fraction: 0.0625 },
    ],
    32,
  );
  const lines = text.split('\n');
  assert.equal(lines.length, 2);
  assert.match(lines[0] ?? '', /^Sneaker {2}█+[▏▎▍▌▋▊▉]? +75\.0 %$/);
  assert.match(lines[1] ?? '', /^Bag {6}█[▏▎▍▌▋▊▉]? +6\.3 %$/);
  assert.ok(lines.every((line) => displayWidth(line) <= 32));
  assert.equal(renderBars([]), '');
});

test('numbers, durations and rates are short', () => {
  assert.deepEqual([2.30123, 71.884, 12, 0.0000123, 1e7, Number.NaN].map(formatNumber), [
    '2.301',
    '71.88',
    '12',
    '1.23e-5',
    '1.00e+7',
    'NaN',
  ]);
  assert.deepEqual([7, 754, 12_301, 183_840, Number.NaN, -1].map(formatDuration), [
    '0:07',
    '12:34',
    '3:25:01',
    '2d 03:04',
    '-:--',
    '-:--',
  ]);
  assert.deepEqual(
    [152.3, 8.42, 0.25, Number.NaN].map((rate) => formatRate(rate, 'img')),
    ['152 img/s', '8.4 img/s', '0.25 img/s', '- img/s'],
  );
});

test('colours only on a terminal and without NO_COLOR', () => {
  assert.equal(hasColours({ isTTY: true }, {}), true);
  assert.equal(hasColours({}, {}), false);
  assert.equal(hasColours({ isTTY: true }, { NO_COLOR: '1' }), false);
  assert.equal(hasColours({ isTTY: true }, { NO_COLOR: '' }), true);
  assert.equal(hasColours({ isTTY: true }, { TERM: 'dumb' }), false);
  assert.equal(stylerFor({ isTTY: true }, {})('good', 'yes'), '\x1b[32myes\x1b[39m');
  assert.equal(stylerFor({ isTTY: false }, {})('good', 'yes'), 'yes');
  assert.equal(plain('error', 'no'), 'no');
});
