/** @file Writing a file so that whoever looks, at any moment and after any failure, sees the old one or the new one whole. */

import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  type Stats,
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
 * Writes `path` through a temporary file in the same folder: fill, flush to disk, rename, flush the folder.
 * When anything fails, `fill` included, the file that was there stays as it was and the temporary one is removed.
 *
 * @param fill writes the content to the descriptor, which is closed afterwards.
 * @throws FileWriteError when the system refuses (no space, no permission, no such folder …); what `fill` throws
 *   otherwise.
 */
export function writeFileAtomic(path: string, fill: (fd: number) => void): void {
  const existing = statOf(path);
  if (existing?.isDirectory()) throw new FileWriteError(path, 'is a folder, expected a file name');
  // A device or a pipe can only be written to, not replaced.
  if (existing !== undefined && !existing.isFile()) {
    attempt(path, () => fillAndClose(openSync(path, 'w'), fill));
    return;
  }
  // Through a symbolic link the file it points to is replaced, not the link.
  const target = existing === undefined ? path : realpathSync(path);
  const folder = dirname(target);
  const temporary = join(folder, `.${basename(target)}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`);
  attempt(path, () => {
    const fd = openSync(temporary, 'wx');
    try {
      fillAndClose(fd, (open) => {
        if (existing !== undefined) fchmodSync(open, existing.mode & 0o777);
        fill(open);
        fsyncSync(open);
      });
      renameSync(temporary, target);
    } catch (error) {
      removeQuietly(temporary);
      throw error;
    }
    flushFolder(folder);
  });
}

/** Writes all of `bytes` at the descriptor's current position, however many system calls that takes. */
export function writeFully(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, Math.min(bytes.length - done, 2 ** 30));
}

function fillAndClose(fd: number, fill: (fd: number) => void): void {
  try {
    fill(fd);
  } finally {
    closeSync(fd);
  }
}

function attempt(path: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new FileWriteError(path, `cannot be written, what was there is unchanged (${reason(error)})`, {
      cause: error,
    });
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}

/** The system's words without the temporary name that they end in. */
function reason(error: NodeJS.ErrnoException): string {
  return error.message.replace(/, \w+( '.*')?$/s, '');
}

function statOf(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
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
