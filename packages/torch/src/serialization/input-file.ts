/** @file An open file that is read at any offset, each read checked against the file's size before memory is taken. */

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { FileFormatError } from '../errors.ts';

/** The system call takes at most 2^31 - 1 bytes. */
const LARGEST_READ = 2 ** 30;

/** A regular file open for reading. Close it. */
export class InputFile {
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  readonly #fd: number;

  /** @throws FileFormatError when `path` is not a regular file; the system's error when it cannot be opened. */
  constructor(path: string) {
    this.path = path;
    this.#fd = openSync(path, 'r');
    const stat = fstatSync(this.#fd);
    this.size = stat.size;
    if (!stat.isFile()) {
      closeSync(this.#fd);
      throw new FileFormatError(stat.isDirectory() ? 'is a folder, expected a file' : 'is not a regular file', path);
    }
  }

  /** `length` bytes from `offset` on, in memory of their own. `what` names them in the error. */
  read(offset: number, length: number, what: string): Uint8Array {
    const inFile = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
    if (!inFile || offset + length > this.size) {
      throw new FileFormatError(
        `truncated or corrupt: ${what} should be ${length} bytes at offset ${offset}, but the file ends at ${this.size}`,
        this.path,
      );
    }
    let target: Uint8Array;
    try {
      target = new Uint8Array(length);
    } catch (cause) {
      throw new FileFormatError(`${what} of ${length} bytes is too large for one array`, this.path, { cause });
    }
    for (let done = 0; done < length; ) {
      const count = readSync(this.#fd, target, done, Math.min(length - done, LARGEST_READ), offset + done);
      if (count === 0) throw new FileFormatError(`the file became shorter while ${what} was read`, this.path);
      done += count;
    }
    return target;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** Opens `path`, hands it to `use`, closes it. */
export function withInputFile<T>(path: string, use: (file: InputFile) => T): T {
  const file = new InputFile(path);
  try {
    return use(file);
  } finally {
    file.close();
  }
}
