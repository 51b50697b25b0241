/** @file Recognises pictures and videos in folders: one a class, with or without parts, lists of them, or just pictures. */

import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { loadImage } from '../../io/decode.ts';
import { CsvList } from '../csv-list.ts';
import { hasExtension, IMG_EXTENSIONS } from '../folder.ts';
import { compareStrings, filesBelow, isFolder, subfolders } from '../listing.ts';
import type { LayoutSplit, RecognisedDataset, Recogniser } from './layout.ts';

/** Names of folders that stand for parts of a data set. */
export const SPLIT_NAMES = ['train', 'training', 'val', 'valid', 'validation', 'test', 'testing'];
export const VIDEO_EXTENSIONS: readonly string[] = ['.avi', '.mp4', '.mkv', '.mov', '.webm', '.m4v'];

/** A part whose samples are picture files with a class each. */
export function fileSplit(name: string, paths: readonly string[], labels?: ArrayLike<number>): LayoutSplit {
  const path = (index: number): string => paths[index] as string;
  return {
    name,
    length: paths.length,
    path,
    ownFiles: true,
    image: (index) => loadImage(path(index), 'RGB'),
    annotation: async (index) => (labels === undefined ? {} : { label: labels[index] as number }),
  };
}

/** What lies in the class folders of one folder. */
interface ClassFolders {
  readonly classes: readonly string[];
  readonly paths: readonly string[];
  readonly labels: readonly number[];
  readonly problems: readonly string[];
}

function classFolders(folder: string, extensions: readonly string[], known?: readonly string[]): ClassFolders {
  const classes = subfolders(folder);
  const paths: string[] = [];
  const labels: number[] = [];
  const problems: string[] = [];
  for (const name of classes) {
    const files = filesBelow(join(folder, name)).filter((path) => !basename(path).startsWith('.'));
    const fitting = files.filter((path) => hasExtension(path, extensions));
    if (fitting.length === 0) problems.push(`the class folder ${join(folder, name)} is empty`);
    else if (fitting.length < files.length)
      problems.push(
        `${files.length - fitting.length} of ${files.length} files in ${join(folder, name)} are of another kind`,
      );
    const label = known === undefined ? classes.indexOf(name) : known.indexOf(name);
    if (label < 0) problems.push(`the class ${name} of ${folder} is not among those of the first part`);
    for (const path of fitting) {
      paths.push(path);
      labels.push(label);
    }
  }
  const loose = readdirSync(folder).filter((name) => hasExtension(name, extensions)).length;
  if (loose > 0 && classes.length > 0) problems.push(`${loose} files lie in ${folder} itself, in no class folder`);
  return { classes, paths, labels, problems };
}

/** `root/<part>/<class>/…`. */
const parts =
  (extensions: readonly string[], kind: 'image-folder-splits' | 'video-folder'): Recogniser =>
  (path) => {
    const names = subfolders(path).filter((name) => SPLIT_NAMES.includes(name.toLowerCase()));
    if (names.length === 0) return undefined;
    names.sort((a, b) => SPLIT_NAMES.indexOf(a.toLowerCase()) - SPLIT_NAMES.indexOf(b.toLowerCase()));
    const usable = names.filter((name) => subfolders(join(path, name)).length > 0);
    const [first] = usable;
    if (first === undefined) return undefined;
    const { classes } = classFolders(join(path, first), extensions);
    const found = usable.map((name) => ({ name, ...classFolders(join(path, name), extensions, classes) }));
    if (found.every(({ paths }) => paths.length === 0)) return undefined;
    const missing = found.flatMap(({ name, classes: here }) => {
      const lacking = classes.filter((one) => !here.includes(one));
      return lacking.length === 0 ? [] : [`${name} lacks the classes ${lacking.join(', ')}`];
    });
    return {
      kind,
      title:
        kind === 'video-folder'
          ? 'videos in one folder a class, with parts (Kinetics)'
          : 'pictures in one folder a class, with parts (ImageFolder)',
      task: kind === 'video-folder' ? 'video' : 'classification',
      splits: found.map(({ name, paths, labels }) => fileSplit(name, paths, labels)),
      classes,
      problems: [...found.flatMap(({ problems }) => problems), ...missing],
    };
  };

/** `root/<class>/…`. */
const oneFolder =
  (extensions: readonly string[], kind: 'image-folder' | 'video-folder'): Recogniser =>
  (path) => {
    const { classes, paths, labels, problems } = classFolders(path, extensions);
    if (paths.length === 0) return undefined;
    return {
      kind,
      title:
        kind === 'video-folder'
          ? 'videos in one folder a class (UCF101, HMDB51)'
          : 'pictures in one folder a class (ImageFolder)',
      task: kind === 'video-folder' ? 'video' : 'classification',
      splits: [fileSplit('all', paths, labels)],
      classes,
      problems,
    };
  };

export const imageFolderSplits = parts(IMG_EXTENSIONS, 'image-folder-splits');
export const imageFolder = oneFolder(IMG_EXTENSIONS, 'image-folder');
export const videoFolderSplits = parts(VIDEO_EXTENSIONS, 'video-folder');
export const videoFolder = oneFolder(VIDEO_EXTENSIONS, 'video-folder');

/** Pictures and nothing else. */
export const looseImages: Recogniser = (path) => {
  const names = readdirSync(path)
    .filter((name) => hasExtension(name, IMG_EXTENSIONS))
    .sort(compareStrings);
  if (names.length === 0) return undefined;
  return {
    kind: 'images',
    title: 'pictures without labels',
    task: 'unlabelled',
    splits: [
      fileSplit(
        'all',
        names.map((name) => join(path, name)),
      ),
    ],
    classes: [],
    problems: [],
  };
};

function listOf(path: string): RecognisedDataset {
  const list = new CsvList(path, { checkFiles: false });
  const missing = list.samples.filter(([file]) => !existsSync(file));
  const splits = [
    fileSplit(
      basename(path).replace(/\.\w+$/, ''),
      list.samples.map(([file]) => file),
      list.targets,
    ),
  ];
  const [first] = missing;
  const problems =
    first === undefined ? [] : [`${missing.length} of ${list.length} files are missing, the first is ${first[0]}`];
  return {
    kind: 'csv',
    title: 'a list of files and labels',
    task: 'classification',
    splits,
    classes: list.classes,
    problems,
  };
}

/** A list of files and labels, or a folder with one or several of them. */
export const csvLists: Recogniser = (path) => {
  if (statSync(path).isFile()) return hasExtension(path, ['.csv', '.txt', '.tsv']) ? listOf(path) : undefined;
  const lists = readdirSync(path)
    .filter((name) => name.endsWith('.csv'))
    .sort(compareStrings);
  const found = lists.flatMap((name) => {
    try {
      return [listOf(join(path, name))];
    } catch {
      // A table of something else.
      return [];
    }
  });
  const [first] = found;
  if (first === undefined) return undefined;
  return {
    ...first,
    splits: found.flatMap(({ splits }) => splits),
    problems: found.flatMap(({ problems }) => problems),
  };
};

/** The folder that a path is of: itself, or that of a file. */
export function folderOf(path: string): string {
  return isFolder(path) ? path : dirname(path);
}
