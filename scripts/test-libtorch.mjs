/**
 * @file `node scripts/test-libtorch.mjs LIBTORCH [WORD …]`: builds the addon against another libtorch, in a folder of its own,
 * and runs the tests of packages/torch with it (or those whose path contains a word). The usual addon stays as it is.
 */

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildNative } from '../packages/torch/build-tools/build-native.mjs';
import { findLibtorch } from '../packages/torch/build-tools/find-libtorch.mjs';
import { findTests } from './test-files.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

process.exitCode = await main(process.argv.slice(2));

/** @param {string[]} args */
async function main([folder, ...words]) {
  if (folder === undefined) {
    console.error(
      'Usage: node scripts/test-libtorch.mjs LIBTORCH [WORD ...]\n  LIBTORCH  a folder with include/ and lib/',
    );
    return 2;
  }
  const { found } = findLibtorch({ env: { ...process.env, LIBTORCH: folder } });
  if (found === undefined) return 1;
  const { addonPath } = await buildNative({ libtorch: found, folder: sourcesFor(found.version), log: console.log });
  console.log(`libtorch ${found.version} in ${found.libDir}: ${addonPath}`);
  const tests = findTests(root, words).filter((path) => path.startsWith('packages/torch/src/'));
  const { status } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--conditions=source', '--test', '--test-reporter=spec', ...tests],
    { cwd: root, stdio: 'inherit', env: { ...process.env, EDGEAI_TORCH_ADDON: addonPath } },
  );
  return status ?? 1;
}

/** A copy of the sources with a build folder of its own, one a version. @param {string} version */
function sourcesFor(version) {
  const native = join(root, 'packages', 'torch', 'native');
  const folder = join(native, `build-${version}`);
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(native).filter((file) => /\.(cc|h|txt)$/.test(file))) {
    cpSync(join(native, name), join(folder, name), { preserveTimestamps: true });
  }
  return folder;
}
