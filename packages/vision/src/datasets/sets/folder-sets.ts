/** @file Published data sets with one folder a class, under whatever folders their authors chose. */

import { readdirSync, renameSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseCsv } from '../csv.ts';
import { DatasetError } from '../errors.ts';
import { invalid, numbered, readLines, readText, wholeNumber } from '../files/text.ts';
import { hasExtension, IMG_EXTENSIONS } from '../folder.ts';
import { compareStrings, filesBelow, subfolders } from '../listing.ts';
import { googleDrive, type Index, published } from '../published.ts';
import { fromFiles, type Part, together, values } from '../samples.ts';

/** The images in one folder a class below `folder`, with the given names for the folders where they have others. */
function byFolder(
  folder: string,
  options: { extensions?: readonly string[]; without?: readonly string[]; name?: (folder: string) => string } = {},
): Index<number> {
  const { extensions = IMG_EXTENSIONS, without = [], name = (given: string) => given } = options;
  const folders = subfolders(folder).filter((given) => !without.includes(given));
  const paths: string[] = [];
  const targets: number[] = [];
  for (const [target, given] of folders.entries())
    for (const path of filesBelow(join(folder, given))) {
      if (!hasExtension(path, extensions)) continue;
      paths.push(path);
      targets.push(target);
    }
  if (paths.length === 0)
    throw new DatasetError('DATASET_EMPTY', folder, `${folder} holds no images; expected one folder a class with some`);
  return { samples: fromFiles(paths, values(targets)), classes: folders.map(name), targets };
}

/** Satellite pictures of ten kinds of land, 64×64 pixels. Files: `root/eurosat/2750/<class>/*.jpg`. */
export const EuroSAT = published({
  name: 'EuroSAT',
  choices: {},
  needs: () => ['eurosat/2750'],
  downloads: () => [
    {
      url: 'https://madm.dfki.de/files/sentinel/EuroSAT.zip',
      file: 'eurosat/EuroSAT.zip',
      md5: 'c8fa014336c82ac7804f0398fcb19387',
      unpack: 'eurosat',
    },
  ],
  read: (root) => byFolder(join(root, 'eurosat', '2750')),
});

/** Photos from 211 countries. Files: `root/country211/<split>/<country>/*.jpg`. */
export const Country211 = published({
  name: 'Country211',
  choices: { split: ['train', 'valid', 'test'] },
  needs: ({ split }) => [join('country211', split)],
  downloads: () => [
    {
      url: 'https://openaipublic.azureedge.net/clip/data/country211.tgz',
      file: 'country211.tgz',
      md5: '84988d7644798601126c29e9877aab6a',
      unpack: '',
    },
  ],
  read: (root, { split }) => byFolder(join(root, 'country211', split)),
});

/** Sentences of the Stanford Sentiment Treebank as pictures, negative or positive. Files: `root/rendered-sst2/<split>/<class>/*.png`. */
export const RenderedSST2 = published({
  name: 'RenderedSST2',
  choices: { split: ['train', 'val', 'test'] },
  needs: ({ split }) => ['negative', 'positive'].map((name) => join('rendered-sst2', SST2_FOLDERS[split], name)),
  downloads: () => [
    {
      url: 'https://openaipublic.azureedge.net/clip/data/rendered-sst2.tgz',
      file: 'rendered-sst2.tgz',
      md5: '2384d08e9dcfa4bd55b324e610496ee5',
      unpack: '',
    },
  ],
  read: (root, { split }) => byFolder(join(root, 'rendered-sst2', SST2_FOLDERS[split]), { extensions: ['.png'] }),
});
const SST2_FOLDERS = { train: 'train', val: 'valid', test: 'test' } as const;

/** 257 kinds of objects. Files: `root/caltech256/256_ObjectCategories/<number>.<name>/<number>_0001.jpg`. */
export const Caltech256 = published({
  name: 'Caltech256',
  choices: {},
  needs: () => ['caltech256/256_ObjectCategories'],
  downloads: () => [
    {
      url: googleDrive('1r6o0pSROcV1_VwT4oSjA2FBUSCWGuxLK'),
      file: 'caltech256/256_ObjectCategories.tar',
      md5: '67b4f42ca05d46448c6bb8ecd2220f6d',
      unpack: 'caltech256',
    },
  ],
  read: (root) => byFolder(join(root, 'caltech256', '256_ObjectCategories'), { extensions: ['.jpg'] }),
});

const GTSRB_BASE = 'https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370/';
const gtsrbFile = (name: string, md5: string) => ({
  url: `${GTSRB_BASE}${name}`,
  file: join('gtsrb', name),
  md5,
  unpack: 'gtsrb',
});

/**
 * Traffic signs of 43 kinds. Files: `root/gtsrb/GTSRB/Training/<class>/*.ppm`; to test `root/gtsrb/GTSRB/Final_Test/Images/*.ppm`
 * with `root/gtsrb/GT-final_test.csv`. Stallkamp et al., "Man vs. computer", 2012.
 */
