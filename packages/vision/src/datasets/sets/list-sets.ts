/** @file Published data sets whose images and classes are listed in files of text, JSON or MATLAB. */

import { readdirSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fromTypedArray, type Tensor } from '@edgeai/torch';
import { matArray, matNumber, matStruct, matText, readMat } from '../files/mat.ts';
import { classNumber, invalid, numbered, readJson, readLines, wholeNumber } from '../files/text.ts';
import { compareStrings, subfolders } from '../listing.ts';
import { type DownloadStep, googleDrive, type Index, published } from '../published.ts';
import { fromFiles, maskFiles, matFiles, type Part, rows, together, values } from '../samples.ts';

/** Images with a class each. */
function listed(paths: readonly string[], targets: readonly number[], classes?: readonly string[]): Index<number> {
  return { samples: fromFiles(paths, values(targets)), classes, targets };
}

/** 101 kinds of dishes, 750 photos each to train, 250 to test. Files: `root/food-101/images/<class>/*.jpg`, `meta/<split>.json`. Bossard et al., 2014. */
export const Food101 = published({
  name: 'Food101',
  choices: { split: ['train', 'test'] },
  needs: ({ split }) => ['food-101/images', `food-101/meta/${split}.json`],
  downloads: () => [
    {
      url: 'http://data.vision.ee.ethz.ch/cvl/food-101.tar.gz',
      file: 'food-101.tar.gz',
      md5: '85eeb15f3717b99a5da872d97d918f87',
      unpack: '',
    },
  ],
  read: (root, { split }) => {
    const list = join(root, 'food-101', 'meta', `${split}.json`);
    const content = readJson(list);
    if (typeof content !== 'object' || content === null) throw invalid(list, 'expected lists of images by class');
    const classes = Object.keys(content).sort(compareStrings);
    const known = numbered(classes);
    const pairs = Object.entries(content).flatMap(([name, images]: [string, unknown]) => {
      if (!Array.isArray(images)) throw invalid(list, `${name} has no list of images`);
      return images.map((image): [string, number] => [String(image), known.get(name) ?? -1]);
    });
    const folder = join(root, 'food-101', 'images');
    return listed(
      pairs.map(([image]) => join(folder, `${image}.jpg`)),
      pairs.map(([, target]) => target),
      classes,
    );
  },
});

/** 47 kinds of textures. Files: `root/dtd/dtd/images/<class>/*.jpg`, `labels/<split><partition>.txt`. Cimpoi et al., 2014. */
export const DTD = published({
  name: 'DTD',
  choices: { split: ['train', 'val', 'test'], partition: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] },
  needs: ({ split, partition }) => ['dtd/dtd/images', `dtd/dtd/labels/${split}${partition}.txt`],
  downloads: () => [
    {
      url: 'https://www.robots.ox.ac.uk/~vgg/data/dtd/download/dtd-r1.0.1.tar.gz',
      file: 'dtd/dtd-r1.0.1.tar.gz',
      md5: 'fff73e5086ae6bdbea199a49dfb8a4c1',
      unpack: 'dtd',
    },
  ],
  read: (root, { split, partition }) => {
    const folder = join(root, 'dtd', 'dtd');
    const lines = readLines(join(folder, 'labels', `${split}${partition}.txt`));
    const classes = [...new Set(lines.map(dirname))].sort(compareStrings);
    const known = numbered(classes);
    return listed(
      lines.map((line) => join(folder, 'images', line)),
      lines.map((line) => known.get(dirname(line)) ?? -1),
      classes,
    );
  },
});

const AIRCRAFT_LISTS = { variant: 'variants.txt', family: 'families.txt', manufacturer: 'manufacturers.txt' };

/**
 * 10,000 photos of aircraft, by variant, family or manufacturer. Files: `root/fgvc-aircraft-2013b/data/images/*.jpg`,
 * `data/images_<level>_<split>.txt`. Maji et al., 2013.
 */
