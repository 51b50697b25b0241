/** @file Labeled Faces in the Wild: faces with a person each, and pairs of faces that are or are not of the same person. */

import { join } from 'node:path';
import { data, scope, type Tensor } from '@edgeai/torch';
import { loadImage } from '../../io/decode.ts';
import { type DecodedImage, imageToTensor } from '../../io/decoded-image.ts';
import { requireIntegrity } from '../archives/integrity.ts';
import { classNumber, invalid, numbered, readLines, wholeNumber } from '../files/text.ts';
import { expandHome } from '../listing.ts';
import {
  choose,
  type DownloadChoice,
  type DownloadStep,
  fetchFiles,
  type Given,
  type IntegrityChoice,
  published,
  refuseDownload,
  requireFiles,
} from '../published.ts';
import { fromFiles, values } from '../samples.ts';

const BASE = 'http://vis-www.cs.umass.edu/lfw/';
const FOLDER = 'lfw-py';
/** Folder, archive, MD5. */
const IMAGES = {
  funneled: ['lfw_funneled', 'lfw-funneled.tgz', '1b42dfed7d15c9b2dd63d5e5840c86ad'],
  original: ['lfw', 'lfw.tgz', 'a17d05bd522c52d84eca14327a23d494'],
  deepfunneled: ['lfw-deepfunneled', 'lfw-deepfunneled.tgz', '68331da3eb755a505a502b5aacb3c201'],
} as const;
const LISTS: Readonly<Record<string, string>> = {
  'pairs.txt': '9f1ba174e4e1c508ff7cdf10ac338a7d',
  'pairsDevTest.txt': '5132f7440eb68cf58910c8a45a2ac10b',
  'pairsDevTrain.txt': '4f27cbf15b2da4a85c1907eb4181ad21',
  'people.txt': '450f0863dd89e85e73936a6d71a3474b',
  'peopleDevTest.txt': 'e4bf5be0a43b5dcd9dc5ccfcb8fb19c5',
  'peopleDevTrain.txt': '54eaac34beb6d042ed3a7d883e247a21',
  'lfw-names.txt': 'a6d0a479bd074669f656265a6e693f6d',
};
const SUFFIXES = { '10fold': '', train: 'DevTrain', test: 'DevTest' } as const;
const CHOICES = {
  split: ['10fold', 'train', 'test'],
  imageSet: ['funneled', 'original', 'deepfunneled'],
} as const;

interface Chosen {
  readonly split: keyof typeof SUFFIXES;
  readonly imageSet: keyof typeof IMAGES;
}

/** The files of one of the two views. */
function filesOf(view: 'people' | 'pairs') {
  const lists = ({ split }: Chosen): string[] => [
    `${view}${SUFFIXES[split]}.txt`,
    ...(view === 'people' ? ['lfw-names.txt'] : []),
  ];
  return {
    needs: (chosen: Chosen) => [IMAGES[chosen.imageSet][0], ...lists(chosen)].map((file) => join(FOLDER, file)),
    md5: (chosen: Chosen) => Object.fromEntries(lists(chosen).map((file) => [join(FOLDER, file), LISTS[file] ?? ''])),
    downloads: (chosen: Chosen): DownloadStep[] => {
      const [, archive, md5] = IMAGES[chosen.imageSet];
      return [
        { url: `${BASE}${archive}`, file: join(FOLDER, archive), md5, unpack: FOLDER },
        ...lists(chosen).map((file) => ({ url: `${BASE}${file}`, file: join(FOLDER, file), md5: LISTS[file] })),
      ];
    },
  };
}

function imagePath(root: string, imageSet: Chosen['imageSet'], person: string, number: string): string {
  return join(root, FOLDER, IMAGES[imageSet][0], person, `${person}_${number.padStart(4, '0')}.jpg`);
}

/**
 * Faces of 5,749 people. Files: `root/lfw-py/lfw_funneled/<name>/<name>_0001.jpg`, `people.txt`, `lfw-names.txt`.
 * Huang et al., 2007.
 */
