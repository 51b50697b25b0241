/** @file Scenes with a class for every pixel, or objects with boxes in space: Cityscapes, CamVid, ADE20K, SBD, KITTI, WIDER FACE. */

import { existsSync, readdirSync, renameSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ArgumentError, fromTypedArray, type Tensor } from '@edgeai/torch';
import { downloadFile } from '../../download.ts';
import { extractArchive } from '../archives/extract.ts';
import { DatasetError } from '../errors.ts';
import { type MatValue, matStruct } from '../files/mat.ts';
import { invalid, readLines, readText, wholeNumber } from '../files/text.ts';
import { hasExtension, IMG_EXTENSIONS } from '../folder.ts';
import { compareStrings, subfolders } from '../listing.ts';
import { googleDrive, type Index, published } from '../published.ts';
import { fromFiles, imageFiles, maskFiles, matFiles, type Part, textFiles, together, values } from '../samples.ts';
import { CITYSCAPES_CLASSES } from './cityscapes-classes.ts';

const CITYSCAPES_SPLITS = { fine: ['train', 'val', 'test'], coarse: ['train', 'train_extra', 'val'] };
const CITYSCAPES_SUFFIXES = {
  instance: 'instanceIds.png',
  semantic: 'labelIds.png',
  polygon: 'polygons.json',
  color: 'color.png',
};

interface CityscapesChosen {
  readonly split: 'train' | 'val' | 'test' | 'train_extra';
  readonly mode: 'fine' | 'coarse';
}

function cityscapesFolders({ split, mode }: CityscapesChosen): [images: string, targets: string] {
  const allowed = CITYSCAPES_SPLITS[mode];
  if (!allowed.includes(split))
    throw ArgumentError.expected('split', `one of ${allowed.join(', ')} with the mode ${mode}`, split);
  return [join('leftImg8bit', split), join(mode === 'fine' ? 'gtFine' : 'gtCoarse', split)];
}

/**
 * Streets of 50 cities. Files: `root/leftImg8bit/<split>/<city>/*_leftImg8bit.png` and `root/gtFine/<split>/<city>/*` (`gtCoarse`
 * with `mode: 'coarse'`); where they are still packed, `open(root, { download: true })` unpacks the zip files in `root`.
 * Targets: `instance`, int32 [1, H, W]; `semantic`, uint8 [1, H, W], ids of {@link CITYSCAPES_CLASSES}; `polygon`, the JSON;
 * `color`, uint8 [4, H, W]. Cordts et al., 2016.
 */
export const Cityscapes = published({
  name: 'Cityscapes',
  choices: {
    split: ['train', 'val', 'test', 'train_extra'],
    mode: ['fine', 'coarse'],
    targetType: { anyOf: ['instance', 'semantic', 'polygon', 'color'] },
  },
  needs: cityscapesFolders,
  advice:
    'Fetch leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip from https://www.cityscapes-dataset.com into the root; Cityscapes.open(root, { download: true }) unpacks them',
  arrange: async (root, { split, mode }) => {
    const archives = [
      split === 'train_extra' ? 'leftImg8bit_trainextra.zip' : 'leftImg8bit_trainvaltest.zip',
      mode === 'fine' ? 'gtFine_trainvaltest.zip' : 'gtCoarse.zip',
    ];
    for (const archive of archives)
      if (existsSync(join(root, archive))) await extractArchive(join(root, archive), root);
  },
  read: (root, { split, mode, targetType }) => {
    const [images, targets] = cityscapesFolders({ split, mode });
    const pictures = subfolders(join(root, images)).flatMap((city) =>
      readdirSync(join(root, images, city))
        .sort(compareStrings)
        .filter((name) => hasExtension(name, IMG_EXTENSIONS))
        .map((name) => join(city, name)),
    );
    const prefix = mode === 'fine' ? 'gtFine' : 'gtCoarse';
    const target = (type: keyof typeof CITYSCAPES_SUFFIXES) => (index: number) => {
      const picture = pictures[index] ?? '';
      return join(root, targets, `${picture.split('_leftImg8bit')[0]}_${prefix}_${CITYSCAPES_SUFFIXES[type]}`);
    };
    const part = (type: keyof typeof CITYSCAPES_SUFFIXES): Part<unknown> => {
      if (type === 'polygon') return textFiles(target(type), parseJson);
      return type === 'color' ? imageFiles(target(type), 'UNCHANGED') : maskFiles(target(type));
    };
    return {
      samples: fromFiles(
        pictures.map((name) => join(root, images, name)),
        together(targetType.map(part)),
      ),
      classes: CITYSCAPES_CLASSES.map(({ name }) => name),
    };
  },
});

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid(path, `it is not readable as JSON: ${(error as Error).message}`, error);
  }
}

