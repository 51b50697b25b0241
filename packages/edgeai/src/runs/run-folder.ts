/** @file The output folder of a run: where its files are, that it can be written, and that only one run writes it. */

import { existsSync, mkdirSync, readdirSync, realpathSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { isTemporaryFile, replaceFile, replaceFileAsync, writeFileAtomic } from '@edgeai/torch/files';
import { stringify } from 'yaml';

import { describeSystemError, FailureError, systemErrorCode, UsageError } from '../errors.ts';
import { type Lock, takeLock } from './lock.ts';

/**
 * What is going to happen in the folder:
 * `new`: a run begins; a folder that holds one already is refused.
 * `overwrite`: a run begins; what an earlier one left is removed first.
 * `resume`: an interrupted run goes on (or a new one begins where there is none).
 * `add`: results are added to what is there, for instance by an evaluation.
 */
export type RunMode = 'new' | 'overwrite' | 'resume' | 'add';

/** The files by which a folder is known to hold a run. */
const RUN_FILES = ['recipe.yaml', 'metrics.jsonl', 'result.json', 'checkpoint.pth', 'best.pth'] as const;
/** Further files of a run that a new one would mix with. */
const OTHER_RUN_FILES = ['run.log', 'model.onnx', 'model.onnx.data', 'model.onnx.verify.json', 'report.html'] as const;

const isEventFile = (name: string): boolean => name.startsWith('events.out.tfevents.');

/** A run's folder, locked for this process from `open` to `close`. */
export class RunFolder {
  /** Absolute path. */
  readonly path: string;
  readonly #lock: Lock;

  private constructor(path: string, lock: Lock) {
    this.path = path;
    this.#lock = lock;
  }

  /**
   * Creates the folder where needed and takes it. Fails early rather than after an epoch:
   * FailureError `OUTPUT_FOLDER` where it cannot be written, `RUN_IN_USE` where another process writes it; UsageError
   * where `mode` is `new` and it holds a run.
   */
  static open(path: string, mode: RunMode = 'new'): RunFolder {
    const absolute = resolve(path);
    prepare(absolute);
    const folder = new RunFolder(realpathSync(absolute), lockIn(absolute));
    try {
      const names = readdirSync(folder.path);
      const held = RUN_FILES.filter((name) => names.includes(name));
      if (mode === 'new' && held.length > 0) {
        const resume = names.includes('checkpoint.pth')
          ? `continue it with --resume ${join(path, 'checkpoint.pth')}, `
          : '';
        const cure = `${resume}replace it with --overwrite, or choose another --output-dir`;
        throw new UsageError(`${path} already holds a run (${held.join(', ')}); ${cure}`);
      }
      for (const name of names) {
        const old =
          mode === 'overwrite' &&
          ([...RUN_FILES, ...OTHER_RUN_FILES].some((file) => file === name) || isEventFile(name));
        if (old || isTemporaryFile(name)) rmSync(join(folder.path, name), { force: true });
      }
      return folder;
    } catch (error) {
      folder.close();
      throw error;
    }
  }

  /** The resolved recipe. */
  get recipePath(): string {
    return this.file('recipe.yaml');
  }

  get metricsPath(): string {
    return this.file('metrics.jsonl');
  }

  get logPath(): string {
    return this.file('run.log');
  }

  get resultPath(): string {
    return this.file('result.json');
  }

  /** The newest state, from which the run can go on. */
  get checkpointPath(): string {
    return this.file('checkpoint.pth');
  }

  /** The state with the best metric so far. */
  get bestPath(): string {
    return this.file('best.pth');
  }

  get onnxPath(): string {
    return this.file('model.onnx');
  }

  /** Path of any other file of the run. */
  file(name: string): string {
    return join(this.path, name);
  }

  /** Writes `name` as indented JSON, atomically. */
  writeJson(name: string, value: unknown): void {
    writeFileAtomic(this.file(name), `${JSON.stringify(value, null, 2)}\n`);
  }

  /** Writes `name` as YAML, atomically. */
  writeYaml(name: string, value: unknown): void {
    writeFileAtomic(this.file(name), stringify(value, { lineWidth: 0 }));
  }

  /** Writes `name` as it is, atomically. */
  writeText(name: string, text: string): void {
    writeFileAtomic(this.file(name), text);
  }

  /** Lets `write` fill a temporary file, which then takes the place of `name`: for checkpoints. */
  replace(name: string, write: (temporary: string) => void): void {
    replaceFile(this.file(name), write);
  }

  /** `replace` for asynchronous writers: for exports. */
  replaceAsync(name: string, write: (temporary: string) => Promise<void>): Promise<void> {
    return replaceFileAsync(this.file(name), write);
  }

  /** Gives the folder up for other processes. Safe to call twice. */
  close(): void {
    this.#lock.release();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Creates the folder and tries a file in it: permissions alone do not tell (root, read-only mounts, full disks). */
function prepare(path: string): void {
  const fail = (reason: string, cause: unknown): never => {
    throw new FailureError('OUTPUT_FOLDER', `cannot use ${path} as the output folder: ${reason}`, { cause });
  };
  try {
    makeFolders(path);
  } catch (error) {
    const obstacle = fileInTheWay(path);
    fail(obstacle === undefined ? describeSystemError(error) : `${obstacle} is a file, not a folder`, error);
  }
  const probe = join(path, `.write-test.${process.pid}.0.tmp`);
  try {
    writeFileSync(probe, 'x');
    unlinkSync(probe);
  } catch (error) {
    rmSync(probe, { force: true });
    fail(`it cannot be written: ${describeSystemError(error)}`, error);
  }
}

/** Node's own recursive mkdir never returns in places that refuse new folders with ENOENT, such as /proc. */
function makeFolders(path: string): void {
  const parent = dirname(path);
  if (parent !== path && !existsSync(parent)) makeFolders(parent);
  try {
    mkdirSync(path);
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST' || !statSync(path).isDirectory()) throw error;
  }
}

/** The nearest existing part of `path`, where that is no folder. */
function fileInTheWay(path: string): string | undefined {
  for (let part = path; ; part = dirname(part)) {
    try {
      return statSync(part).isDirectory() ? undefined : part;
    } catch (error) {
      const code = systemErrorCode(error);
      if ((code !== 'ENOENT' && code !== 'ENOTDIR') || part === dirname(part)) return undefined;
    }
  }
}

function lockIn(path: string): Lock {
  try {
    return takeLock(join(path, '.lock'), path);
  } catch (error) {
    if (error instanceof FailureError) throw error;
    throw new FailureError('OUTPUT_FOLDER', `cannot lock ${path}: ${describeSystemError(error)}`, { cause: error });
  }
}