export const FGVCAircraft = published({
  name: 'FGVCAircraft',
  choices: { split: ['trainval', 'train', 'val', 'test'], annotationLevel: ['variant', 'family', 'manufacturer'] },
  needs: ({ split, annotationLevel }) => [`fgvc-aircraft-2013b/data/images_${annotationLevel}_${split}.txt`],
  downloads: () => [
    {
      url: 'https://www.robots.ox.ac.uk/~vgg/data/fgvc-aircraft/archives/fgvc-aircraft-2013b.tar.gz',
      file: 'fgvc-aircraft-2013b.tar.gz',
      unpack: '',
    },
  ],
  read: (root, { split, annotationLevel }) => {
    const folder = join(root, 'fgvc-aircraft-2013b', 'data');
    const list = join(folder, `images_${annotationLevel}_${split}.txt`);
    const classes = readLines(join(folder, AIRCRAFT_LISTS[annotationLevel]));
    const known = numbered(classes);
    const pairs = readLines(list).map((line): [string, string] => {
      const space = line.indexOf(' ');
      return [line.slice(0, space), line.slice(space + 1)];
    });
    return listed(
      pairs.map(([image]) => join(folder, 'images', `${image}.jpg`)),
      pairs.map(([, name]) => classNumber(known, name, list)),
      classes,
    );
  },
});

const FLOWERS_BASE = 'https://www.robots.ox.ac.uk/~vgg/data/flowers/102/';
const FLOWERS_LISTS = {
  'imagelabels.mat': 'e0620be6f572b9609742df49c70aed4d',
  'setid.mat': 'a5357ecc9cb78c4bef273ce3793fc85c',
};
const FLOWERS_SPLITS = { train: 'trnid', val: 'valid', test: 'tstid' };

/** 102 kinds of flowers. Files: `root/flowers-102/jpg/image_00001.jpg`, `imagelabels.mat`, `setid.mat`. Nilsback and Zisserman, 2008. */
export const Flowers102 = published({
  name: 'Flowers102',
  choices: { split: ['train', 'val', 'test'] },
  needs: () => ['flowers-102/jpg', ...Object.keys(FLOWERS_LISTS).map((file) => `flowers-102/${file}`)],
  md5: () => Object.fromEntries(Object.entries(FLOWERS_LISTS).map(([file, md5]) => [`flowers-102/${file}`, md5])),
  downloads: (): DownloadStep[] => [
    {
      url: `${FLOWERS_BASE}102flowers.tgz`,
      file: 'flowers-102/102flowers.tgz',
      md5: '52808999861908f626f3c1f4e79d11fa',
      unpack: 'flowers-102',
    },
    ...Object.entries(FLOWERS_LISTS).map(([file, md5]) => ({
      url: `${FLOWERS_BASE}${file}`,
      file: `flowers-102/${file}`,
      md5,
    })),
  ],
  read: (root, { split }) => {
    const folder = join(root, 'flowers-102');
    const [labelFile, setFile] = [join(folder, 'imagelabels.mat'), join(folder, 'setid.mat')];
    const labels = matArray(readMat(labelFile), 'labels', labelFile).data;
    const images = Array.from(matArray(readMat(setFile), FLOWERS_SPLITS[split], setFile).data);
    return listed(
      images.map((id) => join(folder, 'jpg', `image_${String(id).padStart(5, '0')}.jpg`)),
      images.map((id) => {
        const label = labels[id - 1];
        if (label === undefined) throw invalid(labelFile, `there is no label for image ${id}`);
        return label - 1;
      }),
    );
  },
});

/**
 * 196 kinds of cars. Files: `root/stanford_cars/cars_<split>/*.jpg`, `devkit/*.mat` and, to test, `cars_test_annos_withlabels.mat`.
 * Krause et al., 2013.
 */