/** Masks in a folder beside the pictures, one of the same name for each. */
function beside(pictures: readonly string[], masks: string, classes: readonly string[]): Index<Tensor> {
  const mask = (index: number) => join(masks, basename(pictures[index] ?? '').replace(/\.\w+$/, '.png'));
  return { samples: fromFiles(pictures, maskFiles(mask)), classes };
}

/** CamVid's eleven classes; 11 in a mask is none of them. */
export const CAMVID_CLASSES: readonly string[] = [
  'sky',
  'building',
  'pole',
  'road',
  'pavement',
  'tree',
  'sign',
  'fence',
  'car',
  'pedestrian',
  'bicyclist',
];

/**
 * Driving scenes: [picture, mask], the mask uint8 [1, H, W] with the eleven {@link CAMVID_CLASSES} and 11 for none. Files:
 * `root/<split>/*`, `root/<split>annot/*.png` of the same names. Brostow et al., 2009, in the form of SegNet.
 */
export const CamVid = published({
  name: 'CamVid',
  choices: { split: ['train', 'val', 'test'] },
  needs: ({ split }) => [split, `${split}annot`],
  advice: 'It has to be fetched by hand: folders train, trainannot, val, valannot in the root',
  read: (root, { split }) => {
    const pictures = readdirSync(join(root, split))
      .sort(compareStrings)
      .filter((name) => hasExtension(name, IMG_EXTENSIONS))
      .map((name) => join(root, split, name));
    if (pictures.length === 0)
      throw new DatasetError('DATASET_EMPTY', join(root, split), `${join(root, split)} is empty`);
    return beside(pictures, join(root, `${split}annot`), CAMVID_CLASSES);
  },
});

const ADE = 'ADEChallengeData2016';
const ADE_FOLDERS = { train: 'training', val: 'validation' };

/**
 * Scenes with 150 classes of things: [picture, mask], the mask uint8 [1, H, W] with 0 for anything else. Files:
 * `root/ADEChallengeData2016/images/training/*.jpg`, `annotations/training/*.png`. Zhou et al., 2017.
 */
export const ADE20K = published({
  name: 'ADE20K',
  choices: { split: ['train', 'val'] },
  needs: ({ split }) => ['images', 'annotations'].map((part) => join(ADE, part, ADE_FOLDERS[split])),
  downloads: () => [
    {
      url: 'http://data.csail.mit.edu/places/ADEchallenge/ADEChallengeData2016.zip',
      file: 'ADEChallengeData2016.zip',
      unpack: '',
    },
  ],
  read: (root, { split }) => {
    const folder = join(root, ADE, 'images', ADE_FOLDERS[split]);
    const pictures = readdirSync(folder)
      .sort(compareStrings)
      .filter((name) => hasExtension(name, IMG_EXTENSIONS))
      .map((name) => join(folder, name));
    const list = join(root, ADE, 'objectInfo150.txt');
    // Index, ratio, counts, and names of a class in tab-separated columns.
    const classes = existsSync(list)
      ? readLines(list)
          .slice(1)
          .map((line) => line.split('\t').at(-1)?.split(',')[0]?.trim() ?? '')
      : [];
    return beside(pictures, join(root, ADE, 'annotations', ADE_FOLDERS[split]), classes);
  },
});

const SBD_LIST = 'train_noval.txt';

/**
 * Pascal VOC's pictures with edges or classes by hand. Files: `root/img/*.jpg`, `root/cls/*.mat`, `root/<imageSet>.txt`.
 * [picture, edges uint8 [20, H, W]] or, with `mode: 'segmentation'`, [picture, classes uint8 [H, W]]. Hariharan et al., 2011.
 */
