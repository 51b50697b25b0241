/** @file Runs the commands that set-up and tests need; nothing of it depends on installed packages. */

import { spawn, spawnSync } from 'node:child_process';

/** Whether a command can be run and succeeds. @param {string} command @param {readonly string[]} args */
export function works(command, args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

/** The first line that a command prints, or undefined where it cannot be run. @param {string} command @param {readonly string[]} [args] */
export function firstLine(command, args = ['--version']) {
  const done = spawnSync(command, args, { encoding: 'utf8' });
  return done.status === 0 ? (done.stdout.split('\n')[0] ?? '').trim() : undefined;
}

/**
 * Runs a command and keeps what it prints. The terminal stays its standard input, so that sudo can ask.
 * @param {readonly string[]} words @param {{cwd?: string, env?: Record<string, string | undefined>}} [options]
 * @returns {Promise<{code: number, output: string}>}
 */
export function runCommand(words, { cwd, env = process.env } = {}) {
  const [command = '', ...args] = words;
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: [process.stdin.isTTY ? 'inherit' : 'ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
        output += text;
      });
    }
    child.on('error', (error) => resolve({ code: 127, output: `${output}${error.message}` }));
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}
