/** @file MD5 sums of files: what published data sets are checked against. */

import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { DatasetError } from '../errors.ts';

/** The MD5 of a file in hexadecimal digits. @throws the system's error for a file that cannot be read */
export function md5Of(path: string): string {
  const hash = createHash('md5');
  const file = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(1 << 20);
    for (;;) {
      const count = readSync(file, buffer, 0, buffer.length, null);
      if (count === 0) return hash.digest('hex');
      hash.update(buffer.subarray(0, count));
    }
  } finally {
    closeSync(file);
  }
}

/** Whether there is a file, with that MD5 where one is given. */
export function checkIntegrity(path: string, md5?: string): boolean {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return false;
  return md5 === undefined || md5Of(path) === md5;
}

/** @throws {DatasetError} (`DATASET_INVALID`) naming the file, what it should be and what it is */
export function requireIntegrity(path: string, md5: string, dataset: string): void {
  const found = md5Of(path);
  if (found === md5) return;
  throw new DatasetError(
    'DATASET_INVALID',
    path,
    `${path} is damaged or not the file of ${dataset}: expected MD5 ${md5} but it has ${found}`,
  );
}
