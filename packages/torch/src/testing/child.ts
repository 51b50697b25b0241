/** @file For tests: runs a piece of code in a Node process of its own, to see how it ends. */

import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
  readonly errors: string;
}

const packageFolder = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Runs an ES module given as text; it can import `@edgeai/torch`.
 *
 * @throws when it does not end with exit code 0, unless `mayFail`
 */
export function runChild(code: string, options: { mayFail?: boolean; env?: NodeJS.ProcessEnv } = {}): Promise<Ending> {
  // Inside the package, so that it is found by its own name.
  const parent = join(packageFolder, 'native', 'build');
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, 'child-'));
  const file = join(folder, 'main.mts');
  writeFileSync(file, code);
  return new Promise((resolve, reject) => {
    const { NODE_TEST_CONTEXT, ...env } = process.env;
    const child = spawn(process.execPath, ['--import', 'tsx', '--conditions=source', file], {
      cwd: packageFolder,
      env: { ...env, ...options.env },
    });
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    child.on('error', reject);
    child.on('close', (exitCode, signal) => {
      rmSync(folder, { recursive: true, force: true });
      const ending = { code: exitCode, signal, output: output.trim(), errors };
      if (exitCode === 0 || options.mayFail === true) resolve(ending);
      else reject(new Error(`the child ended with ${signal ?? exitCode}:\n${errors}`));
    });
  });
}
