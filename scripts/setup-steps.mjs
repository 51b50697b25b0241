/** @file The steps of the set-up, in the order in which they depend on each other: how each is checked and what does it. */

import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildNative, libtorchToUse, nativeStatus } from '../packages/torch/build-tools/build-native.mjs';
import { downloadLibtorch } from '../packages/torch/build-tools/download-libtorch.mjs';
import { compareVersions, LibtorchError } from '../packages/torch/build-tools/libtorch-folder.mjs';
import { isInstalled } from './setup-apt.mjs';
import { firstLine, runCommand } from './setup-command.mjs';
import { outdatedPackage } from './setup-npm.mjs';

/** @typedef {import('../packages/torch/build-tools/types.d.ts').Libtorch} Libtorch */
/**
 * @typedef {{
 *   check: boolean, quiet: boolean, download: boolean, fashionMnist: boolean,
 *   libtorchVersion: string | undefined, sha256: string | undefined,
 * }} Options
 * @typedef {{options: Options, apt: boolean, aptTried: boolean, doing: (line: string) => void}} Context
 * @typedef {{ok: boolean, detail: string, cure?: string, fixable?: boolean}} Finding
 * @typedef {{
 *   name: string,
 *   wanted?: (context: Context) => boolean,
 *   check: (context: Context) => Finding | Promise<Finding>,
 *   debianPackage?: (context: Context) => string | undefined,
 *   fix?: (context: Context) => Promise<void>,
 *   code?: number,
 * }} Step `code` is the exit code where nothing but this step failed
 */

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');

const OLDEST_NODE = '20.9.0';
const OLDEST_CMAKE = '3.18';
const BREW = process.platform === 'darwin';

/** @type {readonly Step[]} */
export const steps = [
  { name: 'Node', check: checkNode },
  { name: 'npm packages', check: checkPackages, fix: installPackages },
  { name: 'C++ compiler', check: checkCompiler, debianPackage: () => 'g++' },
  { name: 'CMake', check: checkCmake, debianPackage: () => 'cmake' },
  { name: 'Ninja', check: checkNinja, debianPackage: () => 'ninja-build' },
  {
    name: 'unzip',
    wanted: (context) => context.options.download && !findQuietly(),
    check: () => found(firstLine('unzip', ['-v']), 'install unzip'),
    debianPackage: () => 'unzip',
  },
  {
    name: 'libtorch',
    check: checkLibtorch,
    // An explicit choice that is wrong must be mended by whoever made it, and a download was asked for instead of apt.
    debianPackage: (context) => (process.env.LIBTORCH || context.options.download ? undefined : 'libtorch-dev'),
    fix: fetchLibtorch,
  },
  { name: 'BLAS', check: checkBlas, debianPackage: () => 'libopenblas0-pthread' },
  {
    name: 'Fashion-MNIST',
    wanted: (context) => context.options.fashionMnist,
    check: checkFashionMnist,
    debianPackage: () => 'dataset-fashion-mnist',
  },
  { name: 'addon', check: checkAddon, fix: buildAddon },
  { name: 'TypeScript', check: checkTypeScript, fix: buildTypeScript, code: 3 },
];

function checkNode() {
  const detail = `${process.version} (${process.platform} ${process.arch})`;
  if (process.platform === 'win32') {
    return { ok: false, detail: `${detail}: Windows is not supported`, cure: 'Use the Windows Subsystem for Linux.' };
  }
  if (compareVersions(process.versions.node, OLDEST_NODE) >= 0) return { ok: true, detail };
  return {
    ok: false,
    detail: `${detail} is too old`,
    cure: `Install Node ${OLDEST_NODE} or newer: https://nodejs.org`,
  };
}

function checkPackages() {
  const outdated = outdatedPackage(root);
  return outdated === undefined ? { ok: true, detail: 'as in package-lock.json' } : { ok: false, detail: outdated };
}

/** @param {Context} context */
async function installPackages(context) {
  context.doing('installing npm packages (npm ci)');
  const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' };
  const { code, output } = await runCommand(['npm', 'ci'], { cwd: root, env });
  // npm says the reason first and its whole usage after it.
  if (code !== 0) throw new Error(`npm ci failed:\n${output.trim().split('\n').slice(0, 12).join('\n')}`);
}

function checkCompiler() {
  const named = process.env.CXX;
  const line = named ? firstLine(named) : (firstLine('c++') ?? firstLine('g++') ?? firstLine('clang++'));
  if (line === undefined && named)
    return { ok: false, detail: `CXX=${named} cannot be run`, cure: 'Correct or unset CXX.' };
  return found(
    line,
    BREW ? 'xcode-select --install' : 'Install g++ 9 or newer with the package manager of this system.',
  );
}

function checkCmake() {
  const line = firstLine('cmake');
  const version = /\d+\.\d+(\.\d+)?/.exec(line ?? '')?.[0];
  const cure = BREW
    ? 'brew install cmake'
    : `Install CMake ${OLDEST_CMAKE} or newer with the package manager of this system.`;
  if (version !== undefined && compareVersions(version, OLDEST_CMAKE) < 0) {
    return { ok: false, detail: `${version} is too old`, cure };
  }
  return found(version, cure);
}

/** @param {Context} context @returns {Finding} */
function checkNinja(context) {
  const version = firstLine('ninja');
  if (version !== undefined) return { ok: true, detail: version };
  // make does the same, slower; where apt can bring ninja, it should.
  if ((!context.apt || context.options.check) && firstLine('make') !== undefined)
    return { ok: true, detail: 'absent, make will do' };
  return found(
    undefined,
    BREW ? 'brew install ninja' : 'Install ninja or make with the package manager of this system.',
  );
}

