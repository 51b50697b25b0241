/** @file Finds files by a pattern with `*` in it. */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { compareStrings } from '../listing.ts';

/** Paths that match an absolute or relative pattern, sorted; `*` stands for any characters within one name, other than a dot in front. */
export function globSync(pattern: string): string[] {
  const parts = pattern.split('/');
  let found = [parts[0] === '' ? '/' : '.'];
  for (const part of parts[0] === '' ? parts.slice(1) : parts) {
    if (!part.includes('*')) {
      found = found.map((folder) => join(folder, part)).filter((path) => existsSync(path));
      continue;
    }
    const source = part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
    const expression = new RegExp(`^${source}$`, 's');
    found = found.flatMap((folder) =>
      names(folder)
        .filter((name) => expression.test(name) && (part.startsWith('.') || !name.startsWith('.')))
        .map((name) => join(folder, name)),
    );
  }
  return found.sort(compareStrings);
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // A file among the folders matches no further part.
    return [];
  }
}
