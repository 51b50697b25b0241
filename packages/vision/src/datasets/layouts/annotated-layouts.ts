/** @file Recognises pictures with annotation files: COCO, Pascal VOC, YOLO, Cityscapes, CamVid, ADE20K. */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { loadImage } from '../../io/decode.ts';
import { readCocoFile } from '../annotations/coco-file.ts';
import { parseVoc, vocObjects } from '../annotations/voc-xml.ts';
import { loadPngSamples } from '../files/png-samples.ts';
import { invalid, readLines } from '../files/text.ts';
import { hasExtension, IMG_EXTENSIONS } from '../folder.ts';
import { compareStrings, filesBelow, isFolder, subfolders } from '../listing.ts';
import { CITYSCAPES_CLASSES } from '../sets/cityscapes-classes.ts';
import { CAMVID_CLASSES } from '../sets/street-sets.ts';
import { SPLIT_NAMES } from './folder-layouts.ts';
import type { AnnotatedBox, LayoutSplit, RecognisedDataset, Recogniser } from './layout.ts';

function split(name: string, paths: readonly string[], annotation: LayoutSplit['annotation']): LayoutSplit {
  const path = (index: number): string => paths[index] as string;
  return {
    name,
    length: paths.length,
    path,
    ownFiles: true,
    image: (index) => loadImage(path(index), 'RGB'),
    annotation,
  };
}

// ---- COCO

/** `instances_val2017` is of `val2017`. */
function splitOfFile(file: string): string {
  const name = basename(file, '.json');
  const underscore = name.lastIndexOf('_');
  return underscore < 0 ? name : name.slice(underscore + 1);
}

/** One annotation file, with pictures in one of the folders. */
function cocoSplit(file: string, folders: readonly string[]) {
  const coco = readCocoFile(file);
  const boxed = [...coco.annotationsOf.values()].some((list) => list.some(({ bbox }) => bbox !== undefined));
  const names = new Map(coco.categories.map(({ id, name }) => [id, name]));
  const first = coco.categories[0]?.id ?? 0;
  const folder = folders.find((candidate) => existsSync(join(candidate, coco.images[0]?.file_name ?? '')));
  const problems: string[] = [];
  if (folder === undefined && coco.images.length > 0)
    problems.push(`${coco.images[0]?.file_name} of ${file} is in none of ${folders.join(', ')}`);
  const images = boxed ? coco.images : coco.images.filter(({ id }) => coco.annotationsOf.has(id));
  const bare = coco.images.length - images.length;
  if (bare > 0) problems.push(`${bare} of ${coco.images.length} pictures in ${file} have no annotation`);
  const paths = images.map(({ file_name: name }) => join(folder ?? folders[0] ?? '', name));
  const annotation: LayoutSplit['annotation'] = async (index) => {
    const list = coco.annotationsOf.get(images[index]?.id ?? -1) ?? [];
    if (!boxed) return { label: (list[0]?.category_id ?? first) - first };
    return {
      boxes: list.flatMap(({ bbox, category_id: category }): AnnotatedBox[] => {
        if (bbox === undefined) return [];
        const [x, y, width, height] = bbox;
        return [{ box: [x, y, x + width, y + height], name: names.get(category ?? -1) ?? 'object' }];
      }),
    };
  };
  const classes: string[] = [];
  for (const { id, name } of coco.categories) classes[boxed ? classes.length : id - first] = name;
  return {
    boxed,
    problems,
    classes: Array.from(classes, (name, i) => name ?? `class ${i}`),
    split: split(splitOfFile(file), paths, annotation),
  };
}