export const SBDataset = published({
  name: 'SBDataset',
  choices: { imageSet: ['train', 'val', 'train_noval'], mode: ['boundaries', 'segmentation'] },
  needs: ({ imageSet }) => ['img', 'cls', `${imageSet}.txt`],
  downloads: () => [
    {
      url: 'https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/semantic_contours/benchmark.tgz',
      file: 'benchmark.tgz',
      md5: '82b4d87ceb2ed10f6038a1cba92111cb',
      unpack: '',
    },
  ],
  arrange: async (root) => {
    for (const part of ['cls', 'img', 'inst', 'train.txt', 'val.txt'])
      if (!existsSync(join(root, part))) renameSync(join(root, 'benchmark_RELEASE', 'dataset', part), join(root, part));
    await downloadFile('http://home.bharathh.info/pubs/codes/SBD/train_noval.txt', join(root, SBD_LIST), {
      md5: '79bff800c5f0b1ec6b21080a3c066722',
    });
  },
  read: (root, { imageSet, mode }) => {
    const names = readLines(join(root, `${imageSet}.txt`));
    const target = (index: number) => join(root, 'cls', `${names[index]}.mat`);
    return {
      samples: fromFiles(
        names.map((name) => join(root, 'img', `${name}.jpg`)),
        matFiles(target, mode === 'segmentation' ? sbdClasses : sbdEdges),
      ),
    };
  },
});

function sbdRecord(variables: ReadonlyMap<string, MatValue>, path: string): Readonly<Record<string, MatValue>> {
  return matStruct(variables, 'GTcls', path).items[0] ?? {};
}

function sbdClasses(variables: ReadonlyMap<string, MatValue>, path: string): Tensor {
  const classes = sbdRecord(variables, path).Segmentation;
  if (classes?.kind !== 'array') throw invalid(path, 'GTcls has no Segmentation');
  const [height = 0, width = 0] = classes.shape;
  return fromTypedArray(Uint8Array.from(classes.data), [width, height]).t();
}

function sbdEdges(variables: ReadonlyMap<string, MatValue>, path: string): Tensor {
  const edges = sbdRecord(variables, path).Boundaries;
  if (edges?.kind !== 'cell') throw invalid(path, 'GTcls has no Boundaries');
  const [height = 0, width = 0] = edges.items[0]?.kind === 'sparse' ? edges.items[0].shape : [];
  const all = new Uint8Array(20 * height * width);
  for (const [i, edge] of edges.items.slice(0, 20).entries()) {
    if (edge.kind !== 'sparse') throw invalid(path, `Boundaries has no sparse matrix for class ${i + 1}`);
    for (let column = 0; column < width; column++)
      for (let at = edge.starts[column] ?? 0; at < (edge.starts[column + 1] ?? 0); at++)
        all[(i * height + (edge.rows[at] ?? 0)) * width + column] = 1;
  }
  return fromTypedArray(all, [20, height, width]);
}

/** An object of KITTI: lengths in metres, angles in radians, the box in pixels. */
export interface KittiObject {
  readonly type: string;
  /** From 0, all of it in the picture, to 1. */
  readonly truncated: number;
  /** 0 visible, 1 partly, 2 largely hidden, 3 unknown. */
  readonly occluded: number;
  readonly alpha: number;
  /** Left, top, right, bottom. */
  readonly bbox: readonly number[];
  /** Height, width, length. */
  readonly dimensions: readonly number[];
  /** x, y, z as the camera sees it. */
  readonly location: readonly number[];
  readonly rotationY: number;
}

/**
 * Streets with cars, cyclists and pedestrians: [picture, objects], null instead of objects in the testing part. Files:
 * `root/Kitti/raw/{training,testing}/{image_2,label_2}`. Geiger et al., 2012.
 */
export const Kitti = published({
  name: 'Kitti',
  choices: { train: [true, false] },
  needs: ({ train }) =>
    train ? ['Kitti/raw/training/image_2', 'Kitti/raw/training/label_2'] : ['Kitti/raw/testing/image_2'],
  downloads: () =>
    ['data_object_image_2.zip', 'data_object_label_2.zip'].map((file) => ({
      url: `https://s3.eu-central-1.amazonaws.com/avg-kitti/${file}`,
      file: join('Kitti', 'raw', file),
      unpack: join('Kitti', 'raw'),
    })),
  read: (root, { train }): Index<readonly KittiObject[] | null> => {
    const folder = join(root, 'Kitti', 'raw', train ? 'training' : 'testing');
    const names = readdirSync(join(folder, 'image_2')).sort(compareStrings);
    const label = (index: number) => join(folder, 'label_2', `${names[index]?.split('.')[0]}.txt`);
    return {
      samples: fromFiles<readonly KittiObject[] | null>(
        names.map((name) => join(folder, 'image_2', name)),
        train ? textFiles(label, parseKitti) : values(names.map(() => null)),
      ),
      classes: ['Car', 'Van', 'Truck', 'Pedestrian', 'Person_sitting', 'Cyclist', 'Tram', 'Misc', 'DontCare'],
    };
  },
});

