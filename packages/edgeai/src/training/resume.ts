/** @file Finds the checkpoint that `--resume` means, and brings the run's other files in step with it. */

import { copyFileSync, existsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { FailureError } from '../errors.ts';
import type { RunLogger } from '../runs/logger.ts';
import type { RunFolder } from '../runs/run-folder.ts';
import type { RunPosition } from './checkpoint.ts';

/** The value of `resume` that stands for the output folder's own checkpoint, where there is one. */
export const AUTO = 'auto';

/**
 * Path of the checkpoint to continue from; null to begin. A folder stands for the checkpoint in it.
 * Throws a FailureError `CANNOT_READ` where a given path does not exist.
 */
export function findCheckpoint(resume: string | null, outputDir: string): string | null {
  if (resume === null) return null;
  if (resume === AUTO) {
    const own = join(outputDir, 'checkpoint.pth');
    return existsSync(own) ? own : null;
  }
  const path = existsSync(resume) && statSync(resume).isDirectory() ? join(resume, 'checkpoint.pth') : resume;
  if (!existsSync(path)) throw new FailureError('CANNOT_READ', `--resume ${resume}: there is no file ${path}`);
  return path;
}

/**
 * The best state belongs to the checkpoint. A run that goes on in another folder takes it along; where it is missing, the
 * next evaluation counts as the best.
 */
export function adoptBest(
  folder: RunFolder,
  checkpoint: string,
  position: RunPosition,
  logger: RunLogger,
): RunPosition {
  if (position.best === null || existsSync(folder.bestPath)) return position;
  const beside = join(dirname(resolve(checkpoint)), 'best.pth');
  if (existsSync(beside)) {
    folder.replace('best.pth', (temporary) => copyFileSync(beside, temporary));
    return position;
  }
  logger.warn(`there is no ${beside}: the best state of the run so far is lost, and the next one counts as the best`);
  return { ...position, best: null };
}

/** Settings that may differ between the sessions of a run without changing its numbers. */
const HARMLESS = new Set([
  ...['output_dir', 'resume', 'overwrite', 'start_epoch', 'test_only', 'print_freq', 'checkpoint_freq', 'workers'],
  ...['export', 'opset_version', 'cache_dataset', 'weights', 'weights_state_dict_name', 'seed', 'data_path', 'device'],
]);

/** Settings with which the run does not go on as it began, such as `lr 0.1 → 0.2`. */
export function changedSettings(
  before: Readonly<Record<string, unknown>>,
  now: Readonly<Record<string, unknown>>,
): string[] {
  return Object.entries(now).flatMap(([name, value]) => {
    if (HARMLESS.has(name) || !(name in before)) return [];
    const [old, current] = [JSON.stringify(before[name]), JSON.stringify(value)];
    return old === current ? [] : [`${name.replaceAll('_', '-')} ${old} → ${current}`];
  });
}