export const StanfordCars = published({
  name: 'StanfordCars',
  choices: { split: ['train', 'test'] },
  needs: ({ split }) => [
    'stanford_cars/devkit/cars_meta.mat',
    `stanford_cars/cars_${split}`,
    split === 'train' ? 'stanford_cars/devkit/cars_train_annos.mat' : 'stanford_cars/cars_test_annos_withlabels.mat',
  ],
  downloads: ({ split }): DownloadStep[] => [
    carsArchive('cars/car_devkit.tgz', 'c3b158d763b6e2245038c8ad08e45376'),
    ...(split === 'train'
      ? [carsArchive('car196/cars_train.tgz', '065e5b463ae28d29e77c1b4b166cfe61')]
      : [
          carsArchive('car196/cars_test.tgz', '4ce7ebf6a94d07f1952d94dd34c4d501'),
          {
            ...carsArchive('car196/cars_test_annos_withlabels.mat', 'b0a2b23655a3edd16d84508592a98d10'),
            unpack: undefined,
          },
        ]),
  ],
  read: (root, { split }) => {
    const folder = join(root, 'stanford_cars');
    const list =
      split === 'train'
        ? join(folder, 'devkit', 'cars_train_annos.mat')
        : join(folder, 'cars_test_annos_withlabels.mat');
    const meta = join(folder, 'devkit', 'cars_meta.mat');
    const names = readMat(meta).get('class_names');
    const cars = matStruct(readMat(list), 'annotations', list).items.map((item, i): [string, number] => {
      const [file, number] = [matText(item.fname), matNumber(item.class)];
      if (file === undefined || number === undefined) throw invalid(list, `annotation ${i} lacks fname or class`);
      return [join(folder, `cars_${split}`, file), number - 1];
    });
    return listed(
      cars.map(([path]) => path),
      cars.map(([, target]) => target),
      names?.kind === 'cell' ? names.items.map((item) => matText(item) ?? '') : [],
    );
  },
});
const carsArchive = (file: string, md5: string) => ({
  url: `https://ai.stanford.edu/~jkrause/${file}`,
  file: join('stanford_cars', basename(file)),
  md5,
  unpack: 'stanford_cars',
});

const PLACES_BASE = 'http://data.csail.mit.edu/places/places365/';
const PLACES_LISTS = {
  'train-standard': ['places365_train_standard.txt', '30f37515461640559006b8329efbed1a'],
  'train-challenge': ['places365_train_challenge.txt', 'b2931dc997b8c33c27e7329c073a6b57'],
  val: ['places365_val.txt', 'e9f2fd57bfd9d07630173f4e8708e4b1'],
} as const;
const PLACES_KITS = {
  standard: ['filelist_places365-standard.tar', '35a0585fee1fa656440f3ab298f8479c'],
  challenge: ['filelist_places365-challenge.tar', '70a8307e459c3de41690a7c76c931734'],
} as const;
/** Archives of large and of small images. */
const PLACES_IMAGES = {
  'train-standard': [
    ['train_large_places365standard.tar', '67e186b496a84c929568076ed01a8aa1'],
    ['train_256_places365standard.tar', '53ca1c756c3d1e7809517cc47c5561c5'],
  ],
  'train-challenge': [
    ['train_large_places365challenge.tar', '605f18e68e510c82b958664ea134545f'],
    ['train_256_places365challenge.tar', '741915038a5e3471ec7332404dfb64ef'],
  ],
  val: [
    ['val_large.tar', '9b71c4993ad89d2d8bcbdc4aef38042f'],
    ['val_256.tar', 'e27b17d8d44f4af9a78502beb927f808'],
  ],
} as const;
type PlacesSplit = keyof typeof PLACES_LISTS;
const placesVariant = (split: PlacesSplit) => (split === 'train-challenge' ? 'challenge' : 'standard');
const placesFolder = (split: PlacesSplit, small: boolean) =>
  split === 'val' ? `val_${small ? '256' : 'large'}` : `data_${small ? '256' : 'large'}_${placesVariant(split)}`;

/**
 * Photos of 365 kinds of places. Files: `root/data_large_standard/…`, `root/val_large/…` (`data_256_…` with `small`),
 * `categories_places365.txt` and the lists. Zhou et al., 2017.
 */
