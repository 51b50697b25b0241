/** @file Reads a `--weights` text: the name of a published entry, a file or an address, or one of each. */

import { existsSync } from 'node:fs';

import { UsageError } from '../errors.ts';

/** What the text names. */
export interface WeightsSpec {
  /** Name of an entry, such as `IMAGENET1K_V1` or `DEFAULT`. */
  entry: string | null;
  /** Path or address of a file; loaded after the entry, so it wins. */
  file: string | null;
}

/**
 * Splits at commas. An item is a file when it begins with `/`, `.`, `~` or `http`, looks like a path, or exists; otherwise
 * an entry. Throws a UsageError where there are two of a kind.
 */
export function parseWeightsSpec(text: string | null): WeightsSpec {
  const spec: WeightsSpec = { entry: null, file: null };
  for (const item of (text ?? '').split(',').map((part) => part.trim())) {
    if (item === '') continue;
    const kind = isFile(item) ? 'file' : 'entry';
    if (spec[kind] !== null) {
      const what = kind === 'file' ? 'files' : 'names of entries';
      throw new UsageError(
        `--weights: expected at most one name and one file but received two ${what}: ${spec[kind]}, ${item}`,
      );
    }
    spec[kind] = item;
  }
  return spec;
}

function isFile(item: string): boolean {
  return /^(https?:|[/.~])|[/\\]|\.(pth|pt|safetensors)$/i.test(item) || existsSync(item);
}
