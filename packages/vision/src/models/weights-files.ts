/** @file Where checkpoints lie on disk, and fetching the published ones. The folder is the one that Python's torch.hub uses. */

import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { EdgeAIError } from '@edgeai/torch';
import { type DownloadOptions, downloadFile } from '../download.ts';
import { getWeight } from './registry.ts';
import type { Weights } from './weights.ts';

/** Published weights are not on disk yet; the message says how to fetch them. */
export class WeightsNotDownloadedError extends EdgeAIError {
  readonly weights: Weights;

  constructor(weights: Weights, path: string) {
    super(
      'WEIGHTS_NOT_DOWNLOADED',
      `${weights.name} is not on disk (expected ${path}); call \`await downloadWeights('${weights.name}')\` first, or run \`edgeai zoo download ${weights.name}\`; without a network, fetch ${weights.url} elsewhere and put it there`,
    );
    this.weights = weights;
  }
}

/** `$TORCH_HOME/hub/checkpoints`; TORCH_HOME is `$XDG_CACHE_HOME/torch` or `~/.cache/torch` where it is not set. */
export function checkpointFolder(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const home = env.TORCH_HOME || join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'), 'torch');
  return join(home, 'hub', 'checkpoints');
}

/** Where the checkpoint of `weights` lies, or will once it is downloaded. */
export function checkpointPath(weights: Weights, folder: string = checkpointFolder()): string {
  return join(folder, basename(new URL(weights.url).pathname));
}

/** The file of `weights`. @throws {WeightsNotDownloadedError} */
export function requireCheckpoint(weights: Weights): string {
  const path = checkpointPath(weights);
  if (!existsSync(path)) throw new WeightsNotDownloadedError(weights, path);
  return path;
}

export interface DownloadWeightsOptions extends Omit<DownloadOptions, 'sha256' | 'md5'> {
  /** Default: {@link checkpointFolder}. */
  folder?: string;
  /** Check the hash of a file that is on disk already, and fetch it anew where it is damaged. Default `false`. */
  verify?: boolean;
}

/** The beginning of the SHA-256 that a published file must have, from its name; `undefined` for names without. */
export function hashInName(path: string): string | undefined {
  return /-([0-9a-f]{8,})\.\w+$/.exec(path)?.[1];
}

/**
 * Fetches a checkpoint unless it is on disk already, and checks the SHA-256 whose beginning its name carries.
 *
 * @param weights an entry, or its full name: `ResNet50_Weights.IMAGENET1K_V2`
 * @returns the file's path
 * @throws {DownloadError} when it cannot be fetched or is not what its name says
 */
export async function downloadWeights(
  weights: Weights | string,
  options: DownloadWeightsOptions = {},
): Promise<string> {
  const { folder, verify = false, ...rest } = options;
  const entry = typeof weights === 'string' ? getWeight(weights) : weights;
  const path = checkpointPath(entry, folder);
  if (verify || !existsSync(path)) await downloadFile(entry.url, path, { ...rest, sha256: hashInName(path) });
  return path;
}
