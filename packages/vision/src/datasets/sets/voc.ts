/** @file Pascal VOC: objects in boxes, and masks of their classes. Everingham et al., "The Pascal Visual Object Classes Challenge", 2010. */

import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ArgumentError, data, type Tensor } from '@edgeai/torch';
import type { DetectionTarget } from '../annotations/detection-target.ts';
import { parseVoc, type VocAnnotation, vocObjects, vocTarget } from '../annotations/voc-xml.ts';
import { readLines } from '../files/text.ts';
import { compareStrings, expandHome } from '../listing.ts';
import { type Index, PublishedDataset, published } from '../published.ts';
import { fromFiles, maskFiles, textFiles } from '../samples.ts';
import type { VisionDatasetOptions } from '../vision-dataset.ts';

/** The twenty classes, in the order of the masks' indices, from 1 on. */
export const VOC_CLASSES: readonly string[] = [
  'aeroplane',
  'bicycle',
  'bird',
  'boat',
  'bottle',
  'bus',
  'car',
  'cat',
  'chair',
  'cow',
  'diningtable',
  'dog',
  'horse',
  'motorbike',
  'person',
  'pottedplant',
  'sheep',
  'sofa',
  'train',
  'tvmonitor',
];

const BASE = 'http://host.robots.ox.ac.uk/pascal/VOC/';
/** Archive, its MD5. */
const ARCHIVES = {
  '2012': ['voc2012/VOCtrainval_11-May-2012.tar', '6cd6e144f989b92b3379bac3b3de84fd'],
  '2011': ['voc2011/VOCtrainval_25-May-2011.tar', '6c3384ef61512963050cb5d687e5bf1e'],
  '2010': ['voc2010/VOCtrainval_03-May-2010.tar', 'da459979d0c395079b5c75ee67908abb'],
  '2009': ['voc2009/VOCtrainval_11-May-2009.tar', 'a3e00b113cfcfebf17e343f59da3caa1'],
  '2008': ['voc2008/VOCtrainval_14-Jul-2008.tar', '2629fa636546599198acfcfbfcf1904a'],
  '2007': ['voc2007/VOCtrainval_06-Nov-2007.tar', 'c52e279531787c972589f7e41ab4ae64'],
  '2007-test': ['voc2007/VOCtest_06-Nov-2007.tar', 'b6e924de25625d8de591ea690078ad9f'],
} as const;

const CHOICES = {
  year: ['2012', '2011', '2010', '2009', '2008', '2007'],
  imageSet: ['train', 'trainval', 'val', 'test'],
} as const;

interface Chosen {
  readonly year: (typeof CHOICES.year)[number];
  readonly imageSet: (typeof CHOICES.imageSet)[number];
}

function baseOf({ year, imageSet }: Chosen): string {
  if (imageSet === 'test' && year !== '2007')
    throw new ArgumentError(
      'imageSet',
      `Expected train, trainval or val for ${year} but received test: only 2007 has it`,
    );
  return year === '2011' ? join('TrainVal', 'VOCdevkit', 'VOC2011') : join('VOCdevkit', `VOC${year}`);
}

const filesOf = (kind: 'Main' | 'Segmentation') => ({
  choices: CHOICES,
  needs: (chosen: Chosen) => [
    join(baseOf(chosen), 'JPEGImages'),
    join(baseOf(chosen), 'ImageSets', kind, `${chosen.imageSet}.txt`),
  ],
  downloads: ({ year, imageSet }: Chosen) => {
    const [file, md5] = ARCHIVES[year === '2007' && imageSet === 'test' ? '2007-test' : year];
    return [{ url: `${BASE}${file}`, file: basename(file), md5, unpack: '' }];
  },
});

/** Names of the pictures of a set; of the lists of single classes, the first column. */
function namesOf(folder: string, kind: string, imageSet: string): string[] {
  return readLines(join(folder, 'ImageSets', kind, `${imageSet}.txt`)).map((line) => line.split(/\s+/)[0] ?? '');
}