export const GTSRB = published({
  name: 'GTSRB',
  choices: { split: ['train', 'test'] },
  needs: ({ split }) =>
    split === 'train' ? ['gtsrb/GTSRB/Training'] : ['gtsrb/GTSRB/Final_Test/Images', 'gtsrb/GT-final_test.csv'],
  downloads: ({ split }) =>
    split === 'train'
      ? [gtsrbFile('GTSRB-Training_fixed.zip', '513f3c79a4c5141765e10e952eaa2478')]
      : [
          gtsrbFile('GTSRB_Final_Test_Images.zip', 'c7e4e6327067d32654124b0fe9e82185'),
          gtsrbFile('GTSRB_Final_Test_GT.zip', 'fe31e9c9270bbcd7b84b7f21a9d9d9e5'),
        ],
  read: (root, { split }) => {
    if (split === 'train') return byFolder(join(root, 'gtsrb', 'GTSRB', 'Training'), { extensions: ['.ppm'] });
    const list = join(root, 'gtsrb', 'GT-final_test.csv');
    const [header, ...lines] = parseCsv(readText(list), ';');
    const [name, label] = ['Filename', 'ClassId'].map((column) => header?.fields.indexOf(column) ?? -1);
    if (name === undefined || label === undefined || name < 0 || label < 0)
      throw invalid(list, 'there are no columns "Filename" and "ClassId"');
    const folder = join(root, 'gtsrb', 'GTSRB', 'Final_Test', 'Images');
    const targets = lines.map(({ fields }) => wholeNumber(fields[label], list, 'ClassId'));
    const paths = lines.map(({ fields }) => join(folder, fields[name] ?? ''));
    return { samples: fromFiles(paths, values(targets)), targets };
  },
});

const OMNIGLOT_MD5 = {
  images_background: '68d2efa1b9178cc56df9314c21c6e718',
  images_evaluation: '6b91aef0f799c5bb55b94e3f2daec811',
};
const omniglotPart = (background: boolean) => (background ? 'images_background' : 'images_evaluation');

/**
 * Characters of 50 alphabets, drawn by 20 people each; grey. Files: `root/omniglot-py/images_background/<alphabet>/<character>/*.png`.
 * Lake, Salakhutdinov and Tenenbaum, 2015.
 */
export const Omniglot = published({
  name: 'Omniglot',
  choices: { background: [true, false] },
  needs: ({ background }) => [join('omniglot-py', omniglotPart(background))],
  downloads: ({ background }) => [
    {
      url: `https://raw.githubusercontent.com/brendenlake/omniglot/master/python/${omniglotPart(background)}.zip`,
      file: join('omniglot-py', `${omniglotPart(background)}.zip`),
      md5: OMNIGLOT_MD5[omniglotPart(background)],
      unpack: 'omniglot-py',
    },
  ],
  read: (root, { background }) => {
    const folder = join(root, 'omniglot-py', omniglotPart(background));
    const classes = subfolders(folder).flatMap((alphabet) =>
      subfolders(join(folder, alphabet)).map((character) => join(alphabet, character)),
    );
    const paths: string[] = [];
    const targets: number[] = [];
    for (const [target, character] of classes.entries())
      for (const path of filesBelow(join(folder, character))) {
        if (!path.endsWith('.png')) continue;
        paths.push(path);
        targets.push(target);
      }
    return { samples: fromFiles(paths, values(targets), 'GRAY'), classes, targets };
  },
});

/** Photos of 397 kinds of places. Files: `root/SUN397/<letter>/<place>/sun_*.jpg`, `root/SUN397/ClassName.txt`. Xiao et al., 2010. */
export const SUN397 = published({
  name: 'SUN397',
  choices: {},
  needs: () => ['SUN397/ClassName.txt'],
  downloads: () => [
    {
      url: 'http://vision.princeton.edu/projects/2010/SUN/SUN397.tar.gz',
      file: 'SUN397.tar.gz',
      md5: '8ca2778205c41d23104230ba66911c7a',
      unpack: '',
    },
  ],
  read: (root) => {
    const folder = join(root, 'SUN397');
    const list = join(folder, 'ClassName.txt');
    // `/a/abbey`: the letter is a folder, but no part of the name.
    const classes = readLines(list).map((line) => line.slice(3));
    const known = numbered(classes);
    const paths: string[] = [];
    const targets: number[] = [];
    for (const path of filesBelow(folder)) {
      if (!/^sun_.*\.jpg$/.test(basename(path))) continue;
      const name = path
        .slice(folder.length + 1)
        .split('/')
        .slice(1, -1)
        .join('/');
      const target = known.get(name);
      if (target === undefined) throw invalid(list, `the place ${name} of ${path} is not in it`);
      paths.push(path);
      targets.push(target);
    }
    return { samples: fromFiles(paths, values(targets)), classes, targets };
  },
});