/** @param path what to call the file in errors */
export function parseKitti(text: string, path: string): KittiObject[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line, i) => {
      const [type = '', ...fields] = line.trim().split(/\s+/);
      const numbers = fields.map(Number);
      if (numbers.length < 14 || numbers.some((value) => !Number.isFinite(value)))
        throw invalid(path, `line ${i + 1}: expected a type and 14 numbers but found ${JSON.stringify(line)}`);
      const [truncated = 0, occluded = 0, alpha = 0] = numbers;
      return {
        type,
        truncated,
        occluded,
        alpha,
        bbox: numbers.slice(3, 7),
        dimensions: numbers.slice(7, 10),
        location: numbers.slice(10, 13),
        rotationY: numbers[13] ?? 0,
      };
    });
}

/** The faces of one picture of WIDER FACE; N is their number. All int64. */
export interface WiderFaces {
  /** [N, 4]: left, top, width, height. */
  readonly bbox: Tensor;
  readonly blur: Tensor;
  readonly expression: Tensor;
  readonly illumination: Tensor;
  readonly occlusion: Tensor;
  readonly pose: Tensor;
  readonly invalid: Tensor;
}
const WIDER_FIELDS = ['blur', 'expression', 'illumination', 'occlusion', 'pose', 'invalid'] as const;

/**
 * Faces in crowds: [picture, {@link WiderFaces}], null instead of faces to test. Files: `root/widerface/WIDER_<split>/images/**`,
 * `wider_face_split/*.txt`. Yang et al., 2016.
 */
export const WIDERFace = published({
  name: 'WIDERFace',
  choices: { split: ['train', 'val', 'test'] },
  needs: ({ split }) => [`widerface/WIDER_${split}`, 'widerface/wider_face_split'],
  downloads: () => [
    wider('WIDER_train.zip', googleDrive('15hGDLhsx8bLgLcIRD5DhYt5iBxnjNF1M'), '3fedf70df600953d25982bcd13d91ba2'),
    wider('WIDER_val.zip', googleDrive('1GUCogbp16PMGa39thoMMeWxp7Rp5oM8Q'), 'dfa7d7e790efa35df3788964cf0bbaea'),
    wider('WIDER_test.zip', googleDrive('1HIfDbVEWKmsYKJZm4lchTBDLW5N7dY5T'), 'e5d8f4248ed24c334bbd12f49c29dd40'),
    wider(
      'wider_face_split.zip',
      'http://shuoyang1213.me/WIDERFACE/support/bbx_annotation/wider_face_split.zip',
      '0e3767bcf0e326556d407bf5bff5d27c',
    ),
  ],
  read: (root, { split }): Index<WiderFaces | null> => {
    const folder = join(root, 'widerface');
    const picture = (name: string) => join(folder, `WIDER_${split}`, 'images', name);
    if (split === 'test') {
      const names = readLines(join(folder, 'wider_face_split', 'wider_face_test_filelist.txt'));
      return { samples: fromFiles(names.map(picture), values<null>(names.map(() => null))) };
    }
    const list = join(folder, 'wider_face_split', `wider_face_${split}_bbx_gt.txt`);
    const lines = readText(list)
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '');
    const names: string[] = [];
    const faces: number[][][] = [];
    for (let at = 0; at < lines.length; ) {
      names.push(lines[at] as string);
      // A picture without faces has one line of zeros all the same.
      const count = Math.max(1, wholeNumber(lines[at + 1], list, `the number of faces of ${lines[at]}`));
      faces.push(lines.slice(at + 2, at + 2 + count).map((line) => line.split(/\s+/).map(Number)));
      at += 2 + count;
    }
    const columns = (index: number, from: number, count: number): Tensor => {
      const rows = faces[index] ?? [];
      const numbers = rows.flatMap((row) => row.slice(from, from + count).map((value) => BigInt(value)));
      return fromTypedArray(BigInt64Array.from(numbers), count === 1 ? [rows.length] : [rows.length, count]);
    };
    return {
      samples: fromFiles<WiderFaces | null>(names.map(picture), {
        finish: (index) => ({
          bbox: columns(index, 0, 4),
          ...(Object.fromEntries(WIDER_FIELDS.map((field, i) => [field, columns(index, 4 + i, 1)])) as Omit<
            WiderFaces,
            'bbox'
          >),
        }),
      }),
    };
  },
});

function wider(name: string, url: string, md5: string) {
  return { url, file: join('widerface', name), md5, unpack: 'widerface' };
}
