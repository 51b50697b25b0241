/** @file Replaces files so that a crash, a kill or a full disk leaves either the old content or the new, never a part. */

import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { describeSystemError, FailureError, systemErrorCode } from '../errors.ts';

let counter = 0;

/** A hidden name beside `path` that nobody else uses; `isTemporary` recognises it after a crash. */
function temporaryPath(path: string): string {
  return join(dirname(path), `.${basename(path)}.${process.pid}.${counter++}.tmp`);
}

/** True for the names that an interrupted replacement may have left behind. */
export function isTemporary(name: string): boolean {
  return /^\..+\.\d+\.[0-9a-f]+\.tmp$/.test(name);
}

/** Makes a finished file's content durable. */
function syncFile(path: string): void {
  const descriptor = openSync(path, 'r+');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Makes a rename durable. Windows and some network file systems cannot open folders; there the rename has to do. */
export function syncFolder(path: string): void {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch {
    return;
  }
  try {
    fsyncSync(descriptor);
  } catch (error) {
    if (systemErrorCode(error) === 'EIO') throw error;
  } finally {
    closeSync(descriptor);
  }
}

/** Puts a completely written temporary file in the place of `path`. */
function commit(temporary: string, path: string): void {
  syncFile(temporary);
  renameSync(temporary, path);
  syncFolder(dirname(path));
}

function failure(path: string, error: unknown): unknown {
  // Only what the operating system refused is ours to explain; a bug in the writer stays what it is.
  if (systemErrorCode(error) === undefined || !(error instanceof Error && 'syscall' in error)) return error;
  const message = `cannot write ${path}: ${describeSystemError(error)}; a file that was there before is unchanged`;
  return new FailureError('CANNOT_WRITE', message, { cause: error });
}

/**
 * Replaces `path` by what `write` puts into the temporary file that it is given the path of. Where `write` throws, the
 * temporary file is removed and `path` stays as it was.
 */
export function replaceFile(path: string, write: (temporary: string) => void): void {
  const temporary = temporaryPath(path);
  try {
    write(temporary);
    commit(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw failure(path, error);
  }
}

/** `replaceFile` for a writer that takes its time, such as an exporter. */
export async function replaceFileAsync(path: string, write: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = temporaryPath(path);
  try {
    await write(temporary);
    commit(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw failure(path, error);
  }
}

/** Replaces the content of `path` by `data`. Throws a FailureError `CANNOT_WRITE`. */
export function writeFileAtomic(path: string, data: string | Uint8Array): void {
  replaceFile(path, (temporary) => writeFileSync(temporary, data));
}
