/** @file What the commands about data sets share: opening one, choosing its parts, and counting off samples on stderr. */

import type { datasets } from '@edgeai/vision';

import { UsageError } from '../errors.ts';
import type { CommandContext } from './context.ts';
import { Progress } from './progress.ts';

export type Recognised = datasets.RecognisedDataset;

/** Recognises what lies at `path`, and keeps the parts that are asked for. */
export async function openDataset(path: string, split: string | undefined): Promise<Recognised> {
  const { datasets } = await import('@edgeai/vision');
  const found = datasets.recognise(path);
  if (split === undefined) return found;
  const splits = found.splits.filter(({ name }) => name === split);
  if (splits.length > 0) return { ...found, splits };
  const names = found.splits.map(({ name }) => name).join(', ');
  throw new UsageError(`there is no part '${split}' in ${path}, only ${names}`);
}

/** Releases what a data set holds in memory. */
export function closeDataset({ splits }: Recognised): void {
  for (const split of splits) split.dispose?.();
}

/** One line about a data set. */
export function headline(path: string, { title, splits, classes }: Recognised): string {
  const parts = splits.map(({ name, length }) => `${name} ${length}`).join(', ');
  const kinds = classes.length === 0 ? '' : `; ${classes.length} classes`;
  return `${path}: ${title}; ${parts}${kinds}`;
}

/** Runs `work`, showing how many samples are done. */
export async function counting<R>(
  context: CommandContext,
  title: string,
  work: (onProgress: (done: number, total: number) => void) => Promise<R>,
): Promise<R> {
  const progress = new Progress({ stream: context.stderr });
  let begun = false;
  try {
    return await work((done, total) => {
      if (!begun) progress.start(title, total);
      begun = true;
      progress.update({ done });
    });
  } finally {
    if (begun) progress.finish();
  }
}

/** A whole number above 0 of an option. */
export function countOption(name: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < 1)
      throw new UsageError(`--${name} takes a whole number above 0, not '${text}'`);
    return value;
  };
}
