/** @file A long-lived child process that is asked one task at a time, so that two sides can take turns within one run. */

import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const folder = join(fileURLToPath(new URL('.', import.meta.url)), 'children');

/** The Python that has torch and torchvision: `BENCH_PYTHON`, or the system's. */
export const pythonProgram = process.env.BENCH_PYTHON ?? '/usr/bin/python3';

export type Side = 'ours' | 'theirs';

/** The command that runs a child script of one side. */
export function commandFor(side: Side, script: string): [program: string, args: string[]] {
  return side === 'ours'
    ? [process.execPath, [join(folder, `${script}.mjs`)]]
    : [pythonProgram, [join(folder, `${script}.py`)]];
}

/** True where there is a Python with torch to compare with. */
export function pythonHasTorch(): boolean {
  return spawnSync(pythonProgram, ['-c', 'import torch, torchvision']).status === 0;
}

export class Child implements AsyncDisposable {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #lines: Interface;
  #errors = '';

  constructor(side: Side) {
    const [program, args] = commandFor(side, side);
    this.#process = spawn(program, args);
    this.#lines = createInterface({ input: this.#process.stdout });
    this.#process.stderr.on('data', (text) => {
      this.#errors += text;
    });
  }

  /** Sends one task and waits for its answer. */
  async ask<T = Record<string, number>>(task: string, options: Record<string, unknown> = {}): Promise<T> {
    const failed = new AbortController();
    const ended = once(this.#process, 'exit', { signal: failed.signal }).then(() => {
      throw new Error(`the child ended during '${task}':\n${this.#errors.slice(-2000)}`);
    });
    ended.catch(() => undefined);
    const answered = once(this.#lines, 'line', { signal: failed.signal });
    this.#process.stdin.write(`${JSON.stringify({ task, ...options })}\n`);
    const [line] = (await Promise.race([answered, ended])) as [string];
    failed.abort();
    return JSON.parse(line) as T;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null) return;
    this.#process.stdin.end();
    await once(this.#process, 'exit');
  }
}