/** An annotation file of COCO, or a folder with some in `annotations`. */
export const cocoLayout: Recogniser = (path) => {
  const inFolder = isFolder(path);
  const from = inFolder ? join(path, 'annotations') : dirname(path);
  const files = inFolder
    ? (isFolder(from) ? readdirSync(from) : [])
        .filter((name) => name.endsWith('.json') && !/captions|panoptic|stuff/.test(name))
        .sort(compareStrings)
        .map((name) => join(from, name))
    : path.endsWith('.json')
      ? [path]
      : [];
  const root = inFolder ? path : basename(from) === 'annotations' ? dirname(from) : from;
  // Of several files about the same pictures, that of the instances says most.
  const chosen = files.filter((file) => {
    const rivals = files.filter((other) => splitOfFile(other) === splitOfFile(file));
    return (
      rivals.length === 1 || (rivals.find((other) => basename(other).startsWith('instances')) ?? rivals[0]) === file
    );
  });
  const found = chosen.map((file) => {
    const name = splitOfFile(file);
    return cocoSplit(file, [join(root, name), join(root, 'images', name), join(root, 'images'), root, from]);
  });
  const [first] = found;
  if (first === undefined) return undefined;
  const boxed = found.some((one) => one.boxed);
  return {
    kind: boxed ? 'coco' : 'coco-classification',
    title: boxed ? 'pictures with objects in COCO’s JSON' : 'pictures with one class each in COCO’s JSON (ModelMaker)',
    task: boxed ? 'detection' : 'classification',
    splits: found.map((one) => one.split),
    classes: first.classes,
    problems: found.flatMap((one) => one.problems),
  };
};

// ---- Pascal VOC

function vocRoot(path: string): string | undefined {
  const places = [
    path,
    ...['VOCdevkit', join('TrainVal', 'VOCdevkit')].flatMap((inner) => {
      const folder = join(path, inner);
      return isFolder(folder) ? subfolders(folder).map((name) => join(folder, name)) : [];
    }),
  ];
  return places.find((place) => isFolder(join(place, 'JPEGImages')));
}

function vocPicture(root: string, name: string): string {
  const endings = ['.jpg', '.png', '.jpeg', '.JPG'];
  return join(
    root,
    'JPEGImages',
    `${name}${endings.find((end) => existsSync(join(root, 'JPEGImages', `${name}${end}`))) ?? '.jpg'}`,
  );
}

/** `JPEGImages` with `Annotations` or `SegmentationClass`, and lists in `ImageSets`. */
export const vocLayout: Recogniser = (path) => {
  const root = isFolder(path) ? vocRoot(path) : undefined;
  if (root === undefined) return undefined;
  const boxed = isFolder(join(root, 'Annotations'));
  const listFolder = join(root, 'ImageSets', boxed ? 'Main' : 'Segmentation');
  const listed = isFolder(listFolder)
    ? readdirSync(listFolder)
        .filter((name) => SPLIT_NAMES.includes(name.replace(/\.txt$/, '')) || name === 'trainval.txt')
        .map((name) => ({
          name: name.replace(/\.txt$/, ''),
          names: readLines(join(listFolder, name)).map((line) => line.split(/\s+/)[0] ?? ''),
        }))
    : [];
  const order = (name: string) => (name === 'trainval' ? SPLIT_NAMES.length : SPLIT_NAMES.indexOf(name));
  listed.sort((a, b) => order(a.name) - order(b.name));
  const all = readdirSync(join(root, 'JPEGImages'))
    .filter((name) => hasExtension(name, IMG_EXTENSIONS))
    .map((name) => name.slice(0, -extname(name).length))
    .sort(compareStrings);
  const lists = listed.length > 0 ? listed : [{ name: 'all', names: all }];
  const known = new Set(all);
  const problems = lists.flatMap(({ name, names }) => {
    const missing = names.filter((one) => !known.has(one));
    return missing.length === 0
      ? []
      : [`${missing.length} pictures of ${name} are missing, the first is ${missing[0]}`];
  });
  const classes = new Set<string>();
  if (boxed)
    for (const name of new Set(lists.flatMap(({ names }) => names))) {
      const file = join(root, 'Annotations', `${name}.xml`);
      try {
        for (const object of vocObjects(parseVoc(readFileSync(file, 'utf8'), file), file)) classes.add(object.name);
      } catch (error) {
        problems.push(existsSync(file) ? (error as Error).message : `there is no ${file}`);
      }
    }
  return {
    kind: 'voc',
    title: boxed ? 'pictures with objects in Pascal VOC’s XML' : 'pictures with masks in Pascal VOC’s folders',
    task: boxed ? 'detection' : 'segmentation',
    splits: lists.map(({ name, names }) =>
      split(
        name,
        names.map((one) => vocPicture(root, one)),
        async (index) => {
          if (!boxed) return { mask: await loadPngSamples(join(root, 'SegmentationClass', `${names[index]}.png`)) };
          const file = join(root, 'Annotations', `${names[index]}.xml`);
          return { boxes: vocObjects(parseVoc(await readFile(file, 'utf8'), file), file) };
        },
      ),
    ),
    classes: [...classes].sort(compareStrings),
    problems,
  };
};

