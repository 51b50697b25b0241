/** @file CsvList: images and labels listed in a file, `file,label` a line. */

import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { ArgumentError, data, type Tensor } from '@edgeai/torch';
import { loadPhoto } from '../io/decode.ts';
import type { DecodedImage } from '../io/decoded-image.ts';
import { type CsvRow, parseCsv } from './csv.ts';
import { DatasetError } from './errors.ts';
import type { FolderSample } from './folder.ts';
import { compareStrings, expandHome } from './listing.ts';
import { FileDataset, LoadedPicture, type VisionDatasetOptions } from './vision-dataset.ts';

export interface CsvListOptions<T, Y> extends VisionDatasetOptions<Tensor, T, Y> {
  /** Folder that the paths are relative to. Default: the folder of the list. */
  root?: string;
  /** Names of the classes in order. Default: the names in the list, sorted, or the numbers up to the largest. */
  classes?: readonly string[];
  /** Default: whether the first line looks like one (`file,label`, or no number where all others have one). */
  header?: boolean;
  /** Between the columns. Default a comma. */
  delimiter?: string;
  /** Check at once that every file exists. Default true. */
  checkFiles?: boolean;
  /** Reads a file. Default: decodes it to RGB. */
  loader?: (path: string) => DecodedImage | Promise<DecodedImage>;
}

const FILE_COLUMNS = ['file', 'filename', 'file_name', 'path', 'image'];
const LABEL_COLUMNS = ['label', 'class', 'target', 'category'];

/**
 * The images that a file lists: a path and a label a line, the label a number or a class name. With a header, the columns
 * may stand in any order among others. A sample is [uint8 RGB tensor [3, height, width], class].
 */
@data.portable(import.meta.url)
export class CsvList<T = Tensor, Y = number> extends FileDataset<DecodedImage, Tensor, T, Y> {
  readonly file: string;
  readonly classes: readonly string[];
  readonly classToIdx: ReadonlyMap<string, number>;
  /** Path and class of every sample, in the list's order. */
  readonly samples: readonly FolderSample[];
  readonly #lines: readonly number[];
  readonly #loader: (path: string) => DecodedImage | Promise<DecodedImage>;

  /** @throws {DatasetError} naming the line that has no label, an unknown class or a file that is not there */
  constructor(file: string, options: CsvListOptions<T, Y> = {}) {
    super(options);
    this.file = expandHome(file);
    this.#loader = options.loader ?? loadPhoto;
    const { rows, fileColumn, labelColumn } = readRows(this.file, options);
    const labels = rows.map((row) => this.#field(row, labelColumn, 'label'));
    const paths = rows.map((row) => this.#field(row, fileColumn, 'file'));
    this.#lines = rows.map(({ line }) => line);
    const numeric = labels.every((label) => /^\d+$/.test(label));
    this.classes = options.classes ?? (numeric ? numbersUpTo(labels) : [...new Set(labels)].sort(compareStrings));
    this.classToIdx = new Map(this.classes.map((name, i) => [name, i]));
    const root = options.root === undefined ? dirname(this.file) : expandHome(options.root);
    this.samples = labels.map((label, i) => [resolve(root, paths[i] as string), this.#target(label, numeric, i)]);
    if (options.checkFiles ?? true) this.#checkFiles();
  }

  get length(): number {
    return this.samples.length;
  }

  /** The class of every sample. */
  get targets(): number[] {
    return this.samples.map(([, target]) => target);
  }

  load(index: number): DecodedImage | Promise<DecodedImage> {
    return this.#loader(this.#sample(index)[0]);
  }

  finish(loaded: DecodedImage, index: number): [T, Y] {
    return this.pair(() => new LoadedPicture(loaded), this.#sample(index)[1]);
  }

  /** The sample's path. */
  describe(index: number): string {
    return this.#sample(index)[0];
  }

  #sample(index: number): FolderSample {
    data.checkIndex(index, this.length);
    return this.samples[index] as FolderSample;
  }

  #field(row: CsvRow, column: number, what: string): string {
    const value = row.fields[column];
    if (value === undefined || value === '') throw this.#invalid(row.line, `there is no ${what}; expected file,label`);
    return value;
  }

  #target(label: string, numeric: boolean, i: number): number {
    const target = this.classToIdx.get(label) ?? (numeric ? Number(label) : undefined);
    if (target === undefined || target >= this.classes.length) {
      const known = this.classes.slice(0, 8).join(', ') + (this.classes.length > 8 ? ', …' : '');
      throw this.#invalid(
        this.#lines[i] as number,
        `${JSON.stringify(label)} is none of the ${this.classes.length} classes (${known})`,
      );
    }
    return target;
  }

  #checkFiles(): void {
    const missing = this.samples.flatMap(([path], i) =>
      statSync(path, { throwIfNoEntry: false })?.isFile() === true ? [] : [i],
    );
    const [first] = missing;
    if (first === undefined) return;
    const others = missing.length === 1 ? '' : ` (and ${missing.length - 1} more of ${this.length} files are missing)`;
    throw this.#invalid(
      this.#lines[first] as number,
      `there is no file ${this.samples[first]?.[0]}${others}`,
      'DATASET_NOT_FOUND',
    );
  }

  #invalid(
    line: number,
    reason: string,
    code: 'DATASET_INVALID' | 'DATASET_NOT_FOUND' = 'DATASET_INVALID',
  ): DatasetError {
    return new DatasetError(code, this.file, `${this.file}, line ${line}: ${reason}`);
  }
}

function numbersUpTo(labels: readonly string[]): string[] {
  const most = labels.reduce((largest, label) => Math.max(largest, Number(label)), -1);
  return Array.from({ length: most + 1 }, (_, i) => String(i));
}

function readRows(
  file: string,
  options: { header?: boolean; delimiter?: string },
): { rows: CsvRow[]; fileColumn: number; labelColumn: number } {
  if (options.delimiter !== undefined && options.delimiter.length !== 1)
    throw ArgumentError.expected('delimiter', 'one character', options.delimiter);
  let rows: CsvRow[];
  try {
    rows = parseCsv(readFileSync(file, 'utf8'), options.delimiter);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const reason = missing ? 'there is no such file' : (error as Error).message;
    throw new DatasetError(missing ? 'DATASET_NOT_FOUND' : 'DATASET_INVALID', file, `${file}: ${reason}`, {
      cause: error,
    });
  }
  const [first] = rows;
  const names = first?.fields.map((name) => name.toLowerCase()) ?? [];
  const fileColumn = names.findIndex((name) => FILE_COLUMNS.includes(name));
  const labelColumn = names.findIndex((name) => LABEL_COLUMNS.includes(name));
  const named = fileColumn >= 0 && labelColumn >= 0;
  if (options.header ?? (named || looksLikeHeader(rows))) rows = rows.slice(1);
  if (rows.length === 0)
    throw new DatasetError('DATASET_EMPTY', file, `${file} lists no images; expected lines of file,label`);
  return named && options.header !== false
    ? { rows, fileColumn, labelColumn }
    : { rows, fileColumn: 0, labelColumn: 1 };
}

/** A first line without a number, where all others have one. */
function looksLikeHeader(rows: readonly CsvRow[]): boolean {
  const isNumber = (row: CsvRow | undefined) => /^\d+$/.test(row?.fields[1] ?? '');
  return rows.length > 1 && !isNumber(rows[0]) && rows.slice(1).every(isNumber);
}
