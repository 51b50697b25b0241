import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { data, dispose, expectNoLeaks, save, scope, Tensor, Tuple } from '@edgeai/torch';
import * as datasets from '../index.ts';
import { choose } from '../published.ts';
import { dot, fixture, png, tree } from '../testing.ts';

/** A data set as any of the classes makes it. */
interface AnySet extends data.Dataset<unknown> {
  dispose?(): void;
  readonly classes?: readonly string[];
}

/** A layout on disk, and what is to be read from it. */
interface Layout {
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  readonly make: (root: string) => AnySet;
  /** For each sample the red value of its picture's first pixel, and its target with tensors as arrays. */
  readonly expected: readonly (readonly [number, unknown])[];
  readonly classes?: readonly string[];
}

const plain = { checkIntegrity: false } as const;
/** A grey or colour picture of one value in a file of any name. */
const photos = (...names: string[]) => Object.fromEntries(names.map((name, i) => [name, dot(i + 1)]));
const lines = (...all: string[]) => `${all.join('\n')}\n`;
const json = (value: unknown) => JSON.stringify(value);

const mask = png(2, 1, [3, 255], { palette: true });
const STL_IMAGE = 3 * 96 * 96;
const stl = (...firsts: number[]) => {
  const bytes = Buffer.alloc(firsts.length * STL_IMAGE);
  for (const [i, first] of firsts.entries()) bytes[i * STL_IMAGE] = first;
  return bytes;
};
const coco = json({
  images: [
    { id: 7, file_name: 'b.jpg', height: 4, width: 6 },
    { id: 3, file_name: 'a.jpg', height: 4, width: 6 },
  ],
  categories: [
    { id: 20, name: 'dog' },
    { id: 10, name: 'cat' },
  ],
  annotations: [
    {
      id: 1,
      image_id: 7,
      category_id: 20,
      bbox: [1, 1, 2, 2],
      area: 4,
      iscrowd: 0,
      segmentation: [[1, 1, 3, 1, 3, 3, 1, 3]],
      caption: 'x',
    },
    {
      id: 2,
      image_id: 7,
      category_id: 10,
      bbox: [0, 0, 6, 4],
      area: 9,
      iscrowd: 1,
      segmentation: { size: [4, 6], counts: [24] },
      caption: 'y',
    },
    { id: 3, image_id: 3, category_id: 10, bbox: [0, 0, 0, 2], area: 0, iscrowd: 0, segmentation: [], caption: 'z' },
  ],
});
const vocXml = (name: string) =>
  `<annotation><size><width>2</width></size><object><name>${name}</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></object></annotation>`;
const voc = {
  'JPEGImages/a.jpg': dot(1),
  'JPEGImages/b.jpg': dot(2),
  'Annotations/a.xml': vocXml('dog'),
  'Annotations/b.xml': vocXml('cat'),
};
const under = (folder: string, files: Layout['files']) =>
  Object.fromEntries(Object.entries(files).map(([name, content]) => [`${folder}/${name}`, content]));
const city = (part: string) => ({
  [`leftImg8bit/${part}/ulm/ulm_0_leftImg8bit.png`]: png(1, 1, [9, 8, 7]),
  [`gtFine/${part}/ulm/ulm_0_gtFine_labelIds.png`]: png(1, 1, [26]),
  [`gtFine/${part}/ulm/ulm_0_gtFine_instanceIds.png`]: png(1, 1, [26001], { bits: 16 }),
  [`gtFine/${part}/ulm/ulm_0_gtFine_color.png`]: png(1, 1, [0, 0, 142, 255]),
  [`gtFine/${part}/ulm/ulm_0_gtFine_polygons.json`]: json({ objects: [] }),
});
const celeba = {
  ...photos('img_align_celeba/1.jpg', 'img_align_celeba/2.jpg'),
  'list_eval_partition.txt': lines('1.jpg 0', '2.jpg 1'),
  'identity_CelebA.txt': lines('1.jpg 77', '2.jpg 88'),
  'list_bbox_celeba.txt': lines('2', 'image_id x_1 y_1 width height', '1.jpg 1 2 3 4', '2.jpg 5 6 7 8'),
  'list_attr_celeba.txt': lines('2', 'Bald Young', '1.jpg -1  1', '2.jpg  1 -1'),
  'list_landmarks_align_celeba.txt': lines('2', 'x y', '1.jpg 1 2', '2.jpg 3 4'),
};

