import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseCsv } from './csv.ts';
import { CsvList } from './csv-list.ts';
import { DatasetError } from './errors.ts';
import { dot, put, temporaryFolder } from './testing.ts';

function listed(text: string): string {
  const folder = temporaryFolder();
  for (const [i, name] of ['a.ppm', 'b.ppm', 'more/c.ppm'].entries()) put(folder, name, dot(i + 1));
  return put(folder, 'list.csv', text);
}

const refuses = (text: string, message: RegExp, options = {}) =>
  assert.throws(
    () => new CsvList(listed(text), options),
    (error) => error instanceof DatasetError && message.test(error.message),
  );

describe('CsvList', () => {
  it('reads paths relative to the list, with number labels, with or without a header', async () => {
    for (const header of ['', 'file,label\n', 'Picture,Kind\r\n']) {
      const file = listed(`${header}a.ppm,4\nmore/c.ppm , 0\n\n`);
      const list = new CsvList(file);
      assert.deepEqual(list.samples, [
        [join(file, '../a.ppm'), 4],
        [join(file, '../more/c.ppm'), 0],
      ]);
      assert.deepEqual(
        [list.targets, list.classes],
        [
          [4, 0],
          ['0', '1', '2', '3', '4'],
        ],
      );
      const [image, target] = await list.get(1);
      assert.deepEqual([image.select(2, 0).toArray(), target], [[[3], [3], [3]], 0]);
      assert.equal(list.describe(1), join(file, '../more/c.ppm'));
      image.dispose();
    }
  });

  it('reads class names, numbered alphabetically or as given', () => {
    const text = 'a.ppm,dog\nb.ppm,cat\nmore/c.ppm,dog\n';
    const list = new CsvList(listed(text), { targetTransform: (target) => target + 1 });
    assert.deepEqual([list.classes, list.targets, list.classToIdx.get('dog')], [['cat', 'dog'], [1, 0, 1], 1]);
    assert.deepEqual(new CsvList(listed(text), { classes: ['dog', 'cat'] }).targets, [0, 1, 0]);
    assert.deepEqual(new CsvList(listed('a.ppm,1\n'), { classes: ['dog', 'cat'] }).targets, [1]);
  });

  it('finds columns by their names, other separators, other folders', () => {
    const file = listed('id;class;file\n7;dog;"a.ppm"\n');
    assert.deepEqual(new CsvList(file, { delimiter: ';' }).samples, [[join(file, '../a.ppm'), 0]]);
    const root = temporaryFolder();
    put(root, 'a.ppm', dot(9));
    assert.equal(new CsvList(listed('a.ppm,0'), { root }).samples[0]?.[0], join(root, 'a.ppm'));
  });

  it('names the line that is wrong', () => {
    refuses(
      'a.ppm,0\nmissing.ppm,1\nb.ppm,0\ngone.ppm,1',
      /list\.csv, line 2: there is no file .*missing\.ppm \(and 1 more of 4/,
    );
    assert.equal(new CsvList(listed('missing.ppm,1'), { checkFiles: false }).length, 1);
    refuses('file,label\na.ppm\n', /line 2: there is no label/);
    refuses('file,label\n,3\n', /line 2: there is no file;/);
    refuses('a.ppm,dog\nb.ppm,cow\n', /line 2: "cow" is none of the 2 classes \(cat, dog\)/, {
      classes: ['cat', 'dog'],
    });
    refuses('a.ppm,0\nb.ppm,2\n', /line 2: "2" is none of the 2 classes/, { classes: ['cat', 'dog'] });
    refuses('file,label\n', /lists no images/);
    refuses('a.ppm,"dog\n', /a quote is not closed/);
    assert.throws(() => new CsvList('nowhere/list.csv'), /nowhere\/list\.csv: there is no such file/);
  });
});

describe('parseCsv', () => {
  it('reads back what is written with quotes', () => {
    const field = fc.string().map((text) => text.replaceAll('\r', ''));
    fc.assert(
      fc.property(
        fc.array(fc.array(field, { minLength: 2, maxLength: 4 }), { maxLength: 5 }),
        fc.constantFrom('\n', '\r\n'),
        (rows, end) => {
          const text = rows.map((row) => row.map((value) => `"${value.replaceAll('"', '""')}"`).join(',')).join(end);
          assert.deepEqual(
            parseCsv(text).map(({ fields }) => fields),
            rows,
          );
        },
      ),
    );
  });

  it('counts lines over quoted breaks, skips blank lines and a byte order mark', () => {
    assert.deepEqual(parseCsv('\uFEFFa,"x\ny"\n\n b , c,\nd'), [
      { line: 1, fields: ['a', 'x\ny'] },
      { line: 4, fields: ['b', 'c', ''] },
      { line: 5, fields: ['d'] },
    ]);
  });
});
