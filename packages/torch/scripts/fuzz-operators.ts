/**
 * @file Calls operators with random wrong arguments, to see that nothing but exceptions comes of it.
 *
 *   tsx packages/torch/scripts/fuzz-operators.ts [--calls 20000] [--seed 1] [--only REGEXP] [--typed] [--every] [--json FILE]
 *
 * The calls run in child processes, which write down each call before they make it: when one dies, the parent notes the
 * call and the signal and goes on after it. `--typed`
 * takes only the operators that have a method or function; `--every` also calls the operators known to crash inside libtorch.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/** One call after which the process was gone, or did not come back. */
export interface Crash {
  readonly operator: string;
  readonly how: string;
  readonly call: string;
}

export interface FuzzOptions {
  calls: number;
  seed: number;
  /** Only operators whose qualified name this matches. */
  only?: RegExp;
  /** Only operators that have a method or function. */
  typed?: boolean;
  /** Also operators that are known to crash inside libtorch. */
  every?: boolean;
}

export interface FuzzReport {
  calls: number;
  /** Calls that libtorch accepted. */
  accepted: number;
  crashes: Crash[];
}

const HANG_MS = 20_000;

/** Runs the calls in child processes, one after another, until all are made. */
export async function fuzzOperators(options: FuzzOptions): Promise<FuzzReport> {
  const folder = mkdtempSync(join(tmpdir(), 'fuzz-operators-'));
  const log = join(folder, 'log');
  const report: FuzzReport = { calls: 0, accepted: 0, crashes: [] };
  try {
    for (let start = 0; start < options.calls; ) {
      writeFileSync(log, '');
      const how = await runChild({ ...options, start, log });
      const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
      report.calls = Math.max(report.calls, start);
      report.accepted += lines.filter((line) => line === 'ok').length;
      const last = lines.findLast((line) => line.startsWith('#'));
      if (how === undefined) break;
      const [, number = '0', operator = '?', call = '?'] = /^#(\d+) (\S+) (.*)$/.exec(last ?? '') ?? [];
      if (last === undefined) throw new Error(`the child died before its first call: ${how}`);
      report.crashes.push({ operator, how, call });
      start = Number(number) + 1;
    }
    report.calls = options.calls;
    return report;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** How the child died; `undefined` when it made all its calls. */
function runChild(options: FuzzOptions & { start: number; log: string }): Promise<string | undefined> {
  const child: ChildProcess = spawn(
    process.execPath,
    ['--import', 'tsx', '--conditions=source', fileURLToPath(new URL('./fuzz-operators-child.ts', import.meta.url))],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, OMP_NUM_THREADS: '1', FUZZ: JSON.stringify({ ...options, only: options.only?.source }) },
    },
  );
  return new Promise((resolve) => {
    let stderr = '';
    let seen = '';
    child.stderr?.on('data', (chunk) => {
      stderr = (stderr + chunk).slice(-2000);
    });
    let hung = false;
    const watch = setInterval(() => {
      const now = lastCall(options.log);
      if (now === seen && now !== '') {
        hung = true;
        child.kill('SIGKILL');
      }
      seen = now;
    }, HANG_MS);
    child.on('close', (code, signal) => {
      clearInterval(watch);
      if (hung) resolve('no answer');
      else if (code === 0) resolve(undefined);
      else resolve(signal ?? `exit code ${code}: ${stderr.trim().split('\n').slice(-3).join(' | ')}`);
    });
  });
}

function lastCall(log: string): string {
  return (
    readFileSync(log, 'utf8')
      .trimEnd()
      .split('\n')
      .findLast((line) => line.startsWith('#')) ?? ''
  );
}

/** @internal What the child logs: `#<number> <operator> <arguments>` before a call, `ok` after one that was accepted. */
export class CallLog {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, 'a');
  }

  before(number: number, operator: string, text: string): void {
    writeSync(this.#file, `#${number} ${operator} ${text}\n`);
  }

  accepted(): void {
    writeSync(this.#file, 'ok\n');
  }

  close(): void {
    closeSync(this.#file);
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      calls: { type: 'string', default: '20000' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
      json: { type: 'string' },
      every: { type: 'boolean', default: false },
      typed: { type: 'boolean', default: false },
    },
  });
  const only = values.only === undefined ? undefined : new RegExp(values.only);
  const report = await fuzzOperators({
    calls: Number(values.calls),
    seed: Number(values.seed),
    only,
    every: values.every,
    typed: values.typed,
  });
  for (const { operator, how, call } of report.crashes) console.log(`${operator}: ${how}\n  ${call.slice(0, 600)}`);
  console.log(`${report.calls} calls, ${report.accepted} accepted, ${report.crashes.length} crashes`);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, undefined, 1)}\n`);
  process.exitCode = report.crashes.length > 0 ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
