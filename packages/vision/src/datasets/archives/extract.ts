/** @file Unpacks archives: zip, tar and compressed tar (gzip, bzip2, xz), and single compressed files. What comes out is whole or not there. */

import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, normalize, sep } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream as WebStream } from 'node:stream/web';
import { createGunzip } from 'node:zlib';
import { EdgeAIError } from '@edgeai/torch';
import { bunzip2Stream } from './bunzip.ts';

/** An archive is damaged, of an unknown kind, or would write outside of its folder. Nothing was put in place. */
export class ArchiveError extends EdgeAIError {
  readonly path: string;

  constructor(path: string, message: string, options?: ErrorOptions) {
    super('ARCHIVE_INVALID', `${path}: ${message}`, options);
    this.path = path;
  }
}

type Compression = 'gzip' | 'bzip2' | 'xz';

/** What an archive is, by its ending. */
interface ArchiveKind {
  readonly archive?: 'tar' | 'zip';
  readonly compression?: Compression;
}

const KINDS: readonly (readonly [ending: RegExp, kind: ArchiveKind])[] = [
  [/\.zip$/i, { archive: 'zip' }],
  [/\.tar$/i, { archive: 'tar' }],
  [/\.(tar\.gz|tgz)$/i, { archive: 'tar', compression: 'gzip' }],
  [/\.(tar\.bz2|tbz2?)$/i, { archive: 'tar', compression: 'bzip2' }],
  [/\.(tar\.xz|txz)$/i, { archive: 'tar', compression: 'xz' }],
  [/\.gz$/i, { compression: 'gzip' }],
  [/\.bz2$/i, { compression: 'bzip2' }],
  [/\.xz$/i, { compression: 'xz' }],
];

export interface ExtractOptions {
  /** Delete the archive when all is in place. Default false. */
  removeFinished?: boolean;
  signal?: AbortSignal;
}

/**
 * Unpacks an archive into a folder; its kind follows from its ending. First all of it is unpacked beside the folder, then
 * moved there, so that a folder that is there is whole. A single compressed file loses its last ending.
 *
 * @throws {ArchiveError} for an archive that is damaged, of an unknown kind, or has paths that lead outside of the folder
 */
export async function extractArchive(path: string, folder: string, options: ExtractOptions = {}): Promise<void> {
  const kind = KINDS.find(([ending]) => ending.test(path))?.[1];
  if (kind === undefined) {
    const rar = /\.(rar|7z)$/i.test(path) ? '; unpack it with a program for that' : '';
    throw new ArchiveError(
      path,
      `is no archive that can be unpacked: expected .zip, .tar, .tar.gz, .tgz, .tar.bz2, .tar.xz, .gz, .bz2 or .xz${rar}`,
    );
  }
  await mkdir(folder, { recursive: true });
  const workplace = await mkdtemp(join(folder, '.unpacking-'));
  try {
    await unpack(path, kind, workplace, options.signal);
    await moveInto(workplace, folder);
  } catch (error) {
    if (error instanceof ArchiveError || options.signal?.aborted === true || isOfSystem(error)) throw error;
    throw new ArchiveError(path, `is damaged or cut off (${(error as Error).message})`, { cause: error });
  } finally {
    await rm(workplace, { recursive: true, force: true });
  }
  if (options.removeFinished === true) await rm(path);
}

/** Errors of the disk are not the archive's fault. */
function isOfSystem(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}

async function unpack(path: string, kind: ArchiveKind, target: string, signal: AbortSignal | undefined): Promise<void> {
  await stat(path);
  if (kind.archive === 'zip') return await unzip(path, target, signal);
  if (kind.archive === 'tar') return await untar(path, kind.compression, target, signal);
  const name = basename(path).replace(/\.\w+$/, '');
  await pipeline(decompressed(path, kind.compression), createWriteStream(join(target, name)), { signal });
}

/** The content of a file that may be compressed, as it streams. */
function decompressed(path: string, compression: Compression | undefined): Readable {
  const raw = createReadStream(path);
  switch (compression) {
    case undefined:
      return raw;
    case 'gzip': {
      const gunzip = createGunzip();
      raw.on('error', (error) => gunzip.destroy(error));
      return raw.pipe(gunzip);
    }
    case 'bzip2':
      return Readable.from(bunzip2Stream(raw, path));
    case 'xz':
      return Readable.from(unxz(raw));
  }
}