/** @param {Context} context @returns {Finding} */
function checkLibtorch(context) {
  try {
    const { found: libtorch, tried } = libtorchToUse();
    if (libtorch !== undefined) {
      const kind = libtorch.cuda ? 'CUDA' : 'CPU';
      return { ok: true, detail: `${libtorch.version} (${kind}) in ${libtorch.libDir}` };
    }
    const cure = [
      ...tried.map(({ source, path, outcome }) => `looked at ${source}, ${path}: ${outcome}`),
      ...libtorchCures(context),
    ];
    return { ok: false, detail: 'none found', cure: cure.join('\n') };
  } catch (error) {
    if (!(error instanceof LibtorchError)) throw error;
    return {
      ok: false,
      detail: error.message,
      cure: 'Correct LIBTORCH, or unset it to search this machine.',
      fixable: false,
    };
  }
}

/** @param {Context} context */
function libtorchCures(context) {
  const cures = BREW ? ['brew install pytorch'] : ['pip install torch, in a virtual environment that is active here'];
  if (context.apt)
    cures.unshift('sudo apt-get install --no-install-recommends libtorch-dev (where it is 1.13 or newer)');
  return [
    'One of these helps:',
    ...[...cures, 'npm run setup -- --download', 'LIBTORCH=/path/to/libtorch npm run setup'].map((cure) => `  ${cure}`),
  ];
}

/** @param {Context} context */
async function fetchLibtorch(context) {
  const { download, libtorchVersion: version, sha256 } = context.options;
  if (download) await downloadLibtorch({ version, sha256, log: context.doing });
}

/** Debian's libtorch multiplies matrices with whatever libblas.so.3 is: the reference BLAS is 10 to 30 times slower. @returns {Finding} */
function checkBlas() {
  const libtorch = findQuietly();
  const triplet = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
  const usesAlternative = libtorch === undefined || libtorch.libDir === `/usr/lib/${triplet}`;
  if (process.platform !== 'linux' || !usesAlternative) return { ok: true, detail: 'the one of this libtorch' };
  let target = '';
  try {
    target = readlinkSync(`/etc/alternatives/libblas.so.3-${triplet}`);
  } catch {
    return { ok: false, detail: 'no libblas.so.3', cure: 'Install OpenBLAS (libopenblas0-pthread).' };
  }
  if (/openblas|mkl|blis|atlas/.test(target)) return { ok: true, detail: target };
  return {
    ok: false,
    detail: `${target} is the slow reference BLAS`,
    cure: `Install libopenblas0-pthread; where it is installed already: update-alternatives --config libblas.so.3-${triplet}`,
  };
}

/** @returns {Finding} */
function checkAddon() {
  const { state, reason, addonPath } = nativeStatus({ libtorch: findQuietly() });
  return state === 'current' ? { ok: true, detail: addonPath } : { ok: false, detail: reason };
}

/** @param {Context} context */
async function buildAddon(context) {
  const libtorch = findQuietly();
  if (libtorch === undefined) throw new Error('no libtorch to build against');
  await buildNative({ libtorch, log: context.doing });
}

/** Whether it is up to date only the compiler knows, and it is quick when there is nothing to do. @param {Context} context @returns {Promise<Finding>} */
async function checkTypeScript(context) {
  const projects = packageFolders().filter((folder) => existsSync(join(folder, 'tsconfig.json')));
  const dry = context.options.check || !isBuilt(projects);
  if (dry) return isBuilt(projects) ? { ok: true, detail: 'built' } : { ok: false, detail: 'not built' };
  const { code, output } = await compileTypeScript(projects);
  return code === 0
    ? { ok: true, detail: 'built' }
    : { ok: false, detail: `does not compile:\n${output.trimEnd()}`, fixable: false };
}

/** @param {Context} context */
async function buildTypeScript(context) {
  context.doing('compiling TypeScript (tsc -b)');
  const projects = packageFolders().filter((folder) => existsSync(join(folder, 'tsconfig.json')));
  const { code, output } = await compileTypeScript(projects);
  if (code !== 0) throw new Error(`does not compile:\n${output.trimEnd()}`);
}

/** @param {readonly string[]} projects */
function compileTypeScript(projects) {
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  return runCommand([tsc, '-b', ...projects], { cwd: root });
}

/** @param {readonly string[]} projects */
function isBuilt(projects) {
  return projects.every((folder) => existsSync(join(folder, 'dist', 'index.js')));
}

/** @param {Context} context @returns {Finding} */
function checkFashionMnist(context) {
  if (!context.apt) return { ok: true, detail: 'no Debian package here; downloaded at first use' };
  const ok = isInstalled('dataset-fashion-mnist');
  return {
    ok,
    detail: ok ? 'dataset-fashion-mnist' : 'not installed',
    cure: 'sudo apt-get install dataset-fashion-mnist',
  };
}

/** @param {string | undefined} what @param {string} cure @returns {Finding} */
function found(what, cure) {
  return what === undefined ? { ok: false, detail: 'not found', cure } : { ok: true, detail: what };
}

/** The libtorch in use, where a wrong LIBTORCH is reported by its own step. @returns {Libtorch | undefined} */
function findQuietly() {
  try {
    return libtorchToUse().found;
  } catch {
    return undefined;
  }
}

function packageFolders() {
  return readdirSync(join(root, 'packages')).map((name) => join(root, 'packages', name));
}
