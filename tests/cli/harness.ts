/** @file Helpers of the command-line tests: running the program from its source, and a data set of a few tiny images. */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Generator, load, randn, scope, Tensor } from '@edgeai/torch';
import { io } from '@edgeai/vision';

const root = fileURLToPath(new URL('../..', import.meta.url));
const runner = fileURLToPath(new URL('run-edgeai.ts', import.meta.url));

/** How a run of the program ended. */
export interface Finished {
  /** The exit code; null where a signal ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  env?: Record<string, string>;
  cwd?: string;
  /** Sees everything printed so far after each piece, for instance to send a signal at the right moment. */
  onOutput?: (text: string, child: ChildProcess) => void;
  /** Called as soon as the process has been started. */
  onStart?: (child: ChildProcess) => void;
  /** A shell command put in front, such as `ulimit -f 1;`. */
  shell?: string;
}

/** Runs `edgeai` with the given arguments. */
export function edgeai(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const node = [process.execPath, '--import', 'tsx', '--conditions=source', runner, ...args];
  const [command = '', ...rest] =
    options.shell === undefined ? node : ['/bin/bash', '-c', `${options.shell} exec "$0" "$@"`, ...node];
  const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, EDGEAI_DEBUG: ___, ...env } = process.env;
  // One thread: the same bits on every machine, and no processes that fight over cores.
  const fixed = { NO_COLOR: '1', OMP_NUM_THREADS: '1' };
  const child = spawn(command, rest, { cwd: options.cwd ?? root, env: { ...env, ...fixed, ...options.env } });
  options.onStart?.(child);
  return new Promise((resolve, reject) => {
    const finished: Finished = { code: null, signal: null, stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        finished[name] += text;
        options.onOutput?.(finished.stdout + finished.stderr, child);
      });
    }
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ ...finished, code, signal }));
  });
}

/** Writes `count` PNG images a class, 40 × 40, in class folders: noise around a colour of the class. */
export async function writeImages(
  folder: string,
  classes: readonly string[],
  count: number,
  seed: number,
): Promise<void> {
  const generator = new Generator({ seed });
  for (const [label, name] of classes.entries()) {
    mkdirSync(join(folder, name), { recursive: true });
    for (let i = 0; i < count; i++) {
      const image = scope(() => {
        const noise = randn([3, 40, 40], { generator }).mul(60).add(110);
        noise.select(0, label % 3).add_(60);
        return noise.clamp({ min: 0, max: 255 }).to('uint8');
      });
      await io.writePng(image, join(folder, name, `${i}.png`));
      image.dispose();
    }
  }
}

/** A data folder with `train` and `val`, two classes. */
export async function writeDataset(folder: string): Promise<void> {
  await writeImages(join(folder, 'train'), ['blue', 'red'], 12, 1);
  await writeImages(join(folder, 'val'), ['blue', 'red'], 4, 2);
}

/** The weights in a checkpoint as bytes by key: equal only where every bit is. */
export function weightBytes(path: string): Map<string, string> {
  return scope(() => {
    const content = load(path);
    if (typeof content !== 'object' || content === null || !('model' in content))
      throw new Error(`${path} has no model`);
    return new Map(
      Object.entries(content.model as Record<string, unknown>).map(([key, value]) => {
        if (!(value instanceof Tensor)) throw new Error(`${key} is no tensor`);
        return [key, Buffer.from(value.toTypedArray().buffer).toString('base64')];
      }),
    );
  });
}