const INAT_BASE = 'https://ml-inat-competition-datasets.s3.amazonaws.com/';
/** Archive, its MD5, and the folder in it. */
const INAT_VERSIONS = {
  '2021_train': ['2021/train.tar.gz', 'e0526d53c7f7b2e3167b2b43bb2690ed', 'train'],
  '2021_train_mini': ['2021/train_mini.tar.gz', 'db6ed8330e634445efc8fec83ae81442', 'train_mini'],
  '2021_valid': ['2021/val.tar.gz', 'f6f6e0e242e3d4c9569ba56400938afc', 'val'],
  '2017': ['2017/train_val_images.tar.gz', '7c784ea5e424efaec655bd392f87301f', 'train_val_images'],
  '2018': ['2018/train_val2018.tar.gz', 'b1c6952ce38f31868cc50ea72d066cc3', 'train_val2018'],
  '2019': ['2019/train_val2019.tar.gz', 'c60a6e2962c9b8ccbd458d12c8582644', 'train_val2019'],
} as const;
const RANKS = ['kingdom', 'phylum', 'class', 'order', 'family', 'genus'] as const;

/**
 * Photos of plants and animals. Files: `root/<version>/<number>_<kingdom>_…_<species>/*.jpg` from 2021 on, before that
 * `root/<version>/<group>/<category>/*.jpg`. Targets: `full`, the category; from 2021 on also its ranks, before that `super`,
 * its group. Several are given as an array.
 */
export const INaturalist = published({
  name: 'INaturalist',
  choices: {
    version: ['2021_train', '2021_train_mini', '2021_valid', '2017', '2018', '2019'],
    targetType: { anyOf: ['full', ...RANKS, 'super'] },
  },
  needs: ({ version }) => [version],
  downloads: ({ version }) => [
    {
      url: `${INAT_BASE}${INAT_VERSIONS[version][0]}`,
      file: `${version}.tgz`,
      md5: INAT_VERSIONS[version][1],
      unpack: '',
    },
  ],
  arrange: (root, { version }) => renameSync(join(root, INAT_VERSIONS[version][2]), join(root, version)),
  read: (root, { version, targetType }) => {
    const folder = join(root, version);
    const { categories, ranks } = version.startsWith('2021') ? ranksOf2021(folder) : ranksBefore2021(folder, version);
    const paths: string[] = [];
    const targets: number[] = [];
    for (const [target, category] of categories.entries())
      for (const name of readdirSync(join(folder, category)).sort(compareStrings)) {
        paths.push(join(folder, category, name));
        targets.push(target);
      }
    const part = (type: string): Part<number> => {
      if (type === 'full') return values(targets);
      const numbers = ranks.get(type);
      if (numbers === undefined)
        throw invalid(folder, `version ${version} has no target ${type}, only full, ${[...ranks.keys()].join(', ')}`);
      return { finish: (index) => numbers[targets[index] as number] as number };
    };
    return { samples: fromFiles(paths, together(targetType.map(part))), classes: categories, targets };
  },
});

interface Taxonomy {
  /** Folders of the categories. */
  readonly categories: readonly string[];
  /** For each kind of target, its number for each category. */
  readonly ranks: ReadonlyMap<string, readonly number[]>;
}

function ranksOf2021(folder: string): Taxonomy {
  const categories = subfolders(folder);
  const names = categories.map((category, i) => {
    const parts = category.split('_');
    if (parts.length !== 8 || Number(parts[0]) !== i)
      throw invalid(
        join(folder, category),
        `expected a name of 8 parts that begins with ${String(i).padStart(5, '0')}`,
      );
    return parts;
  });
  const ranks = RANKS.map((rank, r): [string, number[]] => {
    const seen = new Map<string, number>();
    return [rank, names.map((parts) => numberOf(seen, parts[r + 1] ?? ''))];
  });
  return { categories, ranks: new Map(ranks) };
}

/** Numbers names in the order in which they first appear. */
function numberOf(seen: Map<string, number>, name: string): number {
  const known = seen.get(name) ?? seen.size;
  seen.set(name, known);
  return known;
}

function ranksBefore2021(folder: string, version: string): Taxonomy {
  const categories: string[] = [];
  const groups: number[] = [];
  for (const [group, name] of subfolders(folder).entries())
    for (const category of subfolders(join(folder, name))) {
      const at =
        version === '2017' ? categories.length : wholeNumber(category, join(folder, name), 'the name of a category');
      if (categories[at] !== undefined) throw invalid(join(folder, name, category), `there are two categories ${at}`);
      categories[at] = join(name, category);
      groups[at] = group;
    }
  const missing = Array.from(categories, (category) => category ?? '').indexOf('');
  if (missing >= 0) throw invalid(folder, `category ${missing} is missing`);
  return { categories, ranks: new Map([['super', groups]]) };
}
