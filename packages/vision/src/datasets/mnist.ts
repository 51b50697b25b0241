/** @file MNIST, Fashion-MNIST, KMNIST and EMNIST: what is known about each, and a class for it. */

import { readdirSync, renameSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { ArgumentError, data, type Tensor } from '@edgeai/torch';
import { ensureFiles, IdxDataset, type IdxDatasetOptions, type IdxOpenOptions, type IdxSource } from './idx-dataset.ts';
import { compareStrings, expandHome } from './listing.ts';
import { fetchFiles } from './published.ts';

const FILES = (train: boolean): readonly [string, string] => {
  const part = train ? 'train' : 't10k';
  return [`${part}-images-idx3-ubyte`, `${part}-labels-idx1-ubyte`];
};

const checksums = (
  trainImages: string,
  trainLabels: string,
  testImages: string,
  testLabels: string,
): Record<string, string> => ({
  'train-images-idx3-ubyte.gz': trainImages,
  'train-labels-idx1-ubyte.gz': trainLabels,
  't10k-images-idx3-ubyte.gz': testImages,
  't10k-labels-idx1-ubyte.gz': testLabels,
});

const DIGITS = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'].map(
  (name, i) => `${i} - ${name}`,
);

const MNIST_SOURCE: IdxSource = {
  name: 'MNIST',
  classes: DIGITS,
  files: FILES,
  mirrors: ['https://ossci-datasets.s3.amazonaws.com/mnist/', 'http://yann.lecun.com/exdb/mnist/'],
  md5: checksums(
    'f68b3c2dcbeaaa9fbdd348bbdeb94873',
    'd53e105ee54ea40749a09fcbcd1e9432',
    '9fb629c4189551a2d022fa330f9573f3',
    'ec29112dd5afa0611ce80d1b7f02629c',
  ),
  advice: 'MNIST.open(root, { download: true }) fetches it',
};

const FASHION_SOURCE: IdxSource = {
  name: 'FashionMNIST',
  classes: ['T-shirt/top', 'Trouser', 'Pullover', 'Dress', 'Coat', 'Sandal', 'Shirt', 'Sneaker', 'Bag', 'Ankle boot'],
  files: FILES,
  mirrors: ['http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/'],
  md5: checksums(
    '8d4fb7e6c68d591d4c3dfef9ec88bf0d',
    '25c81989df183df01b3e8a0aad5dffbe',
    'bef4ecab320f06d8554ea6380940ec79',
    'bb300cfdad3c16e7a12a480ee83cd310',
  ),
  systemFolder: '/usr/share/datasets/fashion-mnist',
  advice:
    'FashionMNIST.open(root, { download: true }) fetches it; on Debian and Ubuntu the package dataset-fashion-mnist has it',
};

const KMNIST_SOURCE: IdxSource = {
  name: 'KMNIST',
  classes: ['o', 'ki', 'su', 'tsu', 'na', 'ha', 'ma', 'ya', 're', 'wo'],
  files: FILES,
  mirrors: ['http://codh.rois.ac.jp/kmnist/dataset/kmnist/'],
  md5: checksums(
    'bdb82020997e1d708af4cf47b453dcf7',
    'e144d726b3acfaa3e44228e80efcd344',
    '5c965bf0a639b31b8f53240b1b52f4d7',
    '7320c461ea6c1c855c0b718fb2a4b134',
  ),
  advice: 'KMNIST.open(root, { download: true }) fetches it',
};

/** 70,000 handwritten digits, 28×28. Files: `root/MNIST/raw/train-images-idx3-ubyte[.gz]` and so on, or directly in `root`. */
@data.portable(import.meta.url)
export class MNIST<T = Tensor, Y = number> extends IdxDataset<T, Y> {
  constructor(root: string, options: IdxDatasetOptions<T, Y> = {}) {
    super(MNIST_SOURCE, root, options);
  }

  /** Like the constructor, but can download. */
  static async open<T = Tensor, Y = number>(root: string, options: IdxOpenOptions<T, Y> = {}): Promise<MNIST<T, Y>> {
    return new MNIST<T, Y>(root, await downloaded(MNIST_SOURCE, root, options));
  }
}

/**
 * 70,000 pictures of clothes, 28×28: 60,000 to train, 10,000 to test. Files are looked for in `root/FashionMNIST/raw`, in
 * `root`, and where Debian's package `dataset-fashion-mnist` puts them; `root` may be left out for the last.
 */
@data.portable(import.meta.url)
export class FashionMNIST<T = Tensor, Y = number> extends IdxDataset<T, Y> {
  constructor(root?: string, options: IdxDatasetOptions<T, Y> = {}) {
    super(FASHION_SOURCE, root, options);
  }

