import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe as group, it } from 'node:test';
import { expectNoLeaks, randint } from '@edgeai/torch';
import { encodeImage } from '../../io/index.ts';
import { dot, fixture, idx, png, put, tree } from '../testing.ts';
import { parseYolo } from './annotated-layouts.ts';
import { check } from './check.ts';
import { contactSheet } from './contact-sheet.ts';
import { describe, recognise } from './describe.ts';
import { statistics } from './statistics.ts';

const lines = (...all: string[]) => `${all.join('\n')}\n`;
const box = (name: string, corners: readonly number[]) =>
  `<object><name>${name}</name><bndbox><xmin>${corners[0]}</xmin><ymin>${corners[1]}</ymin><xmax>${corners[2]}</xmax><ymax>${corners[3]}</ymax></bndbox></object>`;
const coco = (boxes: boolean) =>
  JSON.stringify({
    images: [
      { id: 1, file_name: 'a.png', height: 1, width: 2 },
      { id: 2, file_name: 'b.png', height: 1, width: 2 },
    ],
    categories: [
      { id: 5, name: 'cat' },
      { id: 7, name: 'dog' },
    ],
    annotations: [{ id: 1, image_id: 2, category_id: 7, ...(boxes ? { bbox: [0, 0, 2, 1] } : {}) }],
  });
const photos = (...names: string[]) => Object.fromEntries(names.map((name, i) => [name, dot(i + 1)]));

/** Files of a layout, and what is to be found: kind, task, samples of each part, classes. */
const LAYOUTS: Readonly<
  Record<
    string,
    readonly [
      files: Record<string, string | Uint8Array>,
      kind: string,
      task: string,
      splits: object,
      classes: readonly string[],
    ]
  >
> = {
  'one folder a class': [
    photos('cat/a.png', 'dog/b.png', 'dog/c.png'),
    'image-folder',
    'classification',
    { all: 3 },
    ['cat', 'dog'],
  ],
  'one folder a class, with parts': [
    photos('val/cat/a.png', 'train/cat/b.png', 'train/dog/c.png', 'val/dog/d.png'),
    'image-folder-splits',
    'classification',
    { train: 2, val: 2 },
    ['cat', 'dog'],
  ],
  'the same in the folder of an archive': [
    photos('photos/train/cat/b.png', 'photos/train/dog/c.png'),
    'image-folder-splits',
    'classification',
    { train: 2 },
    ['cat', 'dog'],
  ],
  pictures: [photos('a.png', 'b.png'), 'images', 'unlabelled', { all: 2 }, []],
  'a list': [
    { 'val.csv': lines('file,label', 'x/a.png,dog'), ...photos('x/a.png') },
    'csv',
    'classification',
    { val: 1 },
    ['dog'],
  ],
  'COCO with objects': [
    {
      'annotations/instances_val.json': coco(true),
      'annotations/captions_val.json': '{}',
      ...photos('val/a.png', 'val/b.png'),
    },
    'coco',
    'detection',
    { val: 2 },
    ['cat', 'dog'],
  ],
  'COCO with one class each': [
    { 'annotations/instances_val.json': coco(false), ...photos('images/a.png', 'images/b.png') },
    'coco-classification',
    'classification',
    { val: 1 },
    ['cat', 'class 1', 'dog'],
  ],
  VOC: [
    {
      ...photos('VOCdevkit/VOC2012/JPEGImages/a.jpg', 'VOCdevkit/VOC2012/JPEGImages/b.jpg'),
      'VOCdevkit/VOC2012/Annotations/a.xml': `<annotation>${box('dog', [1, 1, 2, 2])}</annotation>`,
      'VOCdevkit/VOC2012/Annotations/b.xml': '<annotation></annotation>',
      'VOCdevkit/VOC2012/ImageSets/Main/val.txt': lines('b'),
      'VOCdevkit/VOC2012/ImageSets/Main/train.txt': lines('a'),
      'VOCdevkit/VOC2012/ImageSets/Main/cat_train.txt': lines('a -1'),
    },
    'voc',
    'detection',
    { train: 1, val: 1 },
    ['dog'],
  ],
  YOLO: [
    {
      ...photos('images/train/a.png'),
      'labels/train/a.txt': '1 0.5 0.5 0.5 1\n',
      'data.yaml': "names:\n  0: cat\n  1: 'dog'\n",
    },
    'yolo',
    'detection',
    { train: 1 },
    ['cat', 'dog'],
  ],
  CamVid: [
    { ...photos('train/a.jpg'), 'trainannot/a.png': png(2, 1, [3, 11]) },
    'camvid',
    'segmentation',
    { train: 1 },
    ['sky', 'building', 'pole', 'road', 'pavement', 'tree', 'sign', 'fence', 'car', 'pedestrian', 'bicyclist'],
  ],
  ADE20K: [
    { ...photos('images/validation/a.jpg'), 'annotations/validation/a.png': png(2, 1, [3, 11]) },
    'ade20k',
    'segmentation',
    { validation: 1 },
    [],
  ],
  SVHN: [{ 'train_32x32.mat': fixture('train_32x32.mat') }, 'svhn', 'classification', { train: 2 }, [...'0123456789']],
  CIFAR: [
    { 'cifar-100-python/train': fixture('cifar100-train'), 'cifar-100-python/meta': fixture('cifar100-meta') },
    'cifar',
    'classification',
    { train: 2 },
    ['apple', 'bear'],
  ],
};

