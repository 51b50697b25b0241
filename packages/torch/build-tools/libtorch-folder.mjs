/** @file Reads out of a folder which libtorch it holds, or says what is missing there; called by the search and the download. */

import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';

/** @typedef {import('./types.d.ts').Libtorch} Libtorch */
/** @typedef {import('./types.d.ts').LibtorchSource} LibtorchSource */

export const OLDEST_VERSION = '1.13';

const ELF_MACHINES = new Map([
  ['x64', 62],
  ['arm64', 183],
]);

/** A libtorch that was asked for cannot be used; the message says what is wrong with it and where. */
export class LibtorchError extends Error {
  /** @param {string} code stable: `LIBTORCH_INCOMPLETE`, `LIBTORCH_TOO_OLD`, `LIBTORCH_WRONG_ARCH`, `LIBTORCH_NO_VERSION` @param {string} message */
  constructor(code, message) {
    super(message);
    this.name = 'LibtorchError';
    this.code = code;
  }
}

/** @param {string} name @param {string} platform */
export function sharedLibrary(name, platform) {
  return platform === 'darwin' ? `lib${name}.dylib` : `lib${name}.so`;
}

/**
 * What is in an include folder and a library folder, checked for completeness, age and processor.
 * @param {{source: LibtorchSource, include: string, libDir: string, platform?: string, arch?: string}} where
 * @returns {Libtorch}
 * @throws {LibtorchError}
 */
export function inspectLibtorch({ source, include, libDir, platform = process.platform, arch = process.arch }) {
  const apiInclude = join(include, 'torch', 'csrc', 'api', 'include');
  const core = join(libDir, sharedLibrary('c10', platform));
  const needed = [
    join(include, 'ATen', 'ATen.h'),
    join(apiInclude, 'torch', 'torch.h'),
    core,
    join(libDir, sharedLibrary('torch_cpu', platform)),
    join(libDir, sharedLibrary('torch', platform)),
  ];
  const missing = needed.filter((path) => !existsSync(path));
  if (missing.length > 0) throw new LibtorchError('LIBTORCH_INCOMPLETE', `${missing.join(', ')} missing`);

  const version = readVersion(include, apiInclude, libDir);
  if (version === undefined) {
    throw new LibtorchError('LIBTORCH_NO_VERSION', `no version found in ${join(apiInclude, 'torch', 'version.h')}`);
  }
  if (compareVersions(version, OLDEST_VERSION) < 0) {
    throw new LibtorchError('LIBTORCH_TOO_OLD', `version ${version} is too old, ${OLDEST_VERSION} or newer is needed`);
  }
  const machine = elfMachine(core);
  const wanted = ELF_MACHINES.get(arch);
  if (machine !== undefined && wanted !== undefined && machine !== wanted) {
    throw new LibtorchError('LIBTORCH_WRONG_ARCH', `${core} is for another processor than this Node (${arch})`);
  }
  const config = readCmakeConfig(include, libDir);
  return {
    source,
    version,
    includes: [include, apiInclude],
    libDir,
    abi: readAbi(config, core, platform),
    cxxStandard: Number(/CXX_STANDARD\s+(\d+)/.exec(config)?.[1] ?? 17) >= 20 ? 20 : 17,
    cuda: existsSync(join(libDir, sharedLibrary('torch_cuda', platform))),
  };
}

/** Below 0 when `a` is older than `b`; suffixes such as `+cpu` or `a0` do not count. @param {string} a @param {string} b */
export function compareVersions(a, b) {
  const left = a.split('.').map((part) => Number.parseInt(part, 10) || 0);
  const right = b.split('.').map((part) => Number.parseInt(part, 10) || 0);
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The headers know their version since 1.8; wheels and official archives also carry it in a file of their own. @param {string} include @param {string} apiInclude @param {string} libDir */
function readVersion(include, apiInclude, libDir) {
  for (const header of [join(include, 'torch', 'headeronly', 'version.h'), join(apiInclude, 'torch', 'version.h')]) {
    const version = /#define\s+TORCH_VERSION\s*\\?\s*"([\d.]+)/.exec(readIfThere(header))?.[1];
    if (version !== undefined) return version;
  }
  const python = /^__version__\s*=\s*'([\d.]+\d)/m.exec(readIfThere(join(libDir, '..', 'version.py')))?.[1];
  return python ?? /^[\d.]+\d/.exec(readIfThere(join(libDir, '..', 'build-version')))?.[0];
}

/** TorchConfig.cmake lies beside the headers (archives, wheels, Homebrew) or beside the libraries (Debian). @param {string} include @param {string} libDir */
function readCmakeConfig(include, libDir) {
  const inside = join('cmake', 'Torch', 'TorchConfig.cmake');
  return readIfThere(join(include, '..', 'share', inside)) || readIfThere(join(libDir, inside));
}

/** Newer configurations no longer name the ABI; the names of the symbols tell it. @param {string} config @param {string} core @param {string} platform @returns {0 | 1} */
function readAbi(config, core, platform) {
  if (platform === 'darwin') return 1;
  const stated = /_GLIBCXX_USE_CXX11_ABI=([01])/.exec(config)?.[1];
  if (stated !== undefined) return stated === '1' ? 1 : 0;
  return readFileSync(core).includes('__cxx11') ? 1 : 0;
}

/** @param {string} path */
function elfMachine(path) {
  const head = Buffer.alloc(20);
  const file = openSync(path, 'r');
  try {
    if (readSync(file, head, 0, 20, 0) < 20 || head.readUInt32BE(0) !== 0x7f454c46) return undefined;
    return head.readUInt16LE(18);
  } finally {
    closeSync(file);
  }
}

/** @param {string} path */
function readIfThere(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
