import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { expectNoLeaks, FileFormatError } from '@edgeai/torch';
import { fixture, flo, pfm, png, put, temporaryFolder } from '../testing.ts';
import { kittiFlow, loadFlo, loadPfm } from './flow-files.ts';
import { type MatValue, matArray, parseMat } from './mat.ts';
import { globSync } from './paths.ts';
import { loadPngSamples, maskToTensor, samplesToTensor } from './png-samples.ts';
import { parseXml } from './xml.ts';

describe('MAT-files', () => {
  // scipy.io.savemat wrote them: fixtures/make-fixtures.py.
  for (const name of ['everything.mat', 'everything-plain.mat'])
    it(`${name}: numbers, text, cells, structures and sparse matrices come back`, () => {
      const variables = parseMat(fixture(name), name);
      const numbers = matArray(variables, 'numbers', name);
      assert.deepEqual(
        [numbers.shape, [...numbers.data]],
        [
          [2, 3],
          [1.5, 4, -2, 5, 3.25, 6],
        ],
      );
      assert.deepEqual([...matArray(variables, 'bytes', name).data], [0, 3, 1, 4, 2, 5]);
      assert.deepEqual([...matArray(variables, 'words', name).data], [-3, 300]);
      assert.deepEqual(matArray(variables, 'empty', name).shape, [0, 3]);
      assert.deepEqual(variables.get('lines'), { kind: 'text', rows: ['ab', 'cd'] });
      assert.deepEqual(variables.get('text'), { kind: 'text', rows: ['grün'] });
      const cells = variables.get('cells') as Extract<MatValue, { kind: 'cell' }>;
      assert.deepEqual(
        cells.items.map(({ kind }) => kind),
        ['text', 'array', 'cell'],
      );
      const record = variables.get('record') as Extract<MatValue, { kind: 'struct' }>;
      assert.deepEqual(
        record.items.map(({ a, b }) => [a?.kind === 'array' && a.data[0], b?.kind === 'text' && b.rows[0]]),
        [
          [1, 'x'],
          [2, 'y'],
        ],
      );
      const sparse = variables.get('sparse') as Extract<MatValue, { kind: 'sparse' }>;
      assert.deepEqual(
        [sparse.shape, [...sparse.rows], [...sparse.starts]],
        [
          [3, 2],
          [2, 0],
          [0, 1, 2],
        ],
      );
    });

  it('names a file that is damaged, of another version or no MAT-file', () => {
    const whole = fixture('everything.mat');
    assert.throws(() => parseMat(whole.subarray(0, 200), 'cut.mat'), /cut\.mat: .*(ends within|damaged)/);
    assert.throws(() => parseMat(Buffer.from('hello'), 'x.mat'), /x\.mat: is not a MAT-file/);
    assert.throws(() => matArray(parseMat(whole), 'nothing', 'e.mat'), /e\.mat: has no array nothing, only numbers, /);
  });
});

it('optical flow and disparity: .flo, .pfm and 16-bit PNG', () =>
  expectNoLeaks(async () => {
    const folder = temporaryFolder();
    const flow = await loadFlo(put(folder, 'a.flo', flo(2, 1, [1, -2, 3.5, 4])));
    assert.deepEqual([flow.channels, flow.height, flow.width, [...flow.data]], [2, 1, 2, [1, 3.5, -2, 4]]);
    const disparity = await loadPfm(put(folder, 'a.pfm', pfm(2, 2, [1, 2, 3, 4])));
    assert.deepEqual([...disparity.data], [1, 2, 3, 4]);
    const stored = png(2, 1, [32768 + 64, 32768 - 128, 1, 0, 0, 0], { bits: 16 });
    const [motion, valid] = kittiFlow(await loadPngSamples(put(folder, 'f.png', stored)));
    assert.deepEqual([motion.toArray(), valid.toArray()], [[[[1, -512]], [[-2, -512]]], [[true, false]]]);
    motion.dispose();
    valid.dispose();
    await assert.rejects(loadFlo(put(folder, 'b.flo', 'PIEH')), /b\.flo: ends within its header/);
    await assert.rejects(loadFlo(put(folder, 'b.pfm', 'Pf\n')), /b\.pfm: is not a \.flo file/);
    await assert.rejects(
      loadPfm(put(folder, 'b.pfm', 'Pf\n9 9\n1\nabc')),
      /has 3 bytes of data, its header 9 × 9 says 324/,
    );
  }));

it('PNG files give what is stored: indices of palettes, 16 bits', () =>
  expectNoLeaks(async () => {
    const folder = temporaryFolder();
    const mask = maskToTensor(await loadPngSamples(put(folder, 'm.png', png(2, 2, [0, 5, 255, 1], { palette: true }))));
    assert.deepEqual(
      [mask.dtype, mask.toArray()],
      [
        'uint8',
        [
          [
            [0, 5],
            [255, 1],
          ],
        ],
      ],
    );
    const deep = samplesToTensor(await loadPngSamples(put(folder, 'd.png', png(2, 1, [26001, 7], { bits: 16 }))));
    assert.deepEqual([deep.dtype, deep.toArray()], ['int32', [[[26001, 7]]]]);
    mask.dispose();
    deep.dispose();
    await assert.rejects(loadPngSamples(put(folder, 'bad.png', 'JFIF')), FileFormatError);
    await assert.rejects(loadPngSamples(`${folder}/none.png`), /none\.png: there is no such file/);
  }));

describe('XML', () => {
  it('reads elements, attributes, text, comments, entities and CDATA', () => {
    const root = parseXml(
      '<?xml version="1.0"?><!-- a > b --><a x="1&amp;2"><b> t &lt; &#65; </b><b/><c><![CDATA[<raw>]]></c></a>\n',
    );
    assert.deepEqual([root.name, root.attributes.x], ['a', '1&2']);
    assert.deepEqual(
      root.children.map(({ name, text }) => [name, text]),
      [
        ['b', 't < A'],
        ['b', ''],
        ['c', '<raw>'],
      ],
    );
  });

  it('says in which line it is broken', () => {
    assert.throws(() => parseXml('<a>\n<b>\n</a>', 'f.xml'), /f\.xml: line 3: <\/a> closes nothing; <b> is open/);
    assert.throws(() => parseXml('<a>', 'f.xml'), /the file ends within <a>/);
    assert.throws(() => parseXml('hello', 'f.xml'), /text outside of the root element/);
    assert.throws(() => parseXml('', 'f.xml'), /there is no element/);
  });
});

it('patterns find files in order, hidden ones only when asked', () => {
  const folder = temporaryFolder();
  for (const name of ['b/1.png', 'a/2.png', 'a/1.png', 'a/.3.png', 'a/x.txt']) put(folder, name, '');
  assert.deepEqual(
    globSync(`${folder}/*/*.png`).map((path) => path.slice(folder.length + 1)),
    ['a/1.png', 'a/2.png', 'b/1.png'],
  );
});
