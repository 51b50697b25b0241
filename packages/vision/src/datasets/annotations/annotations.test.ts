import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { expectNoLeaks, scope } from '@edgeai/torch';
import { cocoMask, maskRuns, unpackCounts } from './coco-masks.ts';
import { detectionTarget } from './detection-target.ts';
import { parseVoc, vocTarget } from './voc-xml.ts';

describe('masks of COCO', () => {
  interface Case {
    size: [number, number];
    polygon: number[];
    text: string;
    counts: number[];
    area: number;
  }
  // pycocotools drew and packed them: fixtures/make-fixtures.py.
  const cases = JSON.parse(readFileSync(new URL('../fixtures/coco-masks.json', import.meta.url), 'utf8')) as Case[];

  it('polygons cover the pixels that pycocotools gives them', () => {
    for (const [i, { size, polygon, counts, area }] of cases.entries()) {
      const mask = cocoMask([polygon], ...size);
      assert.deepEqual(maskRuns(mask, ...size), counts, `case ${i}`);
      assert.equal(
        mask.reduce((sum, value) => sum + value, 0),
        area,
      );
    }
  });

  it('run lengths, packed or not, are the same mask', () => {
    for (const { size, text, counts } of cases) {
      const expected = cocoMask({ size, counts }, ...size);
      assert.deepEqual(cocoMask({ size, counts: text }, ...size), expected);
      assert.deepEqual(maskRuns(expected, ...size), counts);
    }
  });

  it('several polygons are one mask; what does not fit its image is named', () => {
    const square = (x: number) => [x, 0, x + 2, 0, x + 2, 2, x, 2];
    const both = cocoMask([square(0), square(4)], 3, 8);
    assert.equal(
      both.reduce((sum, value) => sum + value, 0),
      8,
    );
    assert.throws(
      () => cocoMask({ size: [3, 8], counts: [5] }, 3, 8, 'f.json'),
      /f\.json: the runs .* 5 pixels, its image has 24/,
    );
    assert.throws(() => cocoMask({ size: [2, 2], counts: [4] }, 3, 8), /a mask is 2 × 2 pixels, its image 8 × 3/);
    assert.throws(() => unpackCounts('\u0001'), /damaged/);
  });
});

it('targets of detectors leave out boxes with nothing in them', () =>
  expectNoLeaks(() =>
    scope(() => {
      const { boxes, labels, area, iscrowd, kept } = detectionTarget(
        [
          { box: [-5, 2, 10, 8], label: 3 },
          { box: [4, 4, 4, 9], label: 1 },
          { box: [1, 1, 3, 2], label: 2, area: 1.5, iscrowd: true },
        ],
        7,
        [6, 8],
      );
      assert.deepEqual(
        [boxes.toArray(), labels.toArray(), area.toArray(), iscrowd.toArray(), kept],
        [
          [
            [0, 2, 8, 6],
            [1, 1, 3, 2],
          ],
          [3, 2],
          [32, 1.5],
          [0, 1],
          [0, 2],
        ],
      );
      assert.deepEqual(detectionTarget([], 0).boxes.shape, [0, 4]);
    }),
  ));

describe('annotations of VOC', () => {
  const object = (name: string, box: readonly number[], difficult = 0) =>
    `<object><name>${name}</name><difficult>${difficult}</difficult><bndbox><xmin>${box[0]}</xmin><ymin>${box[1]}</ymin><xmax>${box[2]}</xmax><ymax>${box[3]}</ymax></bndbox></object>`;

  it('are nested records of text, with a list of objects always', () => {
    const text = (objects: string) =>
      `<annotation><size><width>9</width></size><part>a</part><part>b</part>${objects}</annotation>`;
    const { annotation } = parseVoc(text(object('dog', [1, 2, 3, 4])), 'a.xml');
    assert.deepEqual(annotation.size, { width: '9' });
    assert.deepEqual(annotation.part, ['a', 'b']);
    assert.deepEqual(annotation.object, [
      { name: 'dog', difficult: '0', bndbox: { xmin: '1', ymin: '2', xmax: '3', ymax: '4' } },
    ]);
    assert.deepEqual(parseVoc(text(''), 'a.xml').annotation.object, []);
  });

  it('become boxes and labels from 1 on', () =>
    expectNoLeaks(() =>
      scope(() => {
        const text = `<annotation>${object('dog', [1, 2, 3, 4])}${object('cat', [5, 5, 9, 9], 1)}</annotation>`;
        const all = vocTarget(parseVoc(text, 'a.xml'), ['cat', 'dog'], 'a.xml', { imageId: 4 });
        assert.deepEqual([all.labels.toArray(), all.iscrowd.toArray(), all.imageId], [[2, 1], [0, 1], 4]);
        const easy = vocTarget(parseVoc(text, 'a.xml'), ['cat', 'dog'], 'a.xml', { difficult: false });
        assert.deepEqual(easy.boxes.toArray(), [[1, 2, 3, 4]]);
        assert.throws(
          () => vocTarget(parseVoc(text, 'a.xml'), ['dog'], 'a.xml'),
          /a\.xml: "cat" is none of the classes dog/,
        );
        const broken = `<annotation>${object('dog', [1, 2, Number.NaN, 4])}</annotation>`;
        assert.throws(
          () => vocTarget(parseVoc(broken, 'a.xml'), ['dog'], 'a.xml'),
          /object 1 \(dog\) has "NaN" as xmax/,
        );
      }),
    ));
});
