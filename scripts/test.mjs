/**
 * @file `npm test`: sets up what is missing, then runs every test file, or those whose path contains one of the words given.
 *
 * `npm test -- serialization` runs a part; words that begin with a dash go to Node's test runner
 * (`npm test -- --test-name-pattern=pickle`).
 */

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compareVersions } from '../packages/torch/build-tools/libtorch-folder.mjs';
import { findTests } from './test-files.mjs';

// All networks against all recordings take long; a hanging test would otherwise hold a check for ever.
const FILE_TIMEOUT_MS = process.env.EDGEAI_FULL === '1' ? 7_200_000 : 600_000;
const ONLY_TYPES_WRONG = 3;
const root = fileURLToPath(new URL('..', import.meta.url));

process.exitCode = await main(process.argv.slice(2));

/** @param {string[]} args */
async function main(args) {
  const env = cleanEnvironment();
  const setUp = await run([join(root, 'scripts', 'setup.mjs'), '--quiet'], env);
  if (setUp !== 0 && setUp !== ONLY_TYPES_WRONG) return setUp;

  const words = args.filter((arg) => !arg.startsWith('-'));
  const files = findTests(root, words);
  if (files.length === 0) {
    console.error(words.length > 0 ? `no test file has ${words.join(' or ')} in its path` : 'no test files found');
    return 2;
  }
  const code = await run([...runnerOptions(), ...args.filter((arg) => arg.startsWith('-')), ...files], env);
  if (setUp === ONLY_TYPES_WRONG) console.error('The TypeScript does not compile: see the errors above the tests.');
  return code === 0 ? setUp : code;
}

function runnerOptions() {
  const options = ['--import', 'tsx', '--conditions=source', '--test', '--test-reporter=spec'];
  // Both came with 20.10 and 20.11; before that the runner uses all cores and waits for ever.
  if (compareVersions(process.versions.node, '20.10.0') >= 0) options.push('--test-concurrency=2');
  if (compareVersions(process.versions.node, '20.11.0') >= 0) options.push(`--test-timeout=${FILE_TIMEOUT_MS}`);
  return options;
}

/**
 * Options of the calling shell, or of a test runner that called us, would change how the tests run. So would the processor: OpenBLAS
 * has other kernels for each, with other last bits, and recordings are compared byte for byte. All that have AVX2 get the same.
 *
 * @returns {NodeJS.ProcessEnv}
 */
function cleanEnvironment() {
  const { NODE_OPTIONS, NODE_TEST_CONTEXT, ...env } = process.env;
  return hasAvx2() ? { OPENBLAS_CORETYPE: 'Haswell', ...env } : env;
}

function hasAvx2() {
  try {
    return /^flags\b.*\bavx2\b/m.test(readFileSync('/proc/cpuinfo', 'utf8'));
  } catch {
    return false;
  }
}

/** @param {string[]} args @param {NodeJS.ProcessEnv} env @returns {Promise<number>} the exit code */
function run(args, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: root, env, stdio: 'inherit' });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 1)));
  });
}
