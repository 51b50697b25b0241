/** @file The list of a data folder, kept in a file so that huge folders need not be searched every time. */

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { writeFileAtomic } from '@edgeai/torch/files';
import { z } from 'zod';

import type { LabelledFile } from './image-list.ts';

/** The images of a folder. */
export interface Listing {
  files: readonly LabelledFile[];
  classes: readonly string[];
}

const listing = z.object({
  root: z.string(),
  classes: z.array(z.string()),
  files: z.array(z.tuple([z.string(), z.int()])),
});

/** The list kept for `root`, or else the one that `search` finds, which is kept then. */
export function cachedListing(root: string, search: () => Listing): Listing {
  const absolute = resolve(root);
  const path = cachePath(absolute);
  if (existsSync(path)) {
    const kept = listing.safeParse(readJson(path));
    if (kept.success && kept.data.root === absolute) {
      return { classes: kept.data.classes, files: kept.data.files.map(([file, label]) => ({ path: file, label })) };
    }
  }
  const found = search();
  mkdirSync(dirname(path), { recursive: true });
  const files = found.files.map(({ path: file, label }) => [file, label]);
  writeFileAtomic(path, `${JSON.stringify({ root: absolute, classes: found.classes, files })}\n`);
  return found;
}

function cachePath(root: string): string {
  const name = createHash('sha256').update(root).digest('hex').slice(0, 16);
  return join(homedir(), '.cache', 'edgeai', 'listings', `${name}.json`);
}

/** A damaged cache file counts as none. */
function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}
