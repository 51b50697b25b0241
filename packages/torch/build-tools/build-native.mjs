/** @file Compiles the addon against one libtorch with CMake, and tells whether the one that is there still fits. */

import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { explainBuildFailure } from './build-failure.mjs';
import { withLock } from './build-lock.mjs';
import { findLibtorch } from './find-libtorch.mjs';
import { inspectLibtorch } from './libtorch-folder.mjs';

/** @typedef {import('./types.d.ts').Libtorch} Libtorch */
/** @typedef {import('./types.d.ts').BuildRecord} BuildRecord */

const nativeFolder = join(dirname(fileURLToPath(import.meta.url)), '..', 'native');
const require = createRequire(import.meta.url);

// One compilation of libtorch's headers needs about this much memory; more at once than fit would swap or be killed.
const BYTES_A_JOB = 1.5 * 2 ** 30;

/**
 * Where things lie. Another folder than the package's own only in tests.
 * @param {string} [folder]
 */
function paths(folder = nativeFolder) {
  const build = join(folder, 'build');
  return {
    folder,
    build,
    addon: join(build, 'edgeai_torch.node'),
    record: join(build, 'addon.json'),
    lock: join(build, 'lock'),
    log: join(build, 'build.log'),
    cmake: join(build, 'cmake'),
  };
}

/**
 * Whether the addon is there and fits its sources and, where given, this libtorch.
 * @param {{libtorch?: Libtorch, folder?: string}} [options]
 * @returns {import('./types.d.ts').NativeStatus}
 */
export function nativeStatus({ libtorch, folder } = {}) {
  const where = paths(folder);
  const record = readRecord(where.record);
  const status = { addonPath: where.addon, record };
  if (!existsSync(where.addon) || record === undefined) {
    return { ...status, state: 'missing', reason: 'the addon has not been built' };
  }
  const reason = staleReason(record, libtorch, where.folder);
  return { ...status, state: reason === '' ? 'current' : 'stale', reason };
}

/**
 * The libtorch to build against: the one that `LIBTORCH` names, else the one that the addon was last built against as
 * long as it is unchanged (so that a choice made once holds in later commands), else what the search finds.
 * @param {import('./types.d.ts').SearchOptions & {folder?: string}} [options]
 * @returns {import('./types.d.ts').SearchResult}
 */
export function libtorchToUse(options = {}) {
  const { env = process.env, folder } = options;
  const built = readRecord(paths(folder).record)?.libtorch;
  if (!env.LIBTORCH && built !== undefined && sameLibtorch(built, inspectAgain(built))) {
    return { found: built, tried: [{ source: built.source, path: built.libDir, outcome: 'found' }] };
  }
  return findLibtorch(options);
}

/**
 * Builds the addon unless the one there is current.
 * @param {{libtorch: Libtorch, log?: (line: string) => void, folder?: string}} options `log` gets a few short lines
 * @returns {Promise<{addonPath: string, built: boolean}>} `built` is false where there was nothing to do
 * @throws {BuildError}
 */
export async function buildNative({ libtorch, log = () => {}, folder }) {
  const where = paths(folder);
  if (nativeStatus({ libtorch, folder }).state === 'current') return { addonPath: where.addon, built: false };
  mkdirSync(where.build, { recursive: true });
  const onWait = () => log('another process is building the addon; waiting for it');
  return withLock(
    where.lock,
    async () => {
      if (nativeStatus({ libtorch, folder }).state === 'current') return { addonPath: where.addon, built: false };
      await compile(where, libtorch, log);
      return { addonPath: where.addon, built: true };
    },
    { onWait },
  );
}

/** The build did not succeed; the message holds the compiler's errors and what to do. */
export class BuildError extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = 'BuildError';
    this.code = 'BUILD_FAILED';
  }
}