const LAYOUTS: Readonly<Record<string, Layout>> = {
  CIFAR10: {
    files: Object.fromEntries([
      ...[1, 2, 3, 4, 5].map((i) => [`cifar-10-batches-py/data_batch_${i}`, fixture('data_batch_1')]),
      ['cifar-10-batches-py/batches.meta', fixture('batches.meta')],
    ]),
    make: (root) => new datasets.CIFAR10(root, plain),
    expected: Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? [10, 6] : [11, 9])),
  },
  'CIFAR100, coarse': {
    files: { 'cifar-100-python/train': fixture('cifar100-train'), 'cifar-100-python/meta': fixture('cifar100-meta') },
    make: (root) => new datasets.CIFAR100(root, { ...plain, labels: 'coarse' }),
    expected: [
      [20, 11],
      [21, 15],
    ],
    classes: ['fish', 'flowers'],
  },
  SVHN: {
    files: { 'train_32x32.mat': fixture('train_32x32.mat') },
    make: (root) => new datasets.SVHN(root, { ...plain, transform: (x) => x.slice(1, 1).slice(2, 2) }),
    expected: [
      [11, 0],
      [0, 3],
    ],
  },
  'STL10, fold': {
    files: {
      'stl10_binary/train_X.bin': stl(5, 6, 7),
      'stl10_binary/train_y.bin': Buffer.from([1, 2, 3]),
      'stl10_binary/unlabeled_X.bin': stl(9),
      'stl10_binary/fold_indices.txt': lines('2 0', '1'),
      'stl10_binary/class_names.txt': lines('airplane', 'bird', 'car'),
    },
    make: (root) => new datasets.STL10(root, { ...plain, split: 'train+unlabeled', folds: 0 }),
    expected: [
      [7, 2],
      [5, 0],
      [9, -1],
    ],
    classes: ['airplane', 'bird', 'car'],
  },
  USPS: {
    files: { 'usps.bz2': fixture('usps.bz2') },
    make: (root) => new datasets.USPS(root, plain),
    // -1 is 0 and 1 is 255, as in torchvision.
    expected: [
      [0, 2],
      [0, 9],
    ],
  },
  SEMEION: {
    files: { 'semeion.data': lines([...Array(256).fill('1.0000'), ...'0001000000'].join(' ')) },
    make: (root) => new datasets.SEMEION(root, plain),
    expected: [[255, 3]],
  },
  FER2013: {
    files: { 'fer2013/train.csv': lines('emotion,pixels', `4,${Array(2304).fill(7).join(' ')}`) },
    make: (root) => new datasets.FER2013(root, plain),
    expected: [[7, 4]],
  },
  'FER2013 without expressions': {
    files: { 'fer2013/test.csv': lines('pixels', Array(2304).fill(7).join(' ')) },
    make: (root) => new datasets.FER2013(root, { ...plain, split: 'test' }),
    expected: [[7, null]],
  },
  EuroSAT: {
    files: under('eurosat/2750', photos('River/a.jpg', 'Forest/b.jpg')),
    make: (root) => new datasets.EuroSAT(root),
    expected: [
      [2, 0],
      [1, 1],
    ],
    classes: ['Forest', 'River'],
  },
  Country211: {
    files: under('country211/valid', photos('AD/a.jpg', 'ZW/b.jpg')),
    make: (root) => new datasets.Country211(root, { split: 'valid' }),
    expected: [
      [1, 0],
      [2, 1],
    ],
  },
  RenderedSST2: {
    files: under('rendered-sst2/valid', photos('positive/a.png', 'negative/b.png')),
    make: (root) => new datasets.RenderedSST2(root, { split: 'val' }),
    expected: [
      [2, 0],
      [1, 1],
    ],
  },
  Caltech256: {
    files: under('caltech256/256_ObjectCategories', photos('001.ak47/001_0001.jpg', '002.flag/002_0001.jpg')),
    make: (root) => new datasets.Caltech256(root),
    expected: [
      [1, 0],
      [2, 1],
    ],
  },
  'GTSRB, training': {
    files: under('gtsrb/GTSRB/Training', photos('00000/a.ppm', '00001/b.ppm')),
    make: (root) => new datasets.GTSRB(root),
    expected: [
      [1, 0],
      [2, 1],
    ],
  },
  'GTSRB, test': {
    files: {
      ...under('gtsrb/GTSRB/Final_Test/Images', photos('0.ppm', '1.ppm')),
      'gtsrb/GT-final_test.csv': lines('Filename;Width;ClassId', '1.ppm;9;16', '0.ppm;9;1'),
    },
    make: (root) => new datasets.GTSRB(root, { split: 'test' }),
    expected: [
      [2, 16],
      [1, 1],
    ],
  },
  Omniglot: {
    files: under('omniglot-py/images_evaluation', photos('Manipuri/character01/1.png', 'Angelic/character02/1.png')),
    make: (root) => new datasets.Omniglot(root, { background: false }),
    expected: [
      [2, 0],
      [1, 1],
    ],
    classes: ['Angelic/character02', 'Manipuri/character01'],
  },
  SUN397: {
    files: {
      ...under('SUN397', photos('a/abbey/sun_a.jpg', 'a/apse/indoor/sun_b.jpg')),
      'SUN397/ClassName.txt': lines('/a/abbey', '/a/apse/indoor'),
    },
    make: (root) => new datasets.SUN397(root),
    expected: [
      [1, 0],
      [2, 1],
    ],
    classes: ['abbey', 'apse/indoor'],
  },
  'INaturalist 2021': {
    files: under('2021_valid', photos('00000_Animalia_B_C_D_E_F_g/a.jpg', '00001_Plantae_B_C_D_E_H_i/b.jpg')),
    make: (root) =>
      new datasets.INaturalist(root, { version: '2021_valid', targetType: ['full', 'kingdom', 'genus', 'order'] }),
    expected: [
      [1, [0, 0, 0, 0]],
      [2, [1, 1, 1, 0]],
    ],
  },
  'INaturalist 2018': {
    files: under('2018', photos('Aves/1/a.jpg', 'Fungi/0/b.jpg')),
    make: (root) => new datasets.INaturalist(root, { version: '2018', targetType: ['full', 'super'] }),
    expected: [
      [2, [0, 1]],
      [1, [1, 0]],
    ],
  },
  ImageNet: {
    files: photos('val/n01/a.JPEG', 'val/n02/b.JPEG'),
    make: (root) => {
      // What torchvision keeps as meta.bin: (dict, list).
      saveMeta(root);
      return new datasets.ImageNet(root, { split: 'val' });
    },
    expected: [
      [1, 0],
      [2, 1],
    ],
    classes: ['tench, Tinca tinca', 'goldfish'],
  },
  Food101: {
    files: {
      ...under('food-101/images', photos('pho/1.jpg', 'pizza/2.jpg')),
      'food-101/meta/test.json': json({ pizza: ['pizza/2'], pho: ['pho/1'] }),
    },
    make: (root) => new datasets.Food101(root, { split: 'test' }),
    expected: [
      [2, 1],
      [1, 0],
    ],
    classes: ['pho', 'pizza'],
  },
  DTD: {
    files: {
      ...under('dtd/dtd/images', photos('woven/1.jpg', 'banded/2.jpg')),
      'dtd/dtd/labels/val3.txt': lines('woven/1.jpg', 'banded/2.jpg'),
    },
    make: (root) => new datasets.DTD(root, { split: 'val', partition: 3 }),
    expected: [
      [1, 1],
      [2, 0],
    ],
  },
  FGVCAircraft: {
    files: {
      ...under('fgvc-aircraft-2013b/data/images', photos('1.jpg', '2.jpg')),
      'fgvc-aircraft-2013b/data/families.txt': lines('Boeing 747', 'ATR-42'),
      'fgvc-aircraft-2013b/data/images_family_train.txt': lines('2 ATR-42', '1 Boeing 747'),
    },
    make: (root) => new datasets.FGVCAircraft(root, { split: 'train', annotationLevel: 'family' }),
    expected: [
      [2, 1],
      [1, 0],
    ],
  },
  Flowers102: {
    files: {
      ...under(
        'flowers-102',
        photos('jpg/image_00001.jpg', 'jpg/image_00002.jpg', 'jpg/image_00003.jpg', 'jpg/image_00004.jpg'),
      ),
      'flowers-102/imagelabels.mat': fixture('imagelabels.mat'),
      'flowers-102/setid.mat': fixture('setid.mat'),
    },
    make: (root) => new datasets.Flowers102(root, plain),
    expected: [
      [2, 2],
      [4, 0],
    ],
  },
  StanfordCars: {
    files: {
      ...under('stanford_cars/cars_train', photos('00001.jpg', '00002.jpg')),
      'stanford_cars/devkit/cars_meta.mat': fixture('cars_meta.mat'),
      'stanford_cars/devkit/cars_train_annos.mat': fixture('cars_train_annos.mat'),
    },
    make: (root) => new datasets.StanfordCars(root),
    expected: [
      [1, 1],
      [2, 0],
    ],
    classes: ['AM General Hummer SUV 2000', 'Acura RL Sedan 2012'],
  },
  Places365: {
    files: {
      ...under('data_256_standard', photos('a/airfield/1.jpg', 'z/zoo/2.jpg')),
      'categories_places365.txt': lines('/z/zoo 1', '/a/airfield 0'),
      'places365_train_standard.txt': lines('/z/zoo/2.jpg 1', '/a/airfield/1.jpg 0'),
    },
    make: (root) => new datasets.Places365(root, { ...plain, small: true }),
    expected: [
      [2, 1],
      [1, 0],
    ],
    classes: ['/a/airfield', '/z/zoo'],
  },
  CLEVRClassification: {
    files: {
      ...under('clevr/CLEVR_v1.0/images/val', photos('CLEVR_val_0.png', 'CLEVR_val_1.png')),
      'clevr/CLEVR_v1.0/scenes/CLEVR_val_scenes.json': json({
        scenes: [
          { image_filename: 'CLEVR_val_1.png', objects: [1, 2, 3] },
          { image_filename: 'CLEVR_val_0.png', objects: [] },
        ],
      }),
    },
    make: (root) => new datasets.CLEVRClassification(root, { split: 'val' }),
    expected: [
      [1, 0],
      [2, 3],
    ],
  },
  OxfordIIITPet: {
    files: {
      ...under('oxford-iiit-pet/images', photos('Abyssinian_1.jpg', 'english_cocker_2.jpg')),
      'oxford-iiit-pet/annotations/test.txt': lines('english_cocker_2 2 2 1', 'Abyssinian_1 1 1 1'),
      'oxford-iiit-pet/annotations/trimaps/Abyssinian_1.png': png(2, 1, [1, 2]),
      'oxford-iiit-pet/annotations/trimaps/english_cocker_2.png': png(2, 1, [3, 1]),
    },
    make: (root) => new datasets.OxfordIIITPet(root, { split: 'test', targetTypes: ['category', 'segmentation'] }),
    expected: [
      [2, [1, [[[3, 1]]]]],
      [1, [0, [[[1, 2]]]]],
    ],
    classes: ['Abyssinian', 'English Cocker'],
  },
  Caltech101: {
    files: {
      ...under('caltech101/101_ObjectCategories', photos('BACKGROUND_Google/image_0001.jpg', 'Faces/image_0001.jpg')),
      'caltech101/Annotations/Faces_2/annotation_0001.mat': fixture('annotation_0001.mat'),
    },
    make: (root) => new datasets.Caltech101(root, { targetType: 'annotation' }),
    expected: [
      [
        2,
        [
          [1.5, 2, 3],
          [4, 5, 6],
        ],
      ],
    ],
    classes: ['Faces'],
  },
  CelebA: {
    files: under('celeba', celeba),
    make: (root) =>
      new datasets.CelebA(root, { ...plain, split: 'valid', targetType: ['attr', 'identity', 'bbox', 'landmarks'] }),
    expected: [[2, [[1, 0], 88, [5, 6, 7, 8], [3, 4]]]],
    classes: ['Bald', 'Young'],
  },
  'LFWPeople, ten folds': {
    files: {
      ...under('lfw-py/lfw_funneled', photos('Ann_A/Ann_A_0001.jpg', 'Bob_B/Bob_B_0001.jpg', 'Bob_B/Bob_B_0002.jpg')),
      'lfw-py/people.txt': lines('2', '1', 'Bob_B\t2', '1', 'Ann_A\t1'),
      'lfw-py/lfw-names.txt': lines('Ann_A 1', 'Bob_B 2'),
    },
    make: (root) => new datasets.LFWPeople(root, plain),
    expected: [
      [2, 1],
      [3, 1],
      [1, 0],
    ],
  },
  SBU: {
    files: {
      'dataset/SBU_captioned_photo_dataset_urls.txt': lines('http://x/1.jpg', 'http://x/gone.jpg', 'http://x/2.jpg'),
      'dataset/SBU_captioned_photo_dataset_captions.txt': lines('one', 'gone', 'two'),
      ...under('dataset', photos('1.jpg', '2.jpg')),
    },
    make: (root) => new datasets.SBU(root),
    expected: [
      [1, 'one'],
      [2, 'two'],
    ],
  },
  Flickr8k: {
    files: {
      ...photos('11_aa.jpg', '22_bb.jpg'),
      'page.html':
        '<html><a href="x">http://no/table/</a><table><tr><td><a href="y">http://flickr.com/photos/22/</a></td><td><ul><li>A dog.\n<li>Two dogs.</ul></td></tr><tr><td>Image Not Found<ul><li>lost</ul></td></tr></table></html>',
    },
    make: (root) => new datasets.Flickr8k(root, join(root, 'page.html')),
    expected: [[2, ['A dog.', 'Two dogs.']]],
  },
  Flickr30k: {
    files: {
      ...photos('1.jpg', '2.jpg'),
      'captions.token': lines('2.jpg#0\tA cat.', '1.jpg#0\tA dog.', '2.jpg#1\tCats.'),
    },
    make: (root) => new datasets.Flickr30k(root, join(root, 'captions.token')),
    expected: [
      [1, ['A dog.']],
      [2, ['A cat.', 'Cats.']],
    ],
  },
  CocoCaptions: {
    files: { ...photos('a.jpg', 'b.jpg'), 'c.json': coco },
    make: (root) => new datasets.CocoCaptions(root, join(root, 'c.json')),
    expected: [
      [1, ['z']],
      [2, ['x', 'y']],
    ],
    classes: ['cat', 'dog'],
  },
  CocoInstances: {
    files: { ...photos('a.jpg', 'b.jpg'), 'c.json': coco },
    make: (root) =>
      new datasets.CocoInstances(root, join(root, 'c.json'), { masks: true, onlyWithObjects: true, labels: 'index' }),
    expected: [
      [
        2,
        {
          boxes: [[1, 1, 3, 3]],
          labels: [2],
          imageId: 7,
          area: [4],
          iscrowd: [0],
          masks: [
            [
              [0, 0, 0, 0, 0, 0],
              [0, 1, 1, 0, 0, 0],
              [0, 1, 1, 0, 0, 0],
              [0, 0, 0, 0, 0, 0],
            ],
          ],
        },
      ],
    ],
  },
  CocoClassification: {
    files: {
      ...under('val', photos('a.jpg')),
      ...under('images', photos('x.jpg', 'b.jpg')),
      'annotations/instances_val.json': coco,
    },
    make: (root) => new datasets.CocoClassification(root, { split: 'val' }),
    expected: [
      [1, 0],
      [2, 10],
    ],
  },
  VOCDetection: {
    files: under('VOCdevkit/VOC2007', { ...voc, 'ImageSets/Main/test.txt': lines('b') }),
    make: (root) => new datasets.VOCDetection(root, { year: '2007', imageSet: 'test' }),
    expected: [
      [
        2,
        {
          annotation: {
            size: { width: '2' },
            object: [{ name: 'cat', bndbox: { xmin: '1', ymin: '1', xmax: '2', ymax: '2' } }],
          },
        },
      ],
    ],
  },
  VOCSegmentation: {
    files: under('TrainVal/VOCdevkit/VOC2011', {
      ...voc,
      'SegmentationClass/a.png': mask,
      'ImageSets/Segmentation/val.txt': lines('a'),
    }),
    make: (root) => new datasets.VOCSegmentation(root, { year: '2011', imageSet: 'val' }),
    expected: [[1, [[[3, 255]]]]],
  },
  VOCFolder: {
    files: { ...voc, 'ImageSets/Main/train.txt': lines('a'), 'ImageSets/Main/val.txt': lines('b') },
    make: (root) => new datasets.VOCFolder(root),
    expected: [[1, { boxes: [[1, 1, 2, 2]], labels: [2], imageId: 0, area: [1], iscrowd: [0] }]],
    classes: ['cat', 'dog'],
  },
  Cityscapes: {
    files: city('val'),
    make: (root) =>
      new datasets.Cityscapes(root, { split: 'val', targetType: ['instance', 'semantic', 'polygon', 'color'] }),
    expected: [[9, [[[[26001]]], [[[26]]], { objects: [] }, [[[0]], [[0]], [[142]], [[255]]]]]],
  },
  CamVid: {
    files: { ...under('val', photos('a.jpg')), 'valannot/a.png': png(2, 1, [3, 11]) },
    make: (root) => new datasets.CamVid(root, { split: 'val' }),
    expected: [[1, [[[3, 11]]]]],
    classes: datasets.CAMVID_CLASSES,
  },
  ADE20K: {
    files: under('ADEChallengeData2016', {
      ...under('images/validation', photos('a.jpg')),
      'annotations/validation/a.png': png(2, 1, [0, 150]),
      'objectInfo150.txt': lines(
        'Idx\tRatio\tTrain\tVal\tName',
        '1\t0.1\t5\t6\twall',
        '2\t0.1\t5\t6\tbuilding, edifice',
      ),
    }),
    make: (root) => new datasets.ADE20K(root, { split: 'val' }),
    expected: [[1, [[[0, 150]]]]],
    classes: ['wall', 'building'],
  },
  'SBDataset, segmentation': {
    files: { ...under('img', photos('a.jpg')), 'cls/a.mat': fixture('sbd.mat'), 'val.txt': lines('a') },
    make: (root) => new datasets.SBDataset(root, { imageSet: 'val', mode: 'segmentation' }),
    expected: [
      [
        1,
        [
          [0, 1, 2, 0],
          [0, 1, 2, 0],
          [5, 0, 0, 20],
        ],
      ],
    ],
  },
  'SBDataset, boundaries': {
    files: { ...under('img', photos('a.jpg')), 'cls/a.mat': fixture('sbd.mat'), 'train.txt': lines('a') },
    make: (root) => new datasets.SBDataset(root),
    expected: [
      [
        1,
        Array.from({ length: 20 }, (_, i) =>
          [0, 1, 2].map((row) => [0, 1, 2, 3].map((column) => (row === i % 3 && column === i % 4 ? 1 : 0))),
        ),
      ],
    ],
  },
  Kitti: {
    files: under('Kitti/raw/training', {
      ...under('image_2', photos('000000.png')),
      'label_2/000000.txt': lines('Car 0.88 3 -0.69 0.00 192.37 402.31 374.00 1.60 1.57 3.23 -2.70 1.74 3.68 -1.29'),
    }),
    make: (root) => new datasets.Kitti(root),
    expected: [
      [
        1,
        [
          {
            type: 'Car',
            truncated: 0.88,
            occluded: 3,
            alpha: -0.69,
            bbox: [0, 192.37, 402.31, 374],
            dimensions: [1.6, 1.57, 3.23],
            location: [-2.7, 1.74, 3.68],
            rotationY: -1.29,
          },
        ],
      ],
    ],
  },
  WIDERFace: {
    files: under('widerface', {
      ...under('WIDER_val/images', photos('0--Parade/a.jpg', '0--Parade/b.jpg')),
      'wider_face_split/wider_face_val_bbx_gt.txt': lines(
        '0--Parade/b.jpg',
        '0',
        '0 0 0 0 0 0 0 0 0 0',
        '0--Parade/a.jpg',
        '1',
        '1 2 3 4 2 0 1 2 0 1',
      ),
    }),
    make: (root) => new datasets.WIDERFace(root, { split: 'val' }),
    expected: [
      [
        2,
        {
          bbox: [[0, 0, 0, 0]],
          blur: [0],
          expression: [0],
          illumination: [0],
          occlusion: [0],
          pose: [0],
          invalid: [0],
        },
      ],
      [
        1,
        {
          bbox: [[1, 2, 3, 4]],
          blur: [2],
          expression: [0],
          illumination: [1],
          occlusion: [2],
          pose: [0],
          invalid: [1],
        },
      ],
    ],
  },
};