group('describe', () => {
  for (const [name, [files, kind, task, splits, classes]] of Object.entries(LAYOUTS))
    it(`recognises ${name}`, () =>
      expectNoLeaks(() => {
        const found = describe(tree(files));
        assert.deepEqual(
          [
            found.kind,
            found.task,
            Object.fromEntries(found.splits.map((split) => [split.name, split.samples])),
            found.classes,
          ],
          [kind, task, splits, classes],
        );
      }));

  it('recognises Cityscapes and MNIST, and files', () => {
    const city = describe(
      tree({
        'leftImg8bit/val/ulm/u_leftImg8bit.png': png(1, 1, [1, 2, 3]),
        'gtFine/val/ulm/u_gtFine_labelIds.png': png(1, 1, [26]),
      }),
    );
    assert.deepEqual([city.kind, city.classes[26], city.problems], ['cityscapes', 'car', []]);
    const mnist = describe(
      tree({
        'MNIST/raw/train-images-idx3-ubyte': idx([1, 2, 2], [1, 2, 3, 4]),
        'MNIST/raw/train-labels-idx1-ubyte': idx([1], [7]),
      }),
    );
    assert.deepEqual([mnist.kind, mnist.splits], ['mnist', [{ name: 'train', samples: 1 }]]);
    const root = tree({ 'c.json': coco(true), ...photos('a.png', 'b.png') });
    assert.equal(describe(join(root, 'c.json')).kind, 'coco');
  });

  it('says what is amiss', () => {
    const folder = tree({
      ...photos('train/cat/a.png', 'train/dog/b.png', 'val/cat/c.png', 'val/cow/d.png'),
      'train/dog/x.txt': '',
    });
    assert.deepEqual(
      describe(folder).problems.map((problem) => problem.replaceAll(folder, '')),
      [
        '1 of 2 files in /train/dog are of another kind',
        'the class cow of /val is not among those of the first part',
        'val lacks the classes dog',
      ],
    );
    assert.throws(() => describe('/nowhere'), /there is no \/nowhere/);
    assert.throws(() => describe(tree({ 'a.bin': 'x' })), /in no layout that is known: expected folders of classes/);
  });
});

it('YOLO’s lines become boxes in pixels; wrong ones are named', () => {
  assert.deepEqual(parseYolo('1 0.5 0.5 0.5 1\n', 'a.txt', 8, 4, ['cat', 'dog']), [{ box: [2, 0, 6, 4], name: 'dog' }]);
  assert.throws(
    () => parseYolo('1 0.5 0.5 0.5 1.5', 'a.txt', 8, 4, []),
    /a\.txt: line 1: expected a class and four numbers/,
  );
  assert.throws(
    () => parseYolo('\n2 0 0 0 0', 'a.txt', 8, 4, ['cat']),
    /a\.txt: line 2: class 2 is none of the 1 classes/,
  );
});

it('statistics count classes and sizes, and measure colours over all pixels', async () => {
  const root = tree({
    'cat/a.png': png(2, 1, [0, 51, 102, 255, 51, 0]),
    'cat/b.png': png(1, 1, [255, 51, 102]),
    'dog/c.png': png(2, 1, [255, 51, 0, 0, 51, 0]),
    'dog/broken.png': 'no picture',
  });
  const [found] = await statistics(recognise(root));
  assert.deepEqual(found?.classes, [
    { name: 'cat', count: 2 },
    { name: 'dog', count: 1 },
  ]);
  assert.deepEqual([found?.read, found?.unreadable, found?.sizes[0]], [3, 1, { name: '2×1', count: 2 }]);
  // Red is 0, 1, 1, 1, 0; green always 51; blue 0.4, 0, 0.4, 0, 0.
  assert.deepEqual(
    [found?.mean, found?.std].map((list) => list?.map((value) => Number(value.toFixed(6)))),
    [
      [0.6, 0.2, 0.16],
      [0.489898, 0, 0.195959],
    ],
  );
  const [mask] = await statistics(recognise(tree(LAYOUTS.CamVid?.[0] ?? {})));
  assert.deepEqual(mask?.classes.slice(0, 2), [
    { name: 'road', count: 1e-6 },
    { name: 'value 11', count: 1e-6 },
  ]);
});

