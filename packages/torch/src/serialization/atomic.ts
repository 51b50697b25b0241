/** @file Writing a file so that whoever looks, at any moment and after any failure, sees the old one or the new one whole. */

import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { EdgeAIError } from '../errors.ts';

/** The system refused to write. `path` says which file; `cause` is the system's error. */
export class FileWriteError extends EdgeAIError {
  readonly path: string;

  constructor(path: string, message: string, options?: ErrorOptions) {
    super('WRITE_FAILED', `${path}: ${message}`, options);
    this.path = path;
  }
}

/**
 * Replaces `path` by what `write` puts into the temporary file in the same folder whose path it is given: write, flush to disk, rename,
 * flush the folder. When anything fails, `write` included, the file that was there stays as it was and the temporary one is removed.
 *
 * @throws FileWriteError when the system refuses (no space, no permission, no such folder …); what `write` throws
 *   otherwise.
 */
export function replaceFile(path: string, write: (temporary: string) => void): void {
  const replacement = new Replacement(path);
  try {
    write(replacement.begin());
    replacement.commit();
  } catch (error) {
    throw replacement.abandon(error);
  }
}

/** `replaceFile` for a writer that takes its time, such as an exporter. */
export async function replaceFileAsync(path: string, write: (temporary: string) => Promise<void>): Promise<void> {
  const replacement = new Replacement(path);
  try {
    await write(replacement.begin());
    replacement.commit();
  } catch (error) {
    throw replacement.abandon(error);
  }
}

/**
 * Replaces the content of `path` as `replaceFile` does.
 *
 * @param content what the file is to hold, or a function that writes it to the descriptor, which is closed afterwards.
 * @throws FileWriteError when the system refuses; what the function throws otherwise.
 */
export function writeFileAtomic(path: string, content: string | Uint8Array | ((fd: number) => void)): void {
  replaceFile(path, (temporary) => {
    const fd = openSync(temporary, 'w');
    try {
      if (typeof content === 'function') content(fd);
      else writeFully(fd, typeof content === 'string' ? Buffer.from(content) : content);
    } finally {
      closeSync(fd);
    }
  });
}

/** True for the names of files that an interrupted replacement may have left behind. */
export function isTemporaryFile(name: string): boolean {
  return /^\..+\.\d+\.[0-9a-f]+\.tmp$/.test(name);
}

/** One replacement of a file: begun, then committed or abandoned. */
class Replacement {
  readonly #path: string;
  /** Where a symbolic link leads: the file it points to is replaced, not the link. */
  #target: string;
  #temporary: string | undefined;

  constructor(path: string) {
    this.#path = path;
    this.#target = path;
  }

  /** @returns the path to write to: of an empty file, as private as the one that it will replace */
  begin(): string {
    const existing = statSync(this.#path, { throwIfNoEntry: false });
    if (existing?.isDirectory()) throw new FileWriteError(this.#path, 'is a folder, expected a file name');
    // A device or a pipe can only be written to, not replaced.
    if (existing !== undefined && !existing.isFile()) return this.#path;
    if (existing !== undefined) this.#target = realpathSync(this.#path);
    const mark = `${process.pid}.${randomBytes(4).toString('hex')}`;
    const temporary = join(dirname(this.#target), `.${basename(this.#target)}.${mark}.tmp`);
    const fd = openSync(temporary, 'wx');
    this.#temporary = temporary;
    try {
      if (existing !== undefined) fchmodSync(fd, existing.mode & 0o777);
    } finally {
      closeSync(fd);
    }
    return temporary;
  }

  commit(): void {
    if (this.#temporary === undefined) return;
    const fd = openSync(this.#temporary, 'r+');
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(this.#temporary, this.#target);
    flushFolder(dirname(this.#target));
  }

  /** Removes the temporary file. @returns what to throw */
  abandon(error: unknown): unknown {
    if (this.#temporary !== undefined) removeQuietly(this.#temporary);
    // Only what the system refused is ours to explain; a bug in the writer stays what it is.
    if (!isSystemError(error)) return error;
    const message = `cannot be written, what was there is unchanged (${reason(error)})`;
    return new FileWriteError(this.#path, message, { cause: error });
  }
}

/** Writes all of `bytes` at the descriptor's current position, however many system calls that takes. */
export function writeFully(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, Math.min(bytes.length - done, 2 ** 30));
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}

/** The system's words without the temporary name that they end in. */
function reason(error: NodeJS.ErrnoException): string {
  return error.message.replace(/, \w+( '.*')?$/s, '');
}

function removeQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // The error that brought us here says more than a failure to tidy up.
  }
}

/** Makes the rename itself last through a power failure. */
function flushFolder(folder: string): void {
  let fd: number | undefined;
  try {
    fd = openSync(folder, 'r');
    fsyncSync(fd);
  } catch {
    // Some systems (Windows, some network file systems) cannot flush folders; the file is complete all the same.
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