/** The file that torchvision makes of ImageNet's development kit. */
function saveMeta(root: string): void {
  const classes = { n01: Tuple.fromItems(['tench', 'Tinca tinca']), n02: Tuple.fromItems(['goldfish']) };
  save(Tuple.fromItems([classes, ['n02', 'n01']]), join(root, 'meta.bin'));
}

/** Tensors inside of a value as arrays; the kept indices of a target are no part of it. */
function arrays(value: unknown): unknown {
  if (value instanceof Tensor) return value.toArray();
  if (Array.isArray(value)) return value.map(arrays);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, arrays(inner)]));
}

function firstPixel(image: unknown): number {
  assert.ok(image instanceof Tensor);
  assert.deepEqual([image.dtype, image.ndim], ['uint8', 3]);
  return scope(() => image.select(0, 0).select(0, 0).select(0, 0).item());
}

describe('published data sets read their layout on disk', () => {
  for (const [name, { files, make, expected, classes }] of Object.entries(LAYOUTS))
    it(name, () =>
      expectNoLeaks(async () => {
        const set = make(tree(files));
        const found: unknown[] = [];
        for (let i = 0; i < set.length; i++) {
          const sample = await set.get(i);
          assert.ok(Array.isArray(sample) && sample.length === 2);
          found.push([firstPixel(sample[0]), arrays(sample[1])]);
          assert.ok((set.describe?.(i)?.length ?? 0) > 0);
          dispose(sample);
        }
        assert.deepEqual(found, expected);
        if (classes !== undefined) assert.deepEqual(set.classes, classes);
        set.dispose?.();
      }),
    );
});