async function* unxz(raw: Readable): AsyncGenerator<Buffer> {
  const loaded = await import('xz-decompress');
  // A CommonJS module: Node puts what it exports under `default`, other loaders beside it.
  const { XzReadableStream } = loaded.default ?? loaded;
  const stream = new XzReadableStream(Readable.toWeb(raw) as unknown as ReadableStream<Uint8Array>);
  // The library reuses its memory.
  for await (const piece of stream as unknown as WebStream<Uint8Array>) yield Buffer.from(piece);
}

/** Where an entry goes. @throws {ArchiveError} for one that leads out of the folder */
function placeOf(entry: string, target: string, archive: string): string {
  const relative = normalize(entry.replaceAll('\\', '/'));
  if (isAbsolute(relative) || /^[a-z]:/i.test(relative) || relative === '..' || relative.startsWith(`..${sep}`))
    throw new ArchiveError(archive, `has an entry that leads outside of the folder: ${entry}`);
  return join(target, relative);
}

async function untar(
  path: string,
  compression: Compression | undefined,
  target: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const tar = await import('tar');
  let refused: unknown;
  let count = 0;
  const sink = tar.extract({
    cwd: target,
    strict: true,
    // Owners, permissions and times are the archive's author's business.
    preserveOwner: false,
    noMtime: true,
    noChmod: true,
    filter: (name, entry) => {
      try {
        placeOf(name, target, path);
        const type = 'type' in entry ? entry.type : 'File';
        if (type === 'SymbolicLink' || type === 'Link') {
          const link = 'linkpath' in entry ? String(entry.linkpath) : '';
          placeOf(type === 'Link' ? link : join(dirname(name), link), target, path);
        }
        count++;
        return refused === undefined;
      } catch (error) {
        refused ??= error;
        return false;
      }
    },
  });
  await pipeline(decompressed(path, compression), sink as unknown as NodeJS.WritableStream, { signal });
  if (refused !== undefined) throw refused;
  if (count === 0) throw new ArchiveError(path, 'is no tar archive, or an empty one');
}

async function unzip(path: string, target: string, signal: AbortSignal | undefined): Promise<void> {
  const { default: yauzl } = await import('yauzl');
  const zip = await new Promise<import('yauzl').ZipFile>((resolve, reject) => {
    yauzl.open(
      path,
      { lazyEntries: true, autoClose: true, decodeStrings: true, validateEntrySizes: true },
      (error, file) => (error === null || error === undefined ? resolve(file) : reject(error)),
    );
  });
  await new Promise<void>((resolve, reject) => {
    const fail = (error: unknown): void => {
      zip.close();
      reject(
        error instanceof Error && /relative path|absolute path|invalid characters/i.test(error.message)
          ? new ArchiveError(
              path,
              `has an entry that leads outside of the folder: ${error.message.replace(/^[^:]*: /, '')}`,
            )
          : error,
      );
    };
    zip.on('error', fail);
    zip.on('end', resolve);
    zip.on('entry', (entry: import('yauzl').Entry) => {
      signal?.throwIfAborted();
      writeEntry(zip, entry, placeOf(entry.fileName, target, path), signal).then(() => zip.readEntry(), fail);
    });
    zip.readEntry();
  });
}

async function writeEntry(
  zip: import('yauzl').ZipFile,
  entry: import('yauzl').Entry,
  path: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  signal?.throwIfAborted();
  if (entry.fileName.endsWith('/')) {
    await mkdir(path, { recursive: true });
    return;
  }
  await mkdir(dirname(path), { recursive: true });
  const content = await new Promise<Readable>((resolve, reject) => {
    zip.openReadStream(entry, (error, stream) =>
      error === null || error === undefined ? resolve(stream) : reject(error),
    );
  });
  await pipeline(content, createWriteStream(path), { signal });
}

/** Moves what was unpacked to its place; folders that are there already are joined. */
async function moveInto(from: string, to: string): Promise<void> {
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory() && existsSync(target)) await moveInto(source, target);
    else {
      if (existsSync(target)) await rm(target, { recursive: true, force: true });
      await rename(source, target);
    }
  }
}
