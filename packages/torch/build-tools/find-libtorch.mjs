/** @file Finds a libtorch on this machine: `LIBTORCH`, the system's, the one inside a Python torch, or the cache folder. */

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { cacheFolder } from './cache-folder.mjs';
import { compareVersions, inspectLibtorch, LibtorchError } from './libtorch-folder.mjs';

/** @typedef {import('./types.d.ts').Libtorch} Libtorch */
/** @typedef {import('./types.d.ts').Attempt} Attempt */
/** @typedef {import('./types.d.ts').SearchOptions} SearchOptions */
/** @typedef {{source: import('./types.d.ts').LibtorchSource, include: string, libDirs: string[]}} Place */

// find_spec reads the file system only: importing torch takes seconds and may fail where its headers are fine.
const ASK_PYTHON = [
  'import importlib.util',
  "spec = importlib.util.find_spec('torch')",
  "print(spec.submodule_search_locations[0] if spec and spec.submodule_search_locations else '')",
].join('\n');

/**
 * Looks in each place in turn and stops at the first libtorch that can be used. Places that hold one that cannot (too
 * old, no headers) are passed over and listed in `tried`.
 * @param {SearchOptions} [options]
 * @returns {import('./types.d.ts').SearchResult}
 * @throws {LibtorchError} where `LIBTORCH` is set and wrong: an explicit wish is never replaced by something else
 */
export function findLibtorch(options = {}) {
  const { env = process.env, root = '/', platform = process.platform, arch = process.arch } = options;
  /** @type {Attempt[]} */
  const tried = [];

  if (env.LIBTORCH) return { found: fromVariable(env.LIBTORCH, platform, arch, tried), tried };

  for (const place of places(env, root, platform, arch, tried)) {
    // A folder without any libtorch is not worth a list of missing files.
    const libDir = place.libDirs.find((folder) => existsSync(folder) && holdsLibtorch(folder));
    const path = place.include;
    if (libDir === undefined) {
      tried.push({ source: place.source, path: place.libDirs.join(', '), outcome: 'no libtorch there' });
      continue;
    }
    try {
      const found = inspectLibtorch({ source: place.source, include: path, libDir, platform, arch });
      tried.push({ source: place.source, path: libDir, outcome: 'found' });
      return { found, tried };
    } catch (error) {
      if (!(error instanceof LibtorchError)) throw error;
      tried.push({ source: place.source, path: libDir, outcome: error.message });
    }
  }
  return { found: undefined, tried };
}

/** @param {string} value @param {string} platform @param {string} arch @param {Attempt[]} tried @returns {Libtorch} */
function fromVariable(value, platform, arch, tried) {
  const say = `LIBTORCH=${value}`;
  const folder = resolve(value);
  if (!existsSync(folder)) throw new LibtorchError('LIBTORCH_INCOMPLETE', `${say}: there is no such folder`);
  const include = join(folder, 'include');
  const libDirs = libraryFolders(folder, arch);
  const libDir = libDirs.find(holdsLibtorch) ?? join(folder, 'lib');
  try {
    const found = inspectLibtorch({ source: 'LIBTORCH', include, libDir, platform, arch });
    tried.push({ source: 'LIBTORCH', path: folder, outcome: 'found' });
    return found;
  } catch (error) {
    if (!(error instanceof LibtorchError)) throw error;
    const hint = error.code === 'LIBTORCH_INCOMPLETE' ? '; the folder must have include/ and lib/ of one libtorch' : '';
    throw new LibtorchError(error.code, `${say}: ${error.message}${hint}`);
  }
}

/**
 * @param {Readonly<Record<string, string | undefined>>} env @param {string} root @param {string} platform @param {string} arch
 * @param {Attempt[]} tried
 * @returns {Generator<Place>}
 */
function* places(env, root, platform, arch, tried) {
  const prefixes = platform === 'darwin' ? ['opt/homebrew', 'usr/local'] : ['usr', 'usr/local'];
  for (const prefix of prefixes.map((path) => join(root, path))) {
    yield { source: 'system', include: join(prefix, 'include'), libDirs: libraryFolders(prefix, arch) };
  }
  for (const folder of pythonTorchFolders(env, tried)) {
    yield { source: 'python', include: join(folder, 'include'), libDirs: [join(folder, 'lib')] };
  }
  if (env.CONDA_PREFIX) {
    // conda-forge's libtorch package lies in the environment itself, outside Python's folders.
    yield { source: 'python', include: join(env.CONDA_PREFIX, 'include'), libDirs: [join(env.CONDA_PREFIX, 'lib')] };
  }
  const downloads = join(cacheFolder(env), 'libtorch');
  const versions = existsSync(downloads) ? readdirSync(downloads).filter((name) => /^\d/.test(name)) : [];
  if (versions.length === 0) tried.push({ source: 'cache', path: downloads, outcome: 'nothing downloaded' });
  for (const version of versions.sort(compareVersions).reverse()) {
    const folder = join(downloads, version);
    yield { source: 'cache', include: join(folder, 'include'), libDirs: [join(folder, 'lib')] };
  }
}

/** @param {string} prefix @param {string} arch */
function libraryFolders(prefix, arch) {
  const triplet = `${{ x64: 'x86_64', arm64: 'aarch64' }[arch] ?? arch}-linux-gnu`;
  return [join(prefix, 'lib', triplet), join(prefix, 'lib64'), join(prefix, 'lib')];
}

/** @param {string} folder */
function holdsLibtorch(folder) {
  return existsSync(join(folder, 'libtorch.so')) || existsSync(join(folder, 'libtorch.dylib'));
}

/** @param {Readonly<Record<string, string | undefined>>} env @param {Attempt[]} tried */
function* pythonTorchFolders(env, tried) {
  const pythons = ['python3', 'python'];
  for (const prefix of [env.VIRTUAL_ENV, env.CONDA_PREFIX]) {
    if (prefix) pythons.push(join(prefix, 'bin', 'python'));
  }
  const seen = new Set();
  for (const python of pythons) {
    const answer = spawnSync(python, ['-c', ASK_PYTHON], { env, encoding: 'utf8', timeout: 20_000 });
    const folder = answer.status === 0 ? answer.stdout.trim() : '';
    if (folder === '') {
      const outcome = answer.error ? 'no such Python' : 'no torch in this Python';
      tried.push({ source: 'python', path: python, outcome });
    } else if (!seen.has(folder)) {
      seen.add(folder);
      yield folder;
    }
  }
}