export const LFWPeople = published({
  name: 'LFWPeople',
  choices: CHOICES,
  ...filesOf('people'),
  read: (root, { split, imageSet }) => {
    const classes = readLines(join(root, FOLDER, 'lfw-names.txt')).map((line) => line.split(/\s+/)[0] ?? '');
    const known = numbered(classes);
    const list = join(root, FOLDER, `people${SUFFIXES[split]}.txt`);
    const lines = readLines(list);
    const paths: string[] = [];
    const targets: number[] = [];
    let at = split === '10fold' ? 1 : 0;
    const folds = split === '10fold' ? wholeNumber(lines[0], list, 'the number of folds') : 1;
    for (let fold = 0; fold < folds; fold++) {
      const count = wholeNumber(lines[at++], list, 'the number of people');
      for (const line of lines.slice(at, at + count)) {
        const [person = '', images] = line.split('\t');
        const target = classNumber(known, person, list);
        for (let i = 1; i <= wholeNumber(images, list, 'the number of images'); i++) {
          paths.push(imagePath(root, imageSet, person, String(i)));
          targets.push(target);
        }
      }
      at += count;
    }
    return { samples: fromFiles(paths, values(targets)), classes, targets };
  },
});

export interface LFWPairsOptions<T> extends Given<typeof CHOICES>, IntegrityChoice {
  /** What happens to each of the two pictures. */
  transform?: (image: Tensor) => T;
}

const PAIRS = { name: 'LFWPairs', choices: CHOICES, ...filesOf('pairs') };

/**
 * Pairs of faces: [picture, picture, 1 for the same person and 0 for two]. Files: `root/lfw-py/lfw_funneled/…`, `pairs.txt`.
 */
@data.portable(import.meta.url)
export class LFWPairs<T = Tensor> implements data.Dataset<[T, T, number]> {
  readonly pairs: readonly (readonly [first: string, second: string])[];
  readonly targets: readonly number[];
  readonly transform: ((image: Tensor) => T) | undefined;

  /** @throws {DatasetError} when files are missing or damaged */
  constructor(root: string, options: LFWPairsOptions<T> = {}) {
    refuseDownload(PAIRS.name, options);
    const chosen = choose(PAIRS, { ...options });
    const folder = expandHome(root);
    requireFiles(PAIRS, folder, chosen);
    if (options.checkIntegrity ?? true)
      for (const [file, md5] of Object.entries(PAIRS.md5(chosen)))
        requireIntegrity(join(folder, file), md5, PAIRS.name);
    this.transform = options.transform;
    const { split, imageSet } = chosen;
    const list = join(folder, FOLDER, `pairs${SUFFIXES[split]}.txt`);
    const lines = readLines(list);
    const [first, second] = lines[0]?.split(/\s+/) ?? [];
    const folds = split === '10fold' ? wholeNumber(first, list, 'the number of folds') : 1;
    const count = wholeNumber(split === '10fold' ? second : first, list, 'the number of pairs');
    const rest = lines.slice(1, 1 + folds * 2 * count).map((line) => line.split('\t'));
    if (rest.length < folds * 2 * count)
      throw invalid(list, `it has ${rest.length} pairs, its first line says ${folds * 2 * count}`);
    this.pairs = rest.map(([a = '', i = '', b = '', j]) =>
      j === undefined
        ? [imagePath(folder, imageSet, a, i), imagePath(folder, imageSet, a, b)]
        : [imagePath(folder, imageSet, a, i), imagePath(folder, imageSet, b, j)],
    );
    this.targets = rest.map((fields) => (fields.length === 3 ? 1 : 0));
  }

  /** Like the constructor, but can download. */
  static async open<T = Tensor>(root: string, options: LFWPairsOptions<T> & DownloadChoice = {}): Promise<LFWPairs<T>> {
    const { download, onProgress, signal, ...rest } = options;
    if (download === true)
      await fetchFiles(PAIRS, expandHome(root), choose(PAIRS, { ...rest }), { onProgress, signal });
    return new LFWPairs<T>(root, rest);
  }

  get length(): number {
    return this.pairs.length;
  }

  load(index: number): Promise<readonly DecodedImage[]> {
    data.checkIndex(index, this.length);
    return Promise.all((this.pairs[index] ?? []).map((path) => loadImage(path, 'RGB')));
  }

  finish(loaded: unknown, index: number): [T, T, number] {
    const [first, second] = loaded as [DecodedImage, DecodedImage];
    const make = (image: DecodedImage): T => {
      const picture = imageToTensor(image);
      return this.transform === undefined ? (picture as unknown as T) : this.transform(picture);
    };
    return scope(() => [make(first), make(second), this.targets[index] as number]);
  }

  /** The sample. Its tensors are made after an `await` and belong to no scope. */
  async get(index: number): Promise<[T, T, number]> {
    return this.finish(await this.load(index), index);
  }

  /** The paths of both pictures. */
  describe(index: number): string {
    data.checkIndex(index, this.length);
    return (this.pairs[index] ?? []).join(' and ');
  }
}
