/** @file Small pictures kept in a few large files, which are read into memory: CIFAR, SVHN, STL10, USPS, SEMEION, FER2013. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cat, FileFormatError, fromTypedArray, loadPickle, scope, Tensor } from '@edgeai/torch';
import { bunzip2 } from '../archives/bunzip.ts';
import { parseCsv } from '../csv.ts';
import { matArray, readMat } from '../files/mat.ts';
import { invalid, readLines, readText, wholeNumber } from '../files/text.ts';
import { type Index, published } from '../published.ts';
import { fromTensor, values } from '../samples.ts';

/** A file of a data set that is fetched as it is. */
interface Resource {
  readonly url: string;
  readonly file: string;
  readonly md5: string;
}

const resource = (base: string, file: string, md5: string): Resource => ({ url: `${base}${file}`, file, md5 });

function inMemory(
  images: Tensor,
  targets: readonly number[],
  name: string,
  classes?: readonly string[],
): Index<number> {
  if (images.size(0) !== targets.length)
    throw invalid(name, `there are ${images.size(0)} images but ${targets.length} labels`);
  return { samples: fromTensor(images, values(targets), name), targets, classes };
}

// ---- CIFAR: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.

/** What is known about one of the two. */
interface CifarSource {
  readonly folder: string;
  readonly archive: string;
  readonly archiveMd5: string;
  readonly train: Readonly<Record<string, string>>;
  readonly test: Readonly<Record<string, string>>;
  readonly meta: readonly [file: string, md5: string];
}

const CIFAR10_SOURCE: CifarSource = {
  folder: 'cifar-10-batches-py',
  archive: 'cifar-10-python.tar.gz',
  archiveMd5: 'c58f30108f718f92721af3b95e74349a',
  train: {
    data_batch_1: 'c99cafc152244af753f735de768cd75f',
    data_batch_2: 'd4bba439e000b95fd0a9bffe97cbabec',
    data_batch_3: '54ebc095f3ab1f0389bbae665268c751',
    data_batch_4: '634d18415352ddfa80567beed471001a',
    data_batch_5: '482c414d41f54cd18b22e5b47cb7c3cb',
  },
  test: { test_batch: '40351d587109b95175f43aff81a1287e' },
  meta: ['batches.meta', '5ff9c542aee3614f3951f8cda6e48888'],
};

const CIFAR100_SOURCE: CifarSource = {
  folder: 'cifar-100-python',
  archive: 'cifar-100-python.tar.gz',
  archiveMd5: 'eb9058c3a382ffc7106e4002c42a8d85',
  train: { train: '16019d7e3df5f24257cddd939b257f8d' },
  test: { test: 'f0ef6b0ae62326f3e7ffdfab6717acfc' },
  meta: ['meta', '7973b15100ade9c7d40fb424638fde48'],
};

const batchesOf = (source: CifarSource, train: boolean) => (train ? source.train : source.test);

const cifarFiles = (source: CifarSource) => ({
  needs: ({ train }: { readonly train: boolean }) =>
    [...Object.keys(batchesOf(source, train)), source.meta[0]].map((file) => join(source.folder, file)),
  md5: ({ train }: { readonly train: boolean }) =>
    Object.fromEntries(
      [...Object.entries(batchesOf(source, train)), source.meta].map(([file, md5]) => [join(source.folder, file), md5]),
    ),
  downloads: () => [
    {
      url: `https://www.cs.toronto.edu/~kriz/${source.archive}`,
      file: source.archive,
      md5: source.archiveMd5,
      unpack: '',
    },
  ],
});

/** The batches of one part, with the labels and the class names under the given keys. */
function readCifar(root: string, source: CifarSource, train: boolean, labels: string, names: string): Index<number> {
  const folder = join(root, source.folder);
  return scope(() => {
    const targets: number[] = [];
    const images = Object.keys(batchesOf(source, train)).map((file) => {
      const path = join(folder, file);
      const batch = entriesOf(loadPickle(path), path);
      const { data } = batch;
      if (!(data instanceof Tensor) || data.dtype !== 'uint8' || data.ndim !== 2 || data.shape[1] !== 3072)
        throw new FileFormatError('holds no "data" of 3072 bytes an image', path);
      const list = batch[labels];
      if (!Array.isArray(list) || list.length !== data.size(0))
        throw new FileFormatError(`holds no "${labels}", one for each of its ${data.size(0)} images`, path);
      for (const label of list) targets.push(Number(label));
      return data;
    });
    const meta = join(folder, source.meta[0]);
    const classes = entriesOf(loadPickle(meta), meta)[names];
    if (!Array.isArray(classes)) throw new FileFormatError(`holds no "${names}"`, meta);
    return inMemory(cat(images).reshape([targets.length, 3, 32, 32]), targets, folder, classes.map(String));
  });
}

