/** @file Where the report of an evaluation goes: beside the result of a training, or in its place where there was none. */

import { existsSync, readFileSync } from 'node:fs';

import type { RunFolder } from './run-folder.ts';

/** A folder that holds a training keeps its result; the evaluation is added to it. */
export function writeEvaluationReport(folder: RunFolder, report: object): void {
  const before: unknown = existsSync(folder.resultPath) ? JSON.parse(readFileSync(folder.resultPath, 'utf8')) : null;
  const isTraining = typeof before === 'object' && before !== null && 'epochs' in before;
  folder.writeJson('result.json', isTraining ? { ...before, evaluation: report } : report);
}