describe('all published data sets', () => {
  const exported = new Map<string, unknown>(Object.entries(datasets));
  const classes = [...exported.values()].filter(
    (value): value is datasets.PublishedClass<Record<string, never>, unknown> =>
      typeof value === 'function' && 'spec' in value,
  );

  it('are called as torchvision calls them, and say where they looked and how to get the files', () => {
    assert.ok(classes.length >= 35, `${classes.length} classes`);
    for (const Class of classes) {
      assert.equal(exported.get(Class.name), Class);
      assert.throws(
        () => new Class('/nowhere'),
        (error) =>
          error instanceof datasets.DatasetError &&
          error.code === 'DATASET_NOT_FOUND' &&
          error.message.startsWith(`${Class.name} was not found: there is no /nowhere/`) &&
          /download: true|by hand/.test(error.message),
        Class.name,
      );
      assert.throws(
        () => new Class('/nowhere', { download: true } as object),
        new RegExp(`await ${Class.name}\\.open`),
      );
    }
  });

  it('fetch over HTTP from known addresses, with whole sums', () => {
    for (const { spec } of classes)
      for (const { url, md5, file } of spec.downloads?.(choose(spec, {})) ?? []) {
        for (const address of typeof url === 'string' ? [url] : url)
          assert.match(address, /^https?:\/\/[\w.-]+\//, spec.name);
        if (md5 !== undefined) assert.match(md5, /^[\da-f]{32}$/, `${spec.name}: ${file}`);
      }
  });
});

describe('what is wrong is named', () => {
  it('files with another MD5', () => {
    const { files } = LAYOUTS.CIFAR10 as Layout;
    assert.throws(
      () => new datasets.CIFAR10(tree(files)),
      /data_batch_1 is damaged or not the file of CIFAR10: expected MD5 c99cafc152244af753f735de768cd75f but it has/,
    );
    const { files: flowers } = LAYOUTS.Flowers102 as Layout;
    assert.throws(
      () => new datasets.Flowers102(tree(flowers)),
      /imagelabels\.mat is damaged or not the file of Flowers102/,
    );
  });

  it('options that a data set does not have', () => {
    assert.throws(
      () => new datasets.Food101('x', { split: 'val' as 'test' }),
      /one of train, test for split but received "val"/,
    );
    assert.throws(
      () => new datasets.CelebA('x', { targetType: ['attr', 'age'] as never }),
      /one or several of attr, identity/,
    );
    assert.throws(() => new datasets.VOCDetection('x', { imageSet: 'test' }), /only 2007 has it/);
    assert.throws(
      () => new datasets.Cityscapes('x', { split: 'train_extra' }),
      /one of train, val, test with the mode fine/,
    );
    assert.throws(
      () => new datasets.Food101('x', { transforms: (a, b) => [a, b], transform: (a) => a }),
      /Food101 was not found|Give either transforms/,
    );
  });

  it('annotations that contradict each other', () => {
    const broken = (change: object) => {
      const root = tree({ 'c.json': json({ ...JSON.parse(coco), ...change }) });
      return () => new datasets.CocoDetection(root, join(root, 'c.json'));
    };
    assert.throws(
      broken({ annotations: [{ id: 1, image_id: 9 }] }),
      /c\.json: annotations\[0\] is of image 9, which is not/,
    );
    assert.throws(
      broken({ annotations: [{ id: 1, image_id: 7, category_id: 5 }] }),
      /image 7 has category 5, which is not/,
    );
    assert.throws(broken({ images: [{ id: 1 }] }), /images\[0\] has no whole number as id or no file_name/);
    assert.throws(
      broken({
        images: [
          { id: 1, file_name: 'a' },
          { id: 1, file_name: 'b' },
        ],
      }),
      /two images have the id 1/,
    );
    assert.throws(broken({ images: 'none' }), /expected a list of objects as images/);
    const files = { ...(LAYOUTS.Food101 as Layout).files, 'food-101/meta/test.json': '{"a": 1' };
    assert.throws(() => new datasets.Food101(tree(files), { split: 'test' }), /test\.json: it is not readable as JSON/);
  });

  it('pictures and targets that are not there, when they are asked for', async () => {
    const root = tree({ ...photos('a.jpg'), 'c.json': coco });
    const set = new datasets.CocoDetection(root, join(root, 'c.json'));
    await assert.rejects(async () => set.get(1), /b\.jpg: there is no such file/);
    const { files } = LAYOUTS.VOCFolder as Layout;
    const boxes = new datasets.VOCFolder(
      tree({ ...files, 'ImageSets/Main/train.txt': lines('a', 'c'), 'JPEGImages/c.jpg': dot(1) }),
    );
    await assert.rejects(async () => boxes.get(1), /c\.xml: there is no such file/);
  });
});

it('transforms of picture and target work one by one and together, also in a loader', () =>
  expectNoLeaks(async () => {
    const root = tree({ ...photos('a.jpg', 'b.jpg'), 'c.json': coco });
    const single = new datasets.CocoDetection(root, join(root, 'c.json'), {
      transform: (image) => image.float().div(255),
      targetTransform: (annotations) => annotations.length,
    });
    for await (const [images, counts] of new data.DataLoader(single, { batchSize: 2 })) {
      assert.deepEqual([images.dtype, images.shape, counts.toArray()], ['float32', [2, 3, 1, 2], [1, 2]]);
      dispose([images, counts]);
    }
    const joint = new datasets.CocoInstances(root, join(root, 'c.json'), {
      transforms: (image, target) => [image.flip([2]), { ...target, boxes: target.boxes.mul(2) }],
    });
    const [image, target] = await joint.get(1);
    assert.deepEqual([scope(() => image.select(0, 0).toArray()), target.boxes.toArray()], [[[0, 2]], [[2, 2, 6, 6]]]);
    dispose([image, target]);
  }));

describe('LFW', () => {
  it('pairs are two pictures and whether they show one person', () =>
    expectNoLeaks(async () => {
      const root = tree({
        ...under('lfw-py/lfw', photos('A/A_0001.jpg', 'A/A_0002.jpg', 'B/B_0001.jpg')),
        'lfw-py/pairsDevTrain.txt': lines('1', 'A\t1\t2', 'A\t2\tB\t1'),
      });
      const pairs = new datasets.LFWPairs(root, { ...plain, split: 'train', imageSet: 'original' });
      const found: unknown[] = [];
      for (let i = 0; i < pairs.length; i++) {
        const sample = await pairs.get(i);
        found.push([firstPixel(sample[0]), firstPixel(sample[1]), sample[2]]);
        dispose(sample);
      }
      assert.deepEqual(found, [
        [1, 2, 1],
        [2, 3, 0],
      ]);
    }));
});