  /** Like the constructor, but can download. */
  static async open<T = Tensor, Y = number>(
    root?: string,
    options: IdxOpenOptions<T, Y> = {},
  ): Promise<FashionMNIST<T, Y>> {
    return new FashionMNIST<T, Y>(root, await downloaded(FASHION_SOURCE, root, options));
  }
}

/** 70,000 handwritten Japanese characters of ten kinds, 28×28. Files as in {@link MNIST}. */
@data.portable(import.meta.url)
export class KMNIST<T = Tensor, Y = number> extends IdxDataset<T, Y> {
  constructor(root: string, options: IdxDatasetOptions<T, Y> = {}) {
    super(KMNIST_SOURCE, root, options);
  }

  /** Like the constructor, but can download. */
  static async open<T = Tensor, Y = number>(root: string, options: IdxOpenOptions<T, Y> = {}): Promise<KMNIST<T, Y>> {
    return new KMNIST<T, Y>(root, await downloaded(KMNIST_SOURCE, root, options));
  }
}

const DIGIT_NAMES = [...'0123456789'];
const SMALL = [...'abcdefghijklmnopqrstuvwxyz'];
const ALL = [...DIGIT_NAMES, ...SMALL, ...SMALL.map((letter) => letter.toUpperCase())].sort(compareStrings);
/** Letters whose small form looks like the large one, and is counted with it. */
const MERGED = new Set('cijklmopsuvwxyz');
const UNMERGED = ALL.filter((name) => !MERGED.has(name));

const EMNIST_CLASSES = {
  byclass: ALL,
  bymerge: UNMERGED,
  balanced: UNMERGED,
  letters: ['N/A', ...SMALL],
  digits: DIGIT_NAMES,
  mnist: DIGIT_NAMES,
} as const;

export type EmnistSplit = keyof typeof EMNIST_CLASSES;

/** Handwritten digits and letters, 28×28, transposed as the files have them. Files: `root/EMNIST/raw/emnist-<split>-train-images-idx3-ubyte[.gz]`. */
@data.portable(import.meta.url)
export class EMNIST<T = Tensor, Y = number> extends IdxDataset<T, Y> {
  readonly split: EmnistSplit;

  constructor(root: string, split: EmnistSplit, options: IdxDatasetOptions<T, Y> = {}) {
    super(emnistSource(split), root, options);
    this.split = split;
  }

  /** Like the constructor, but can download: one archive with all splits. */
  static async open<T = Tensor, Y = number>(
    root: string,
    split: EmnistSplit,
    options: IdxOpenOptions<T, Y> = {},
  ): Promise<EMNIST<T, Y>> {
    const { download, onProgress, signal, ...rest } = options;
    const wanted = emnistSource(split)
      .files(options.train ?? true)
      .map((file) => join(EMNIST_FOLDER, `${file}.gz`));
    if (download === true)
      await fetchFiles({ ...EMNIST_ARCHIVE, needs: () => wanted }, expandHome(root), {}, { onProgress, signal });
    return new EMNIST<T, Y>(root, split, rest);
  }
}

const EMNIST_FOLDER = join('EMNIST', 'raw');
const EMNIST_URL = 'https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/gzip.zip';
const EMNIST_ARCHIVE = {
  name: 'EMNIST',
  downloads: () => [
    {
      url: EMNIST_URL,
      file: join(EMNIST_FOLDER, 'gzip.zip'),
      md5: '58c8d27c78d21e728a6bc7b3cc06412e',
      unpack: EMNIST_FOLDER,
    },
  ],
  arrange: (root: string): void => {
    const inner = join(root, EMNIST_FOLDER, 'gzip');
    for (const file of readdirSync(inner)) renameSync(join(inner, file), join(root, EMNIST_FOLDER, file));
    rmdirSync(inner);
  },
};

function emnistSource(split: EmnistSplit): IdxSource {
  if (!Object.hasOwn(EMNIST_CLASSES, split))
    throw ArgumentError.expected('split', `one of ${Object.keys(EMNIST_CLASSES).join(', ')}`, split);
  const files = (train: boolean): readonly [string, string] => {
    const prefix = `emnist-${split}-${train ? 'train' : 'test'}`;
    return [`${prefix}-images-idx3-ubyte`, `${prefix}-labels-idx1-ubyte`];
  };
  const advice = `EMNIST.open(root, split, { download: true }) fetches it. Or unpack ${EMNIST_URL} there`;
  return { name: 'EMNIST', classes: EMNIST_CLASSES[split], files, mirrors: [], md5: {}, advice };
}

/** Downloads what is missing and gives the options for the constructor. */
async function downloaded<T, Y>(
  source: IdxSource,
  root: string | undefined,
  options: IdxOpenOptions<T, Y>,
): Promise<IdxDatasetOptions<T, Y>> {
  const { download, onProgress, signal, ...rest } = options;
  await ensureFiles(source, root, { train: options.train, download, onProgress, signal });
  return rest;
}