function entriesOf(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || value instanceof Map || Array.isArray(value))
    throw new FileFormatError('is not a batch of CIFAR: expected a dict of strings', path);
  return value as Record<string, unknown>;
}

/** 60,000 colour pictures of 32×32 pixels in ten classes. Files: `root/cifar-10-batches-py/data_batch_1` and so on. */
export const CIFAR10 = published({
  name: 'CIFAR10',
  choices: { train: [true, false] },
  ...cifarFiles(CIFAR10_SOURCE),
  read: (root, { train }) => readCifar(root, CIFAR10_SOURCE, train, 'labels', 'label_names'),
});

/** 60,000 colour pictures of 32×32 pixels in a hundred classes, or in their twenty groups (`labels: 'coarse'`). */
export const CIFAR100 = published({
  name: 'CIFAR100',
  choices: { train: [true, false], labels: ['fine', 'coarse'] },
  ...cifarFiles(CIFAR100_SOURCE),
  read: (root, { train, labels }) =>
    readCifar(root, CIFAR100_SOURCE, train, `${labels}_labels`, `${labels}_label_names`),
});

// ---- SVHN: Netzer et al., "Reading Digits in Natural Images with Unsupervised Feature Learning", 2011.

const SVHN_BASE = 'http://ufldl.stanford.edu/housenumbers/';
const SVHN_FILES = {
  train: resource(SVHN_BASE, 'train_32x32.mat', 'e26dedcc434d2e4c54c9b2d4a06d8373'),
  test: resource(SVHN_BASE, 'test_32x32.mat', 'eb5a983be6a315427106f1b164d9cef3'),
  extra: resource(SVHN_BASE, 'extra_32x32.mat', 'a93ce644f1a588dc4d68dda5feec44a7'),
};

/** House numbers: colour pictures of 32×32 pixels of a digit. Files: `root/train_32x32.mat`; the label 10 there is class 0. */
export const SVHN = published({
  name: 'SVHN',
  choices: { split: ['train', 'test', 'extra'] },
  needs: ({ split }) => [SVHN_FILES[split].file],
  md5: ({ split }) => ({ [SVHN_FILES[split].file]: SVHN_FILES[split].md5 }),
  downloads: ({ split }) => [SVHN_FILES[split]],
  read: (root, { split }) => {
    const path = join(root, SVHN_FILES[split].file);
    const variables = readMat(path);
    const { shape, data } = matArray(variables, 'X', path);
    const [height = 0, width = 0, channels = 0, count = 1] = shape;
    if (!(data instanceof Uint8Array) || channels !== 3) throw new FileFormatError('holds no colour pictures', path);
    const targets = Array.from(matArray(variables, 'y', path).data, (label) => label % 10);
    // MATLAB's first dimension runs fastest: row, column, channel, image.
    const images = scope(() => fromTypedArray(data, [count, channels, width, height]).transpose(2, 3));
    return inMemory(images, targets, path, [...'0123456789']);
  },
});

// ---- STL-10: Coates, Lee and Ng, "An Analysis of Single Layer Networks in Unsupervised Feature Learning", 2011.

const STL = 'stl10_binary';
const STL_MD5: Readonly<Record<string, string>> = {
  'train_X.bin': '918c2871b30a85fa023e0c44e0bee87f',
  'train_y.bin': '5a34089d4802c674881badbb80307741',
  'unlabeled_X.bin': '5242ba1fed5e4be9e1e742405eb56ca4',
  'test_X.bin': '7f263ba9f9e0b06b93213547f721ac82',
  'test_y.bin': '36f9794fa4beb8a2c72628de14fa638e',
};
const STL_PARTS = {
  train: ['train'],
  'train+unlabeled': ['train', 'unlabeled'],
  unlabeled: ['unlabeled'],
  test: ['test'],
} as const;
const stlFiles = (split: keyof typeof STL_PARTS): string[] =>
  STL_PARTS[split].flatMap((part) => (part === 'unlabeled' ? [`${part}_X.bin`] : [`${part}_X.bin`, `${part}_y.bin`]));