/** @param {ReturnType<typeof paths>} where @param {Libtorch} libtorch @param {(line: string) => void} log */
async function compile(where, libtorch, log) {
  const sourceHash = hashSources(where.folder);
  rmSync(where.log, { force: true });
  const list = (/** @type {readonly string[]} */ values) => values.join(';');
  const configure = [
    '-S',
    where.folder,
    '-B',
    where.cmake,
    '-G',
    works('ninja') ? 'Ninja' : 'Unix Makefiles',
    '-DCMAKE_BUILD_TYPE=Release',
    `-DLIBTORCH_INCLUDES=${list(libtorch.includes)}`,
    `-DLIBTORCH_LIB=${libtorch.libDir}`,
    `-DLIBTORCH_ABI=${libtorch.abi}`,
    `-DLIBTORCH_CXX_STANDARD=${libtorch.cxxStandard}`,
    `-DNODE_INCLUDES=${list(nodeIncludes())}`,
  ];
  // CMake caches the libraries, the compiler and the generator that it found, so another choice starts from nothing;
  // with the same one, only the sources that changed are compiled.
  const configuredFor = join(where.cmake, 'configured-for.json');
  const choice = JSON.stringify([configure, libtorch.version, process.env.CXX]);
  if (readIfThere(configuredFor) !== choice) rmSync(where.cmake, { recursive: true, force: true });
  await run(where, 'cmake', configure);
  writeFileSync(configuredFor, choice);
  const jobs = jobCount();
  log(`compiling the addon against libtorch ${libtorch.version} (${jobs} at a time; about a minute)`);
  await run(where, 'cmake', ['--build', where.cmake, '--parallel', String(jobs)]);

  /** @type {BuildRecord} */
  const record = { libtorch, builtAt: new Date().toISOString(), node: process.version, sourceHash };
  const aside = `${where.record}.new`;
  writeFileSync(aside, `${JSON.stringify(record, undefined, 2)}\n`);
  // Renames, the record last: a process that is killed here leaves the old addon or a stale one, never half of one.
  renameSync(join(where.cmake, 'edgeai_torch.node'), where.addon);
  renameSync(aside, where.record);
}

/** @param {ReturnType<typeof paths>} where @param {string} command @param {string[]} args */
async function run(where, command, args) {
  const { code, output } = await new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    /** @type {Buffer[]} */
    const chunks = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => chunks.push(chunk));
    child.on('error', (error) => reject(new BuildError(`cannot run ${command}: ${error.message}`)));
    child.on('close', (status) => resolve({ code: status, output: Buffer.concat(chunks).toString('utf8') }));
  });
  writeFileSync(where.log, `$ ${command} ${args.join(' ')}\n${output}\n`, { flag: 'a' });
  if (code !== 0) throw new BuildError(explainBuildFailure(output, where.log));
}

function jobCount() {
  const asked = Number(process.env.EDGEAI_BUILD_JOBS);
  if (Number.isInteger(asked) && asked > 0) return asked;
  return Math.max(1, Math.min(availableParallelism(), Math.floor(totalmem() / BYTES_A_JOB)));
}

function nodeIncludes() {
  try {
    return [
      dirname(require.resolve('node-addon-api/package.json')),
      join(dirname(require.resolve('node-api-headers/package.json')), 'include'),
    ];
  } catch (error) {
    throw new BuildError(`node-addon-api or node-api-headers is not installed: run npm ci first (${String(error)})`);
  }
}

/** @param {string} folder */
function hashSources(folder) {
  const hash = createHash('sha256');
  const sources = readdirSync(folder).filter((name) => /\.(cc|h)$|^CMakeLists\.txt$/.test(name));
  for (const name of sources.sort()) {
    const content = readFileSync(join(folder, name));
    hash.update(`${name} ${content.length}\n`).update(content);
  }
  return hash.digest('hex');
}

/** @param {BuildRecord} record @param {Libtorch | undefined} libtorch @param {string} folder */
function staleReason(record, libtorch, folder) {
  if (record.sourceHash !== hashSources(folder)) return 'its sources have changed since it was built';
  const built = record.libtorch;
  const now = inspectAgain(built);
  if (now === undefined) return `it was built against the libtorch in ${built.libDir}, which is no longer there`;
  if (now.version !== built.version)
    return `libtorch in ${built.libDir} was ${built.version} and is now ${now.version}`;
  if (!sameLibtorch(built, now)) return `libtorch in ${built.libDir} has changed since it was built`;
  if (libtorch !== undefined && !sameLibtorch(built, libtorch)) {
    return `it was built against libtorch ${built.version} in ${built.libDir}, not ${libtorch.version} in ${libtorch.libDir}`;
  }
  return '';
}

/** @param {Libtorch} libtorch */
function inspectAgain({ source, includes, libDir }) {
  try {
    return inspectLibtorch({ source, include: includes[0] ?? '', libDir });
  } catch {
    return undefined;
  }
}

/** @param {Libtorch} a @param {Libtorch | undefined} b */
function sameLibtorch(a, b) {
  const key = (/** @type {Libtorch} */ { version, includes, libDir, abi, cxxStandard, cuda }) =>
    JSON.stringify([version, includes, libDir, abi, cxxStandard, cuda]);
  return b !== undefined && key(a) === key(b);
}

/** @param {string} path @returns {BuildRecord | undefined} */
function readRecord(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** @param {string} path */
function readIfThere(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

/** @param {string} command */
function works(command) {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
}
