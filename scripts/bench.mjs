/** @file `npm run bench`: builds what is missing, then measures speed and memory beside Python; see bench/run.ts for options. */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const run = (/** @type {string[]} */ args) =>
  spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status ?? 1;

process.exitCode =
  run([join(root, 'scripts', 'setup.mjs'), '--quiet']) ||
  run(['--import', 'tsx', join(root, 'bench', 'run.ts'), ...process.argv.slice(2)]);