export const Places365 = published({
  name: 'Places365',
  choices: { split: ['train-standard', 'train-challenge', 'val'], small: [false, true] },
  needs: ({ split, small }) => ['categories_places365.txt', PLACES_LISTS[split][0], placesFolder(split, small)],
  md5: ({ split }) => ({
    'categories_places365.txt': '06c963b85866bd0649f97cb43dd16673',
    [PLACES_LISTS[split][0]]: PLACES_LISTS[split][1],
  }),
  downloads: ({ split, small }) =>
    [PLACES_KITS[placesVariant(split)], PLACES_IMAGES[split][small ? 1 : 0]].map(([file, md5]) => ({
      url: `${PLACES_BASE}${file}`,
      file,
      md5,
      unpack: '',
    })),
  arrange: (root, { split, small }) => {
    if (split !== 'val')
      renameSync(join(root, `data_${small ? '256' : 'large'}`), join(root, placesFolder(split, small)));
  },
  read: (root, { split, small }) => {
    const pair =
      (list: string) =>
      (line: string): [string, number] => {
        const [name = '', number] = line.split(/\s+/);
        return [name, wholeNumber(number, list, 'the class')];
      };
    const [categories, list] = [join(root, 'categories_places365.txt'), join(root, PLACES_LISTS[split][0])];
    const classes = readLines(categories).map(pair(categories));
    const images = readLines(list).map(pair(list));
    const folder = join(root, placesFolder(split, small));
    return listed(
      images.map(([path]) => join(folder, path)),
      images.map(([, target]) => target),
      classes.sort(([, a], [, b]) => a - b).map(([name]) => name),
    );
  },
});

/**
 * Pictures of up to ten objects; the class is their number, null to test. Files: `root/clevr/CLEVR_v1.0/images/<split>/*.png`,
 * `scenes/CLEVR_<split>_scenes.json`. Johnson et al., 2017.
 */
export const CLEVRClassification = published({
  name: 'CLEVRClassification',
  choices: { split: ['train', 'val', 'test'] },
  needs: ({ split }) => [
    `clevr/CLEVR_v1.0/images/${split}`,
    ...(split === 'test' ? [] : [`clevr/CLEVR_v1.0/scenes/CLEVR_${split}_scenes.json`]),
  ],
  downloads: () => [
    {
      url: 'https://dl.fbaipublicfiles.com/clevr/CLEVR_v1.0.zip',
      file: 'clevr/CLEVR_v1.0.zip',
      md5: 'b11922020e72d0cd9154779b2d3d07d2',
      unpack: 'clevr',
    },
  ],
  read: (root, { split }): Index<number | null> => {
    const folder = join(root, 'clevr', 'CLEVR_v1.0');
    const images = readdirSync(join(folder, 'images', split)).sort(compareStrings);
    const paths = images.map((name) => join(folder, 'images', split, name));
    if (split === 'test') return { samples: fromFiles(paths, values(images.map(() => null))) };
    const list = join(folder, 'scenes', `CLEVR_${split}_scenes.json`);
    const content = readJson(list) as { scenes?: { image_filename: string; objects: unknown[] }[] };
    if (!Array.isArray(content.scenes)) throw invalid(list, 'there are no scenes');
    const counts = new Map(content.scenes.map((scene) => [scene.image_filename, scene.objects.length]));
    const targets = images.map((name) => classNumber(counts, name, list));
    return { samples: fromFiles(paths, values<number | null>(targets)), targets };
  },
});

const PETS_BASE = 'https://www.robots.ox.ac.uk/~vgg/data/pets/data/';

/**
 * 37 breeds of cats and dogs. Files: `root/oxford-iiit-pet/images/*.jpg`, `annotations/<split>.txt`, `annotations/trimaps/*.png`.
 * Targets: `category`, the breed; `segmentation`, uint8 [1, H, W] with 1 the animal, 2 the ground, 3 neither. Parkhi et al., 2012.
 */
