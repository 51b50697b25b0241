/** @file `edgeai zoo download`: fetches published weights, resuming what an earlier attempt left, and checks their hashes. */

import { existsSync } from 'node:fs';
import type { DownloadOptions, models } from '@edgeai/vision';
import { Command } from 'commander';

import { FailureError, UsageError } from '../errors.ts';
import { type CommandContext, print, printJson } from './context.ts';
import { Progress, type ProgressStream } from './progress.ts';

interface DownloadFlags {
  json?: boolean;
}

export function zooDownloadCommand(context: CommandContext): Command {
  return new Command('download')
    .description('fetch published weights and check their hash; what is there already is only checked')
    .argument(
      '<weights...>',
      'models (their recommended weights), or entries such as MobileNet_V2_Weights.IMAGENET1K_V1',
    )
    .option('--json', 'print as JSON')
    .action((weights: string[], flags: DownloadFlags) => download(weights, flags, context));
}

async function download(given: readonly string[], { json }: DownloadFlags, context: CommandContext): Promise<void> {
  const { models } = await import('@edgeai/vision');
  // A wrong name is found before anything is fetched.
  const entries = new Set(given.map((name) => entryNamed(models, name)));
  const { fetched, failures } = await fetchEntries([...entries], {
    stream: context.stderr,
    report: ({ path }) => {
      if (json !== true) print(context, path);
    },
    fail: (error) => context.stderr.write(`${context.style('error', 'error:')} ${error.message}\n`),
  });
  if (json === true) printJson(context, fetched);
  if (failures > 0)
    throw new FailureError('DOWNLOAD_FAILED', `${failures} of ${entries.size} files could not be fetched`);
}

function entryNamed(zoo: typeof models, name: string): models.Weights {
  if (name.includes('.')) return zoo.getWeight(name);
  const { weights } = zoo.getModelInfo(name);
  if (weights === undefined) throw new UsageError(`there are no published weights of '${name}'`);
  return weights.DEFAULT;
}

/** A checkpoint that is on disk now. */
export interface FetchedWeights {
  weights: string;
  path: string;
  /** False where the file was there already and its hash right. */
  downloaded: boolean;
}

export interface FetchOptions extends Pick<DownloadOptions, 'retries' | 'retryDelay' | 'timeout' | 'env'> {
  /** For the progress display. */
  stream: ProgressStream;
  /** Called after each file. */
  report: (fetched: FetchedWeights) => void;
  /** Called for a file that cannot be fetched; the others are fetched all the same. */
  fail: (error: Error) => void;
  /** Default: where PyTorch keeps them. */
  folder?: string;
}

/** Fetches one entry after the other. */
export async function fetchEntries(
  entries: readonly models.Weights[],
  { stream, report, fail, ...rest }: FetchOptions,
): Promise<{ fetched: FetchedWeights[]; failures: number }> {
  const { downloadWeights, models, DownloadError } = await import('@edgeai/vision');
  const progress = new Progress({ unit: 'MB', stream });
  const fetched: FetchedWeights[] = [];
  let failures = 0;
  try {
    for (const entry of entries) {
      const before = existsSync(models.checkpointPath(entry, rest.folder));
      const show = shower(progress, entry.name);
      try {
        const path = await downloadWeights(entry, { ...rest, verify: true, onProgress: show.update });
        show.finish();
        const done = { weights: entry.name, path, downloaded: show.begun() || !before };
        fetched.push(done);
        report(done);
      } catch (error) {
        progress.cancel();
        if (!(error instanceof DownloadError)) throw error;
        failures++;
        fail(error);
      }
    }
  } finally {
    progress.close();
  }
  return { fetched, failures };
}

/** Shows a download in MB; what an earlier attempt left counts for the bar, not for the rate. */
function shower(progress: Progress, label: string) {
  const megabytes = (bytes: number): number => Math.round(bytes / 2 ** 20);
  let first: number | null = null;
  return {
    begun: () => first !== null,
    update: ({ received, total }: { received: number; total: number | undefined }) => {
      if (first === null) progress.start(label, total === undefined ? 0 : megabytes(total));
      first ??= received;
      progress.update({ done: megabytes(received), items: megabytes(Math.max(0, received - first)) });
    },
    finish: () => {
      if (first !== null) progress.finish();
    },
  };
}