group('check', () => {
  it('finds files that are empty, damaged, wrongly called, doubled or in two parts, and loops of links', async () => {
    const picture = png(
      9,
      9,
      Array.from({ length: 243 }, (_, i) => i),
    );
    const noise = randint(0, 256, [3, 40, 40], { dtype: 'uint8' });
    const jpeg = await encodeImage(noise, 'jpeg');
    noise.dispose();
    const root = tree({
      'train/cat/a.png': picture,
      'train/cat/copy.png': picture,
      'train/cat/called.jpg': png(2, 1, [1, 2]),
      'train/cat/empty.png': '',
      'train/cat/cut.png': picture.subarray(0, 60),
      'train/cat/hole.jpg': Buffer.from(jpeg).fill('ff00', jpeg.length >> 1, jpeg.length - 99, 'hex'),
      'train/cat/text.jpg': 'hello',
      'val/cat/leak.png': picture,
    });
    symlinkSync(join(root, 'train'), join(root, 'train', 'cat', 'loop'));
    symlinkSync(join(root, 'none.png'), join(root, 'train', 'cat', 'dangling.png'));
    const { findings, checked } = await check(recognise(root), root);
    assert.equal(checked, 9);
    const found = findings.map(({ kind, path }) => `${kind} ${path.slice(root.length + 1)}`).sort();
    assert.deepEqual(found, [
      'duplicate train/cat/copy.png',
      'empty train/cat/empty.png',
      'leak val/cat/leak.png',
      'link-loop train/cat/loop',
      'missing train/cat/dangling.png',
      'missing train/cat/dangling.png',
      'unreadable train/cat/cut.png',
      'unreadable train/cat/hole.jpg',
      'unreadable train/cat/text.jpg',
      'wrong-extension train/cat/called.jpg',
    ]);
  });

  it('finds labels that do not fit, and pictures that look alike', async () => {
    const xml = (...corners: number[]) => `<annotation>${box('dog', corners)}</annotation>`;
    const noise = Array.from({ length: 18 * 16 }, (_, i) => (i * 7919) % 251);
    const root = tree({
      'JPEGImages/a.png': png(18, 16, noise),
      'JPEGImages/b.png': png(
        18,
        16,
        noise.map((value) => value + 2),
      ),
      'JPEGImages/c.png': png(
        18,
        16,
        noise.map((_, i) => (i * 104729) % 241),
      ),
      'Annotations/a.xml': xml(1, 1, 1, 5),
      'Annotations/b.xml': xml(1, 1, 30, 5),
      'Annotations/c.xml': '<annotation><object></annotation>',
    });
    const { findings } = await check(recognise(root), root, { similar: true });
    assert.deepEqual(
      findings.filter(({ kind }) => kind !== 'layout').map(({ kind, path }) => `${kind} ${path.slice(-5)}`),
      ['label a.png', 'label b.png', 'similar b.png', 'label c.png'],
    );
    assert.match(
      findings.map(({ message }) => message).join('\n'),
      /\[1, 1, 1, 5\] of a dog is empty[\s\S]*reaches beyond the picture of 18×16/,
    );
  });

  it('finds nothing where nothing is wrong', async () => {
    const root = tree(photos('cat/a.ppm', 'dog/b.ppm'));
    mkdirSync(join(root, 'cat', 'more'));
    put(root, 'cat/more/c.ppm', dot(9));
    assert.deepEqual(await check(recognise(root), root), { checked: 3, findings: [] });
  });
});

it('a contact sheet shows pictures in rows, with what is said about them', () =>
  expectNoLeaks(async () => {
    const root = tree({ ...photos('cat/a.ppm', 'dog/b.ppm'), 'dog/broken.png': 'no picture' });
    const { splits, classes } = recognise(root);
    const [split] = splits;
    assert.ok(split !== undefined);
    const sheet = await contactSheet(split, classes, { cell: 64, columns: 2 });
    assert.deepEqual([sheet.image.dtype, sheet.image.shape], ['uint8', [3, 2 * 68 + 4, 2 * 68 + 4]]);
    assert.deepEqual(
      sheet.unreadable.map(({ path }) => path),
      [join(root, 'dog', 'broken.png')],
    );
    sheet.image.dispose();
  }));