export const OxfordIIITPet = published({
  name: 'OxfordIIITPet',
  choices: { split: ['trainval', 'test'], targetTypes: { anyOf: ['category', 'segmentation'] } },
  needs: ({ split }) => ['oxford-iiit-pet/images', `oxford-iiit-pet/annotations/${split}.txt`],
  downloads: () =>
    [
      ['images.tar.gz', '5c4f3ee8e5d25df40f4fd59a7f44e54c'],
      ['annotations.tar.gz', '95a8c909bbe2e81eed6a22bccdf3f68f'],
    ].map(([file = '', md5]) => ({
      url: `${PETS_BASE}${file}`,
      file: join('oxford-iiit-pet', file),
      md5,
      unpack: 'oxford-iiit-pet',
    })),
  read: (root, { split, targetTypes }) => {
    const folder = join(root, 'oxford-iiit-pet');
    const list = join(folder, 'annotations', `${split}.txt`);
    const pets = readLines(list).map((line): [string, number] => {
      const [name = '', label] = line.split(/\s+/);
      return [name, wholeNumber(label, list, 'the breed') - 1];
    });
    const targets = pets.map(([, target]) => target);
    const classes: string[] = [];
    for (const [name, target] of pets) classes[target] ??= titled(name.slice(0, name.lastIndexOf('_')));
    const trimap = (index: number) => join(folder, 'annotations', 'trimaps', `${pets[index]?.[0]}.png`);
    const parts: Record<'category' | 'segmentation', Part<number | Tensor>> = {
      category: values(targets),
      segmentation: maskFiles(trimap),
    };
    const paths = pets.map(([name]) => join(folder, 'images', `${name}.jpg`));
    return { samples: fromFiles(paths, together(targetTypes.map((type) => parts[type]))), classes, targets };
  },
});

/** `english_cocker` is `English Cocker`. */
function titled(name: string): string {
  return name
    .split('_')
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1).toLowerCase())
    .join(' ');
}

/** Folders of the outlines, where they are called otherwise than those of the images. */
const CALTECH_OUTLINES: Readonly<Record<string, string>> = {
  Faces: 'Faces_2',
  Faces_easy: 'Faces_3',
  Motorbikes: 'Motorbikes_16',
  airplanes: 'Airplanes_Side_2',
};

/**
 * 101 kinds of objects. Files: `root/caltech101/101_ObjectCategories/<class>/image_0001.jpg`, `Annotations/<class>/annotation_0001.mat`.
 * Targets: `category`, the class; `annotation`, the outline as float64 [2, points]. Li et al., 2004.
 */
export const Caltech101 = published({
  name: 'Caltech101',
  choices: { targetType: { anyOf: ['category', 'annotation'] } },
  needs: () => ['caltech101/101_ObjectCategories'],
  downloads: () => [
    {
      url: googleDrive('137RyRjvTBkBiIfeYBNZBtViDHQ6_Ewsp'),
      file: 'caltech101/101_ObjectCategories.tar.gz',
      md5: 'b224c7392d521a49829488ab0f1120d9',
      unpack: 'caltech101',
    },
    {
      url: googleDrive('175kQy3UsZ0wUEHZjqkUDdNVssr7bgh_m'),
      file: 'caltech101/Annotations.tar',
      md5: '6f83eeb1f24d99cab4eb377263132c91',
      unpack: 'caltech101',
    },
  ],
  read: (root, { targetType }) => {
    const folder = join(root, 'caltech101');
    const images = join(folder, '101_ObjectCategories');
    const classes = subfolders(images).filter((name) => name !== 'BACKGROUND_Google');
    const entries = classes.flatMap((name, target) =>
      readdirSync(join(images, name))
        .filter((file) => file.endsWith('.jpg'))
        .sort(compareStrings)
        .map((file) => ({ target, path: join(images, name, file) })),
    );
    const targets = entries.map(({ target }) => target);
    const outline = (index: number): string => {
      const { target = 0, path = '' } = entries[index] ?? {};
      const name = classes[target] ?? '';
      const file = basename(path).replace(/^image_(\d+)\.jpg$/, 'annotation_$1.mat');
      return join(folder, 'Annotations', CALTECH_OUTLINES[name] ?? name, file);
    };
    const parts: Record<'category' | 'annotation', Part<number | Tensor>> = {
      category: values(targets),
      annotation: matFiles(outline, (variables, path) => {
        const { data, shape } = matArray(variables, 'obj_contour', path);
        return fromTypedArray(Float64Array.from(data), [...shape].reverse()).t();
      }),
    };
    const paths = entries.map(({ path }) => path);
    return { samples: fromFiles(paths, together(targetType.map((type) => parts[type]))), classes, targets };
  },
});