// ---- YOLO

/** Names in `data.yaml` (`names: [a, b]`, or a list below), `classes.txt` or `obj.names`. */
function yoloNames(root: string): string[] {
  for (const list of ['classes.txt', 'obj.names', join('labels', 'classes.txt')])
    if (existsSync(join(root, list))) return readLines(join(root, list));
  const yaml = readdirSync(root).find((name) => /\.ya?ml$/.test(name));
  if (yaml === undefined) return [];
  const text = readFileSync(join(root, yaml), 'utf8');
  const plain = (name: string) => name.trim().replace(/^(['"])(.*)\1$/, '$2');
  const inline = /^names:\s*\[([^\]]*)\]/m.exec(text)?.[1];
  if (inline !== undefined) return inline.split(',').map(plain);
  const block = /^names:\s*\n((?:\s+.*\n?)*)/m.exec(text)?.[1] ?? '';
  return [...block.matchAll(/^\s+(?:-|\d+:)\s*(.+)$/gm)].map(([, name = '']) => plain(name));
}

/** `images/…` and `labels/…` with a text file of the same name for each picture: class, centre, size, in parts of the picture. */
export const yoloLayout: Recogniser = (path) => {
  if (!isFolder(path)) return undefined;
  const inner = isFolder(join(path, 'images')) && isFolder(join(path, 'labels'));
  const outer = SPLIT_NAMES.filter(
    (name) => isFolder(join(path, name, 'images')) && isFolder(join(path, name, 'labels')),
  );
  if (!inner && outer.length === 0) return undefined;
  const within = inner ? subfolders(join(path, 'images')).filter((name) => SPLIT_NAMES.includes(name)) : [];
  const places = inner
    ? within.length > 0
      ? within.map((name) => ({ name, images: join(path, 'images', name), labels: join(path, 'labels', name) }))
      : [{ name: 'all', images: join(path, 'images'), labels: join(path, 'labels') }]
    : outer.map((name) => ({ name, images: join(path, name, 'images'), labels: join(path, name, 'labels') }));
  const classes = yoloNames(path);
  const problems: string[] = [];
  const splits = places.map(({ name, images, labels }) => {
    const paths = filesBelow(images).filter((file) => hasExtension(file, IMG_EXTENSIONS));
    const label = (file: string) => join(labels, file.slice(images.length + 1).replace(/\.\w+$/, '.txt'));
    const bare = paths.filter((file) => !existsSync(label(file)));
    if (bare.length > 0)
      problems.push(`${bare.length} of ${paths.length} pictures of ${name} have no labels, the first is ${bare[0]}`);
    return split(name, paths, async (index) => {
      const file = paths[index] as string;
      const text = existsSync(label(file)) ? await readFile(label(file), 'utf8') : '';
      const { width, height } = await loadImage(file);
      return { boxes: parseYolo(text, label(file), width, height, classes) };
    });
  });
  if (splits.every(({ length }) => length === 0)) return undefined;
  return {
    kind: 'yolo',
    title: 'pictures with objects in YOLO’s text files',
    task: 'detection',
    splits,
    classes,
    problems,
  };
};

/** @throws {DatasetError} naming file and line */
export function parseYolo(
  text: string,
  path: string,
  width: number,
  height: number,
  classes: readonly string[],
): AnnotatedBox[] {
  return text.split('\n').flatMap((line, i): AnnotatedBox[] => {
    if (line.trim() === '') return [];
    const [label = Number.NaN, x = Number.NaN, y = Number.NaN, w = Number.NaN, h = Number.NaN] = line
      .trim()
      .split(/\s+/)
      .map(Number);
    if (!Number.isInteger(label) || label < 0 || [x, y, w, h].some((value) => !(value >= 0 && value <= 1)))
      throw invalid(
        path,
        `line ${i + 1}: expected a class and four numbers from 0 to 1 but found ${JSON.stringify(line.trim())}`,
      );
    if (classes.length > 0 && label >= classes.length)
      throw invalid(path, `line ${i + 1}: class ${label} is none of the ${classes.length} classes`);
    return [
      {
        box: [(x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height],
        name: classes[label] ?? `class ${label}`,
      },
    ];
  });
}

// ---- Masks

/** Parts with a mask for each picture, at a path that follows from the picture's. */
function masked(
  facts: Pick<RecognisedDataset, 'kind' | 'title' | 'classes'>,
  parts: readonly { name: string; paths: readonly string[]; mask: (path: string) => string }[],
): RecognisedDataset | undefined {
  if (parts.every(({ paths }) => paths.length === 0)) return undefined;
  const problems = parts.flatMap(({ name, paths, mask }) => {
    const bare = paths.filter((path) => !existsSync(mask(path)));
    return bare.length === 0
      ? []
      : [`${bare.length} of ${paths.length} pictures of ${name} have no mask, the first is ${bare[0]}`];
  });
  return {
    ...facts,
    task: 'segmentation',
    problems,
    splits: parts.map(({ name, paths, mask }) =>
      split(name, paths, async (index) => ({ mask: await loadPngSamples(mask(paths[index] as string)) })),
    ),
  };
}

const images = (folder: string): string[] => filesBelow(folder).filter((path) => hasExtension(path, IMG_EXTENSIONS));

/** `leftImg8bit/<part>/<city>` with `gtFine` or `gtCoarse`. */
export const cityscapesLayout: Recogniser = (path) => {
  const truth = ['gtFine', 'gtCoarse'].find((name) => isFolder(join(path, name)));
  if (!isFolder(join(path, 'leftImg8bit')) || truth === undefined) return undefined;
  const parts = subfolders(join(path, 'leftImg8bit')).map((name) => ({
    name,
    paths: images(join(path, 'leftImg8bit', name)),
    mask: (file: string) =>
      join(
        path,
        truth,
        name,
        basename(dirname(file)),
        basename(file).replace(/_leftImg8bit\.\w+$/, `_${truth}_labelIds.png`),
      ),
  }));
  return masked(
    {
      kind: 'cityscapes',
      title: 'street scenes with masks (Cityscapes)',
      classes: CITYSCAPES_CLASSES.slice(0, 34).map(({ name }) => name),
    },
    parts,
  );
};

/** `<part>` with `<part>annot`. */
export const camvidLayout: Recogniser = (path) => {
  const names = subfolders(path).filter((name) => isFolder(join(path, `${name}annot`)));
  if (names.length === 0) return undefined;
  names.sort((a, b) => SPLIT_NAMES.indexOf(a) - SPLIT_NAMES.indexOf(b));
  const parts = names.map((name) => ({
    name,
    paths: images(join(path, name)),
    mask: (file: string) => join(path, `${name}annot`, basename(file).replace(/\.\w+$/, '.png')),
  }));
  return masked({ kind: 'camvid', title: 'pictures with masks beside them (CamVid)', classes: CAMVID_CLASSES }, parts);
};

/** `images/training` with `annotations/training`. */
export const adeLayout: Recogniser = (path) => {
  const root = isFolder(join(path, 'ADEChallengeData2016')) ? join(path, 'ADEChallengeData2016') : path;
  const names = ['training', 'validation'].filter(
    (name) => isFolder(join(root, 'images', name)) && isFolder(join(root, 'annotations', name)),
  );
  if (names.length === 0) return undefined;
  const list = join(root, 'objectInfo150.txt');
  const classes = existsSync(list)
    ? [
        'other',
        ...readLines(list)
          .slice(1)
          .map((line) => line.split('\t').at(-1)?.split(',')[0]?.trim() ?? ''),
      ]
    : [];
  const parts = names.map((name) => ({
    name,
    paths: images(join(root, 'images', name)),
    mask: (file: string) => join(root, 'annotations', name, basename(file).replace(/\.\w+$/, '.png')),
  }));
  return masked({ kind: 'ade20k', title: 'scenes with masks (ADE20K)', classes }, parts);
};

/** Whether a path is a file. */
export function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
