/** @file Looks for what is wrong with a data set: files that cannot be read or are not what they are called, the same picture twice, labels that do not fit. */

import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { decodePixels } from '../../io/decode.ts';
import type { DecodedImage } from '../../io/decoded-image.ts';
import { isFolder } from '../listing.ts';
import type { Annotation, LayoutSplit, RecognisedDataset } from './layout.ts';
import { spread } from './statistics.ts';

export type FindingKind =
  | 'missing'
  | 'empty'
  | 'unreadable'
  | 'wrong-extension'
  | 'duplicate'
  | 'similar'
  | 'leak'
  | 'label'
  | 'link-loop'
  | 'layout';

/** Something that is wrong. */
export interface Finding {
  readonly kind: FindingKind;
  readonly path: string;
  readonly message: string;
}

export interface CheckOptions {
  /** Also look for pictures that are almost the same. Default false. */
  similar?: boolean;
  /** Look at so many samples of each part at most, evenly spread. Default: all. */
  limit?: number;
  /** Called after every sample. */
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

export interface CheckResult {
  /** Samples that were looked at. */
  readonly checked: number;
  readonly findings: readonly Finding[];
}

/** What files of a kind begin with, and how they may be called. */
const SIGNATURES: readonly (readonly [format: string, endings: readonly string[], test: (bytes: Buffer) => boolean])[] =
  [
    ['JPEG', ['.jpg', '.jpeg', '.jpe', '.jfif'], (b) => b[0] === 0xff && b[1] === 0xd8 && b[2] === 0xff],
    ['PNG', ['.png'], (b) => b.toString('latin1', 0, 8) === '\x89PNG\r\n\x1a\n'],
    ['GIF', ['.gif'], (b) => b.toString('latin1', 0, 4) === 'GIF8'],
    ['WebP', ['.webp'], (b) => b.toString('latin1', 0, 4) === 'RIFF' && b.toString('latin1', 8, 12) === 'WEBP'],
    ['BMP', ['.bmp'], (b) => b.toString('latin1', 0, 2) === 'BM'],
    ['TIFF', ['.tif', '.tiff'], (b) => ['II*\0', 'MM\0*'].includes(b.toString('latin1', 0, 4))],
    ['PNM', ['.ppm', '.pgm', '.pbm', '.pnm'], (b) => /^P[1-6]\s/.test(b.toString('latin1', 0, 3))],
    ['AVIF', ['.avif'], (b) => b.toString('latin1', 4, 12) === 'ftypavif'],
  ];

/** Pictures that differ by fewer bits of their 64-bit outlines count as almost the same. */
const SIMILAR_BITS = 3;

interface Seen {
  readonly path: string;
  readonly split: string;
}

/** Looks at all samples. @throws the signal's reason when it is aborted */
export async function check(
  dataset: RecognisedDataset,
  root: string,
  options: CheckOptions = {},
): Promise<CheckResult> {
  const findings: Finding[] = dataset.problems.map((message) => ({ kind: 'layout' as const, path: root, message }));
  if (isFolder(root)) findings.push(...linkLoops(root));
  const contents = new Map<string, Seen>();
  const outlines: { hash: bigint; seen: Seen }[] = [];
  const visited = new Set<string>();
  const plan = dataset.splits.map((split) => spread(split.length, options.limit));
  const total = plan.reduce((sum, indices) => sum + indices.length, 0);
  let done = 0;
  let checked = 0;
  for (const [i, split] of dataset.splits.entries())
    for (const index of plan[i] ?? []) {
      options.signal?.throwIfAborted();
      done++;
      options.onProgress?.(done, total);
      const path = split.path(index);
      // A list of everything beside lists of its parts names each picture twice.
      if (split.ownFiles && visited.has(path)) continue;
      visited.add(path);
      checked++;
      const image = split.ownFiles
        ? await checkFile(path, split.name, contents, findings)
        : await attempt(() => split.image(index), `${path}, sample ${index}`, 'unreadable', findings);
      if (image === undefined) continue;
      await checkAnnotation(split, index, image, dataset.classes, findings);
      if (options.similar === true && split.ownFiles)
        compareOutlines({ path, split: split.name }, outline(image), outlines, findings);
    }
  return { checked, findings };
}

async function attempt<V>(
  read: () => Promise<V>,
  path: string,
  kind: FindingKind,
  findings: Finding[],
): Promise<V | undefined> {
  try {
    return await read();
  } catch (error) {
    findings.push({ kind, path, message: (error as Error).message });
    return undefined;
  }
}

/** Reads a picture's file; undefined when it cannot be. */
async function checkFile(
  path: string,
  split: string,
  contents: Map<string, Seen>,
  findings: Finding[],
): Promise<DecodedImage | undefined> {
  if (!existsSync(path)) {
    findings.push({ kind: 'missing', path, message: 'there is no such file' });
    return undefined;
  }
  const bytes = await attempt(() => readFile(path), path, 'unreadable', findings);
  if (bytes === undefined) return undefined;
  if (bytes.length === 0) {
    findings.push({ kind: 'empty', path, message: 'the file is empty (0 bytes)' });
    return undefined;
  }
  const [format, endings] = SIGNATURES.find(([, , test]) => test(bytes)) ?? [];
  if (format !== undefined && endings?.includes(extname(path).toLowerCase()) === false)
    findings.push({
      kind: 'wrong-extension',
      path,
      message: `it is a ${format} file, but is called ${extname(path) || 'nothing'}`,
    });
  const hash = createHash('sha1').update(bytes).digest('base64');
  const twin = contents.get(hash);
  if (twin === undefined) contents.set(hash, { path, split });
  else
    findings.push(
      twin.split === split
        ? { kind: 'duplicate', path, message: `it is the same file as ${twin.path}` }
        : {
            kind: 'leak',
            path,
            message: `it is the same file as ${twin.path}, of ${twin.split}: parts should not overlap`,
          },
    );
  return attempt(() => decodePixels(bytes, 'RGB', {}, path), path, 'unreadable', findings);
}

async function checkAnnotation(
  split: LayoutSplit,
  index: number,
  image: DecodedImage,
  classes: readonly string[],
  findings: Finding[],
): Promise<void> {
  const path = split.path(index);
  const annotation = await attempt(() => split.annotation(index), path, 'label', findings);
  if (annotation === undefined) return;
  for (const message of problemsOf(annotation, image, classes)) findings.push({ kind: 'label', path, message });
}

function problemsOf({ label, boxes, mask }: Annotation, image: DecodedImage, classes: readonly string[]): string[] {
  const problems: string[] = [];
  if (label !== undefined && (label < 0 || (classes.length > 0 && label >= classes.length)))
    problems.push(`its class ${label} is none of the ${classes.length} classes`);
  for (const { name, box } of boxes ?? []) {
    const [left, top, right, bottom] = box;
    const shown = `[${box.map((value) => Math.round(value * 10) / 10).join(', ')}]`;
    if (right <= left || bottom <= top) problems.push(`the box ${shown} of a ${name} is empty or inside out`);
    // One pixel is left to those who count from 1.
    else if (left < -1 || top < -1 || right > image.width + 1 || bottom > image.height + 1)
      problems.push(`the box ${shown} of a ${name} reaches beyond the picture of ${image.width}×${image.height}`);
  }
  if (mask !== undefined && (mask.width !== image.width || mask.height !== image.height))
    problems.push(`its mask is ${mask.width}×${mask.height} pixels, the picture ${image.width}×${image.height}`);
  return problems;
}

/** 64 bits: whether each of 8×9 grey areas is brighter than its right neighbour. */
function outline({ data, width, height, channels }: DecodedImage): bigint {
  const area = (row: number, column: number): number => {
    const [y0, y1] = [
      Math.floor((row * height) / 8),
      Math.max(Math.floor(((row + 1) * height) / 8), Math.floor((row * height) / 8) + 1),
    ];
    const [x0, x1] = [
      Math.floor((column * width) / 9),
      Math.max(Math.floor(((column + 1) * width) / 9), Math.floor((column * width) / 9) + 1),
    ];
    let sum = 0;
    for (let y = y0; y < Math.min(y1, height); y++)
      for (let x = x0; x < Math.min(x1, width); x++)
        for (let c = 0; c < Math.min(3, channels); c++) sum += data[(y * width + x) * channels + c] as number;
    return sum / ((y1 - y0) * (x1 - x0));
  };
  let hash = 0n;
  for (let row = 0; row < 8; row++) {
    const cells = Array.from({ length: 9 }, (_, column) => area(row, column));
    for (let column = 0; column < 8; column++)
      hash = (hash << 1n) | ((cells[column] as number) > (cells[column + 1] as number) ? 1n : 0n);
  }
  return hash;
}

function compareOutlines(seen: Seen, hash: bigint, known: { hash: bigint; seen: Seen }[], findings: Finding[]): void {
  // Pictures of one colour all have the same outline.
  if (hash === 0n) return;
  const twin = known.find((other) => bits(other.hash ^ hash) < SIMILAR_BITS);
  if (twin !== undefined)
    findings.push({ kind: 'similar', path: seen.path, message: `it looks almost the same as ${twin.seen.path}` });
  known.push({ hash, seen });
}

function bits(value: bigint): number {
  let count = 0;
  for (let rest = value; rest !== 0n; rest &= rest - 1n) count++;
  return count;
}

/** Links that lead to a folder above them, or nowhere. */
function linkLoops(root: string): Finding[] {
  const findings: Finding[] = [];
  const visit = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) visit(path);
      else if (entry.isSymbolicLink()) {
        const target = statSync(path, { throwIfNoEntry: false });
        if (target === undefined && lstatSync(path).isSymbolicLink())
          findings.push({ kind: 'missing', path, message: 'it is a link that leads nowhere' });
        else if (
          target?.isDirectory() === true &&
          `${realpathSync(dirname(path))}/`.startsWith(`${realpathSync(path)}/`)
        )
          findings.push({
            kind: 'link-loop',
            path,
            message: `it is a link to ${realpathSync(path)}, a folder that it lies in`,
          });
      }
    }
  };
  visit(root);
  return findings;
}
