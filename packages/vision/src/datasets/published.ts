/** @file What published data sets have in common: choices that are checked, files that are looked for, verified and fetched, [picture, target] pairs. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { ArgumentError, data, type Tensor } from '@edgeai/torch';
import { type DownloadOptions, downloadFile } from '../download.ts';
import { extractArchive } from './archives/extract.ts';
import { requireIntegrity } from './archives/integrity.ts';
import { DatasetError } from './errors.ts';
import { expandHome } from './listing.ts';
import type { Samples } from './samples.ts';
import { VisionDataset, type VisionDatasetOptions } from './vision-dataset.ts';

/** The module that exports all published data sets, where worker threads find them. */
const INDEX = new URL(`../index.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url).href;

type Value = string | number | boolean | undefined;

/** The values that an option may have, the default first; or names of which one or several may be given, the first by default. */
export type Choice = readonly Value[] | { readonly anyOf: readonly string[] };
export type Choices = Readonly<Record<string, Choice>>;

/** Options as callers give them. */
export type Given<C extends Choices> = {
  [K in keyof C]?: C[K] extends { readonly anyOf: readonly (infer N)[] }
    ? N | readonly N[]
    : C[K] extends readonly (infer V)[]
      ? V
      : never;
};

/** Options with nothing left out; names of which several may be given are lists. */
export type Chosen<C extends Choices> = {
  readonly [K in keyof C]: C[K] extends { readonly anyOf: readonly (infer N)[] }
    ? readonly N[]
    : C[K] extends readonly (infer V)[]
      ? V
      : never;
};

/** A file to fetch. */
export interface DownloadStep {
  /** Addresses to try. */
  readonly url: string | readonly string[];
  /** Where it goes, below the root. */
  readonly file: string;
  readonly md5?: string;
  /** Folder below the root to unpack it to. Not unpacked where left out. */
  readonly unpack?: string;
}

/** What reading the files of a data set gives. */
export interface Index<Target> {
  readonly samples: Samples<Target>;
  readonly classes?: readonly string[];
  /** The class of every sample. */
  readonly targets?: ArrayLike<number>;
}

/** What is known about one published data set. */
export interface PublishedSpec<C extends Choices, Target> {
  readonly name: string;
  readonly choices: C;
  /** Files and folders below the root that must be there. */
  readonly needs: (chosen: Chosen<C>, root: string) => readonly string[];
  /** MD5 of files below the root. */
  readonly md5?: (chosen: Chosen<C>) => Readonly<Record<string, string>>;
  /** What to fetch; nothing where it has to be fetched by hand. */
  readonly downloads?: (chosen: Chosen<C>) => readonly DownloadStep[];
  /** What remains to be done when all has been fetched and unpacked. */
  readonly arrange?: (root: string, chosen: Chosen<C>) => void | Promise<void>;
  /** How to get the files where they cannot be fetched. */
  readonly advice?: string;
  readonly read: (root: string, chosen: Chosen<C>) => Index<Target>;
}

export interface IntegrityChoice {
  /** Compare the MD5 of the files that have a published one. Default true. */
  checkIntegrity?: boolean;
}

export interface DownloadChoice extends Pick<DownloadOptions, 'onProgress' | 'signal'> {
  /** Fetch and unpack what is missing. Default false. */
  download?: boolean;
}

export type PublishedOptions<C extends Choices, Target, T, Y> = Given<C> &
  VisionDatasetOptions<Tensor, T, Y, Target> &
  IntegrityChoice;

/** The class of a published data set. */
export interface PublishedClass<C extends Choices, Target> {
  /**
   * @throws {DatasetError} when files are missing, damaged or contradict each other
   * @throws {ArgumentError} for options that the data set does not have
   */
  new <T = Tensor, Y = Target>(
    root: string,
    options?: PublishedOptions<C, Target, T, Y>,
  ): PublishedDataset<Target, T, Y>;
  /** Like the constructor, but can download. */
  open<T = Tensor, Y = Target>(
    root: string,
    options?: PublishedOptions<C, Target, T, Y> & DownloadChoice,
  ): Promise<PublishedDataset<Target, T, Y>>;
  readonly spec: PublishedSpec<C, Target>;
}

/** [uint8 tensor [channels, height, width], target] pairs of a published data set; see the class for both. */
export class PublishedDataset<Target, T = Tensor, Y = Target> extends VisionDataset<Tensor, T, Y, Target> {
  readonly root: string;
  /** The options in force. */
  readonly chosen: Readonly<Record<string, unknown>>;
  readonly classes: readonly string[];
  readonly classToIdx: ReadonlyMap<string, number>;
  readonly #samples: Samples<Target>;
  readonly #targets: ArrayLike<number> | undefined;

  constructor(
    root: string,
    chosen: Readonly<Record<string, unknown>>,
    index: Index<Target>,
    options: VisionDatasetOptions<Tensor, T, Y, Target>,
  ) {
    super(options);
    this.root = root;
    this.chosen = chosen;
    this.classes = index.classes ?? [];
    this.classToIdx = new Map(this.classes.map((name, i) => [name, i]));
    this.#samples = index.samples;
    this.#targets = index.targets;
  }

  get length(): number {
    return this.#samples.length;
  }

  /** The class of every sample; empty where samples have none. */
  get targets(): number[] {
    return this.#targets === undefined ? [] : Array.from(this.#targets);
  }

  /** Reads the sample's files, if it has any. Makes no tensors. */
  load(index: number): unknown {
    data.checkIndex(index, this.length);
    return this.#samples.load?.(index);
  }

  /** The pair, made of what `load` gave. */
  finish(loaded: unknown, index: number): [T, Y] {
    data.checkIndex(index, this.length);
    return this.transformed(() => this.#samples.finish(index, loaded));
  }

  /** The pair. Where it comes from files, its tensors are made after an `await` and belong to no scope. */
  get(index: number): [T, Y] | Promise<[T, Y]> {
    const loaded = this.load(index);
    return loaded instanceof Promise
      ? loaded.then((value: unknown) => this.finish(value, index))
      : this.finish(loaded, index);
  }

  /** The sample's path, or its place in the file. */
  describe(index: number): string {
    data.checkIndex(index, this.length);
    return this.#samples.describe(index);
  }

  /** Releases what is held in memory. */
  dispose(): void {
    this.#samples.dispose?.();
  }
}

/** The class for a data set, made of what is known about it. */
export function published<const C extends Choices, Target>(spec: PublishedSpec<C, Target>): PublishedClass<C, Target> {
  @data.portable(INDEX, `datasets.${spec.name}`)
  class Published<T, Y> extends PublishedDataset<Target, T, Y> {
    static readonly spec = spec;

    constructor(root: string, options: PublishedOptions<C, Target, T, Y> = {} as PublishedOptions<C, Target, T, Y>) {
      refuseDownload(spec.name, options);
      const chosen = choose(spec, options);
      const folder = expandHome(root);
      requireFiles(spec, folder, chosen);
      // A loader's worker opens what the main thread has checked.
      if (isMainThread && (options.checkIntegrity ?? true))
        for (const [file, md5] of Object.entries(spec.md5?.(chosen) ?? {}))
          requireIntegrity(join(folder, file), md5, spec.name);
      super(folder, chosen, spec.read(folder, chosen), options);
    }

    static async open<T, Y>(
      root: string,
      options: PublishedOptions<C, Target, T, Y> & DownloadChoice = {} as PublishedOptions<C, Target, T, Y>,
    ): Promise<PublishedDataset<Target, T, Y>> {
      const { download, onProgress, signal, ...rest } = options;
      if (download === true) await fetchFiles(spec, expandHome(root), choose(spec, options), { onProgress, signal });
      return new Published<T, Y>(root, rest as unknown as PublishedOptions<C, Target, T, Y>);
    }
  }
  Object.defineProperty(Published, 'name', { value: spec.name });
  return Published as unknown as PublishedClass<C, Target>;
}

/** @internal Constructors do not wait for the network. */
export function refuseDownload(name: string, options: object): void {
  if ('download' in options && options.download === true)
    throw new ArgumentError(
      'download',
      `Downloading takes a while: use await ${name}.open(root, { download: true }) instead of new ${name}(…)`,
    );
}

/** The options with defaults for what is left out. @throws {ArgumentError} naming what may be chosen */
export function choose<C extends Choices>(
  spec: { readonly choices: C },
  options: Readonly<Partial<Record<string, unknown>>>,
): Chosen<C> {
  const chosen = Object.entries(spec.choices).map(([name, choice]): [string, unknown] => {
    const given = options[name];
    if ('anyOf' in choice) {
      const list = given === undefined ? choice.anyOf.slice(0, 1) : Array.isArray(given) ? given : [given];
      const wrong = list.find((item) => !choice.anyOf.includes(item));
      if (list.length === 0 || wrong !== undefined)
        throw ArgumentError.expected(name, `one or several of ${choice.anyOf.join(', ')}`, wrong ?? given);
      return [name, list];
    }
    if (given === undefined) return [name, choice[0]];
    if (!choice.includes(given as Value)) throw ArgumentError.expected(name, `one of ${choice.join(', ')}`, given);
    return [name, given];
  });
  return Object.fromEntries(chosen) as Chosen<C>;
}

type Files<C extends Choices> = Pick<PublishedSpec<C, never>, 'name' | 'needs' | 'downloads' | 'arrange' | 'advice'>;

/** @throws {DatasetError} naming the first file that is missing, and how to get it */
export function requireFiles<C extends Choices>(spec: Files<C>, root: string, chosen: Chosen<C>): void {
  const missing = spec.needs(chosen, root).find((path) => !existsSync(join(root, path)));
  if (missing === undefined) return;
  const advice = spec.advice ?? `${spec.name}.open(root, { download: true }) fetches it`;
  throw new DatasetError(
    'DATASET_NOT_FOUND',
    join(root, missing),
    `${spec.name} was not found: there is no ${join(root, missing)}. ${advice}`,
  );
}

/** Fetches, unpacks and arranges what is missing; nothing where all is there. */
export async function fetchFiles<C extends Choices>(
  spec: Files<C>,
  root: string,
  chosen: Chosen<C>,
  options: Pick<DownloadOptions, 'onProgress' | 'signal'> = {},
): Promise<void> {
  if (spec.needs(chosen, root).every((path) => existsSync(join(root, path)))) return;
  const steps = spec.downloads?.(chosen) ?? [];
  if (steps.length === 0 && spec.arrange === undefined)
    throw new DatasetError(
      'DATASET_NOT_FOUND',
      root,
      `${spec.name} cannot be downloaded automatically. ${spec.advice ?? ''}`.trimEnd(),
    );
  for (const { url, file, md5, unpack } of steps) {
    const path = join(root, file);
    // Without a sum, what is there is taken for what it should be.
    if (md5 !== undefined || !existsSync(path)) await downloadFile(url, path, { md5, ...options });
    if (unpack !== undefined) await extractArchive(path, join(root, unpack), { signal: options.signal });
  }
  await spec.arrange?.(root, chosen);
}

/** The address of a file in Google Drive, past its warning about large files. */
export function googleDrive(id: string): string {
  return `https://drive.usercontent.google.com/download?id=${id}&export=download&confirm=t`;
}
