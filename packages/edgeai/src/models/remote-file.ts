/** @file A weights file by path or address: addresses are downloaded once, into the folder that Python's torch.hub uses too. */

import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { downloadFile, models } from '@edgeai/vision';

import { FailureError } from '../errors.ts';

/** Path of the file on this machine. Throws a FailureError `CANNOT_READ` where there is none. */
export async function localFile(given: string, log: (message: string) => void): Promise<string> {
  if (/^https?:/i.test(given)) {
    const path = join(models.checkpointFolder(), basename(new URL(given).pathname));
    if (existsSync(path)) return path;
    log(`downloading ${given}`);
    await downloadFile(given, path, { sha256: models.hashInName(path) });
    return path;
  }
  const path = given.startsWith('~/') ? join(homedir(), given.slice(2)) : given;
  if (!existsSync(path)) throw new FailureError('CANNOT_READ', `--weights: there is no file ${path}`);
  return path;
}