/**
 * Colour pictures of 96×96 pixels in ten classes, 5,000 to train and 8,000 to test, and 100,000 without a class, which have
 * the target -1. `folds` picks one of ten published subsets of the training pictures. Files: `root/stl10_binary/train_X.bin`
 * and so on.
 */
export const STL10 = published({
  name: 'STL10',
  choices: {
    split: ['train', 'train+unlabeled', 'unlabeled', 'test'],
    folds: [undefined, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  },
  needs: ({ split }) => stlFiles(split).map((file) => join(STL, file)),
  md5: ({ split }) => Object.fromEntries(stlFiles(split).map((file) => [join(STL, file), STL_MD5[file] ?? ''])),
  downloads: () => [
    {
      url: 'http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz',
      file: 'stl10_binary.tar.gz',
      md5: '91f7769df0f17e558f3565bffb0c7dfb',
      unpack: '',
    },
  ],
  read: (root, { split, folds }) => {
    const folder = join(root, STL);
    const fold =
      folds === undefined
        ? undefined
        : (readLines(join(folder, 'fold_indices.txt'))[folds]?.split(/\s+/).map(Number) ?? []);
    const targets: number[] = [];
    const images = scope(() => {
      const parts = STL_PARTS[split].map((part) => {
        const path = join(folder, `${part}_X.bin`);
        const bytes = readFileSync(path);
        const size = 3 * 96 * 96;
        if (bytes.length % size !== 0)
          throw new FileFormatError(
            `has ${bytes.length} bytes, expected a multiple of ${size}, the size of an image`,
            path,
          );
        const count = bytes.length / size;
        const labels =
          part === 'unlabeled'
            ? new Array<number>(count).fill(-1)
            : Array.from(readFileSync(join(folder, `${part}_y.bin`)), (label) => label - 1);
        const pictures = fromTypedArray(bytes, [count, 3, 96, 96]).transpose(2, 3);
        const chosen = part === 'train' ? fold : undefined;
        for (const label of chosen === undefined ? labels : chosen.map((i) => labels[i] ?? -1)) targets.push(label);
        return chosen === undefined
          ? pictures
          : pictures.indexSelect(0, fromTypedArray(Int32Array.from(chosen), [chosen.length]));
      });
      const [only] = parts;
      return parts.length === 1 && only !== undefined ? only : cat(parts);
    });
    return inMemory(images, targets, folder, stlClasses(folder));
  },
});

function stlClasses(folder: string): string[] {
  try {
    return readLines(join(folder, 'class_names.txt'));
  } catch {
    // torchvision reads the names only where the file is there, too.
    return [];
  }
}

// ---- Handwriting of 16×16 pixels.

const USPS_BASE = 'https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/';
const uspsFile = (train: boolean): Resource =>
  train
    ? resource(USPS_BASE, 'usps.bz2', 'ec16c51db3855ca6c91edd34d0e9b197')
    : resource(USPS_BASE, 'usps.t.bz2', '8ea070ee2aca1ac39742fdd1ef5ed118');

/** Digits from envelopes: grey pictures of 16×16 pixels, 7,291 to train, 2,007 to test. Files: `root/usps.bz2`, `root/usps.t.bz2`. */
export const USPS = published({
  name: 'USPS',
  choices: { train: [true, false] },
  needs: ({ train }) => [uspsFile(train).file],
  md5: ({ train }) => ({ [uspsFile(train).file]: uspsFile(train).md5 }),
  downloads: ({ train }) => [uspsFile(train)],
  read: (root, { train }) => {
    const path = join(root, uspsFile(train).file);
    const lines = bunzip2(readFileSync(path), path)
      .toString('latin1')
      .split('\n')
      .filter((line) => line.trim() !== '');
    const pixels = new Uint8Array(lines.length * 256);
    const targets = lines.map((line, i) => {
      const [label, ...pairs] = line.trim().split(/\s+/);
      if (pairs.length !== 256)
        throw new FileFormatError(`line ${i + 1} has ${pairs.length} pixels, expected 256`, path);
      for (const [j, pair] of pairs.entries()) {
        const value = Math.fround(Number(pair.slice(pair.indexOf(':') + 1)));
        pixels[i * 256 + j] = Math.trunc(Math.fround(Math.fround(Math.fround(value + 1) / 2) * 255));
      }
      return wholeNumber(label, path, 'the label') - 1;
    });
    return inMemory(fromTypedArray(pixels, [lines.length, 1, 16, 16]), targets, path, [...'0123456789']);
  },
});

const SEMEION_FILE = resource(
  'http://archive.ics.uci.edu/ml/machine-learning-databases/semeion/',
  'semeion.data',
  'cb545d371d2ce14ec121470795a77432',
);

/** 1,593 handwritten digits, black and white, 16×16 pixels. File: `root/semeion.data`. */
export const SEMEION = published({
  name: 'SEMEION',
  choices: {},
  needs: () => [SEMEION_FILE.file],
  md5: () => ({ [SEMEION_FILE.file]: SEMEION_FILE.md5 }),
  downloads: () => [SEMEION_FILE],
  read: (root) => {
    const path = join(root, SEMEION_FILE.file);
    const lines = readLines(path);
    const pixels = new Uint8Array(lines.length * 256);
    const targets = lines.map((line, i) => {
      const numbers = line.split(/\s+/).map(Number);
      if (numbers.length !== 266)
        throw new FileFormatError(`line ${i + 1} has ${numbers.length} numbers, expected 266`, path);
      pixels.set(
        numbers.slice(0, 256).map((value) => value * 255),
        i * 256,
      );
      return numbers.slice(256).findIndex((value) => value !== 0);
    });
    return inMemory(fromTypedArray(pixels, [lines.length, 1, 16, 16]), targets, path, [...'0123456789']);
  },
});

// ---- FER-2013: Goodfellow et al., "Challenges in Representation Learning", 2013.

const FER_MD5 = { train: '3f0dfb3d3fd99c811a1299cb947e3131', test: 'b02c2298636a634e8c2faabbf3ea9a23' };

/**
 * Faces with one of seven expressions, grey, 48×48 pixels. Files: `root/fer2013/train.csv`, `test.csv`; the target is null
 * where the file has no expressions.
 */
export const FER2013 = published({
  name: 'FER2013',
  choices: { split: ['train', 'test'] },
  needs: ({ split }) => [join('fer2013', `${split}.csv`)],
  md5: ({ split }) => ({ [join('fer2013', `${split}.csv`)]: FER_MD5[split] }),
  advice:
    'It has to be fetched by hand: https://www.kaggle.com/c/challenges-in-representation-learning-facial-expression-recognition-challenge',
  read: (root, { split }): Index<number | null> => {
    const path = join(root, 'fer2013', `${split}.csv`);
    const [header, ...lines] = parseCsv(readText(path));
    const pixelColumn = header?.fields.indexOf('pixels') ?? -1;
    const emotionColumn = header?.fields.indexOf('emotion') ?? -1;
    if (pixelColumn < 0) throw invalid(path, 'there is no column "pixels"');
    const pixels = new Uint8Array(lines.length * 48 * 48);
    const targets = lines.map(({ fields, line }, i) => {
      const row = (fields[pixelColumn] ?? '').split(/\s+/).map(Number);
      if (row.length !== 48 * 48) throw invalid(path, `line ${line} has ${row.length} pixels, expected ${48 * 48}`);
      pixels.set(row, i * 48 * 48);
      return emotionColumn < 0 ? null : wholeNumber(fields[emotionColumn], path, 'emotion');
    });
    const images = fromTypedArray(pixels, [lines.length, 1, 48, 48]);
    const known = targets.filter((target) => target !== null);
    return {
      samples: fromTensor(images, values(targets), path),
      classes: ['angry', 'disgust', 'fear', 'happy', 'sad', 'surprise', 'neutral'],
      targets: known.length === targets.length ? known : undefined,
    };
  },
});