const pictures = (folder: string, names: readonly string[]): string[] =>
  names.map((name) => join(folder, 'JPEGImages', `${name}.jpg`));

function detection(folder: string, imageSet: string): Index<VocAnnotation> {
  const names = namesOf(folder, 'Main', imageSet);
  const xml = (index: number) => join(folder, 'Annotations', `${names[index]}.xml`);
  return { samples: fromFiles(pictures(folder, names), textFiles(xml, parseVoc)), classes: VOC_CLASSES };
}

/**
 * Objects of twenty classes: [picture, annotation], the annotation as nested records of text. Files:
 * `root/VOCdevkit/VOC<year>/{JPEGImages,Annotations,ImageSets/Main}` (2011: `root/TrainVal/VOCdevkit/VOC2011`).
 */
export const VOCDetection = published({
  name: 'VOCDetection',
  ...filesOf('Main'),
  read: (root, chosen) => detection(join(root, baseOf(chosen)), chosen.imageSet),
});

/**
 * Masks of twenty classes: [picture, mask], the mask uint8 [1, H, W] with 0 the ground, 1 … 20 the classes, 255 their edges.
 * Files as of {@link VOCDetection}, and `SegmentationClass`, `ImageSets/Segmentation`.
 */
export const VOCSegmentation = published({
  name: 'VOCSegmentation',
  ...filesOf('Segmentation'),
  read: (root, chosen) => {
    const folder = join(root, baseOf(chosen));
    const names = namesOf(folder, 'Segmentation', chosen.imageSet);
    const mask = (index: number) => join(folder, 'SegmentationClass', `${names[index]}.png`);
    return { samples: fromFiles(pictures(folder, names), maskFiles(mask)), classes: VOC_CLASSES };
  },
});

export interface VOCFolderOptions<T, Y> extends VisionDatasetOptions<Tensor, T, Y, DetectionTarget> {
  /** List in `ImageSets/Main`. Default `train`. */
  imageSet?: string;
  /** Names in the order of their labels, from 1 on. Default: those in the annotations of all lists, sorted. */
  classes?: readonly string[];
  /** Use objects that are marked as difficult. Default true. */
  difficult?: boolean;
}

/**
 * Anybody's pictures annotated in VOC's form, with the tensors that detectors learn from: [picture, {@link DetectionTarget}].
 * Files: `root/{JPEGImages,Annotations,ImageSets/Main}`.
 */
@data.portable(import.meta.url)
export class VOCFolder<T = Tensor, Y = DetectionTarget> extends PublishedDataset<DetectionTarget, T, Y> {
  /** @throws {DatasetError} when files are missing or an annotation is malformed */
  constructor(root: string, options: VOCFolderOptions<T, Y> = {}) {
    const folder = expandHome(root);
    const { imageSet = 'train', difficult } = options;
    const names = namesOf(folder, 'Main', imageSet);
    const classes = options.classes ?? vocClasses(folder, names);
    const xml = (index: number) => join(folder, 'Annotations', `${names[index]}.xml`);
    const read = textFiles(xml, parseVoc);
    const samples = fromFiles(pictures(folder, names), {
      load: (index) => read.load?.(index),
      finish: (index, loaded) =>
        vocTarget(read.finish(index, loaded), classes, xml(index), { imageId: index, difficult }),
    });
    super(folder, { imageSet }, { samples, classes }, options);
  }
}

/** The names of the objects in all annotations of the folder's lists, sorted. */
function vocClasses(folder: string, names: readonly string[]): string[] {
  const all = ['train', 'val', 'trainval', 'test']
    .filter((list) => existsSync(join(folder, 'ImageSets', 'Main', `${list}.txt`)))
    .flatMap((list) => namesOf(folder, 'Main', list));
  const found = new Set<string>();
  for (const name of new Set([...names, ...all])) {
    const path = join(folder, 'Annotations', `${name}.xml`);
    if (!existsSync(path)) continue;
    for (const object of vocObjects(parseVoc(readFileSync(path, 'utf8'), path), path)) found.add(object.name);
  }
  return [...found].sort(compareStrings);
}
