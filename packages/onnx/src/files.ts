/** @file Writes a file from parts, so that whoever looks sees the old one or the new one whole. */

import { writeSync } from 'node:fs';
import { writeFileAtomic } from '@edgeai/torch';

/** @throws {FileWriteError} when the system refuses; a file that was there stays */
export function writeParts(path: string, parts: readonly Uint8Array[]): void {
  writeFileAtomic(path, (fd) => {
    for (const part of parts) {
      for (let done = 0; done < part.length; ) done += writeSync(fd, part, done, Math.min(part.length - done, 2 ** 30));
    }
  });
}