/** File, its address in Google Drive and its MD5. */
const CELEBA_FILES = [
  ['img_align_celeba.zip', '0B7EVK8r0v71pZjFTYXZWM3FlRnM', '00d2c5bc6d35e252742224ab0c1e8fcb'],
  ['list_attr_celeba.txt', '0B7EVK8r0v71pblRyaVFSWGxPY0U', '75e246fa4810816ffd6ee81facbd244c'],
  ['identity_CelebA.txt', '1_ee_0u7vcNLOfNLegJRHmolfH5ICW-XS', '32bd1bd63d3c78cd57e08160ec5ed1e2'],
  ['list_bbox_celeba.txt', '0B7EVK8r0v71pbThiMVRxWXZ4dU0', '00566efa6fedff7a56946cd1c10f1c16'],
  ['list_landmarks_align_celeba.txt', '0B7EVK8r0v71pd0FJY3Blby1HUTQ', 'cc24ecafdb5b50baae59b03474781f8c'],
  ['list_eval_partition.txt', '0B7EVK8r0v71pY0NSMzRuSXJEVkk', 'd32c9cbf5e040fd4025c592c306e6668'],
] as const;
const CELEBA_SPLITS = { train: 0, valid: 1, test: 2, all: undefined };

/**
 * Faces of celebrities. Files: `root/celeba/img_align_celeba/*.jpg`, `list_attr_celeba.txt` and so on. Targets: `attr`, 40 of
 * 0 or 1; `identity`, a number; `bbox`, [x, y, width, height] in the picture that the face was cut from; `landmarks`, ten
 * coordinates: int64 tensors. `classes` are the attributes' names. Liu et al., 2015.
 */
export const CelebA = published({
  name: 'CelebA',
  choices: {
    split: ['train', 'valid', 'test', 'all'],
    targetType: { anyOf: ['attr', 'identity', 'bbox', 'landmarks'] },
  },
  needs: () => ['celeba/img_align_celeba', ...CELEBA_FILES.slice(1).map(([file]) => `celeba/${file}`)],
  md5: () => Object.fromEntries(CELEBA_FILES.slice(1).map(([file, , md5]) => [`celeba/${file}`, md5])),
  downloads: () =>
    CELEBA_FILES.map(([file, id, md5]) => ({
      url: googleDrive(id),
      file: `celeba/${file}`,
      md5,
      ...(file.endsWith('.zip') ? { unpack: 'celeba' } : {}),
    })),
  read: (root, { split, targetType }) => {
    const folder = join(root, 'celeba');
    const table = (file: string, headerLines: number) => {
      const lines = readLines(join(folder, file)).map((line) => line.split(/\s+/));
      return { header: lines[headerLines - 1] ?? [], rows: lines.slice(headerLines) };
    };
    const wanted = CELEBA_SPLITS[split];
    const parts = table('list_eval_partition.txt', 0).rows;
    const kept = parts.flatMap(([, part], i) => (wanted === undefined || Number(part) === wanted ? [i] : []));
    const attributes = table('list_attr_celeba.txt', 2);
    const numbers = (lines: readonly string[][]) => kept.map((i) => (lines[i] ?? []).slice(1).map(Number));
    const identity = (): Part<number | Tensor> =>
      values(numbers(table('identity_CelebA.txt', 0).rows).map((row) => row[0] ?? -1));
    const makers: Record<(typeof targetType)[number], () => Part<number | Tensor>> = {
      attr: () => rows(numbers(attributes.rows).map((row) => row.map((value) => (value > 0 ? 1 : 0)))),
      identity,
      bbox: () => rows(numbers(table('list_bbox_celeba.txt', 2).rows)),
      landmarks: () => rows(numbers(table('list_landmarks_align_celeba.txt', 2).rows)),
    };
    const paths = kept.map((i) => join(folder, 'img_align_celeba', parts[i]?.[0] ?? ''));
    return {
      samples: fromFiles(paths, together(targetType.map((type) => makers[type]()))),
      classes: attributes.header,
    };
  },
});
