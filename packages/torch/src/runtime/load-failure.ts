/** @file Says in plain words why the native addon could not be loaded and what helps on this machine; called by native.ts. */

import { existsSync } from 'node:fs';

/** What is known about the addon that was tried. */
export interface LoadAttempt {
  /** File of the addon. */
  readonly path: string;
  /** Whether that file is there. */
  readonly built: boolean;
  /** Content of the addon.json beside it, if any. */
  readonly record: unknown;
}

/** The libtorch that an addon was built against, as far as its record tells. */
export interface BuiltAgainst {
  readonly version: string;
  readonly libDir: string;
}

/** A likely cause of a load failure. `code` is stable; `message` and `cure` are for people. */
export interface LoadProblem {
  readonly code:
    | 'ADDON_MISSING'
    | 'LIBTORCH_GONE'
    | 'LIBTORCH_LIBRARY_MISSING'
    | 'LIBRARY_MISSING'
    | 'LIBTORCH_MISMATCH'
    | 'WRONG_ARCHITECTURE'
    | 'SYSTEM_TOO_OLD'
    | 'ADDON_LOAD_FAILED';
  readonly message: string;
  readonly cure: string;
}

const REBUILD = 'npm run setup';

/** The whole message of an AddonLoadError: cause, cure, and the loader's own words. */
export function explainLoadFailure(error: unknown, attempt: LoadAttempt): string {
  const { message, cure } = diagnoseLoadFailure(error, attempt);
  const lines = [`The native addon could not be loaded: ${message}`, `  ${cure}`];
  if (attempt.built) lines.push(`  Addon: ${attempt.path}`, `  Loader: ${firstLine(error)}`);
  lines.push('  `edgeai doctor` shows everything that was found on this machine.');
  return lines.join('\n');
}

/** The most likely cause, from the loader's message and from what is on disk. */
export function diagnoseLoadFailure(error: unknown, attempt: LoadAttempt): LoadProblem {
  if (!attempt.built) {
    return {
      code: 'ADDON_MISSING',
      message: `it has not been built (${attempt.path} is not there).`,
      cure: `Run \`${REBUILD}\`: it finds or installs libtorch and compiles the addon.`,
    };
  }
  const said = firstLine(error);
  const against = builtAgainst(attempt.record);
  if (/wrong ELF class|invalid ELF header|incompatible architecture|mach-o, but wrong|not a mach-o/i.test(said)) {
    return {
      code: 'WRONG_ARCHITECTURE',
      message: `it was built for another processor or system than this Node (${process.platform} ${process.arch}).`,
      cure: `Delete ${attempt.path} and run \`${REBUILD}\` with this Node. A folder shared with a container or copied from another machine has the other machine's build.`,
    };
  }
  if (against !== undefined && !existsSync(against.libDir)) {
    return {
      code: 'LIBTORCH_GONE',
      message: `it was built against libtorch ${against.version} in ${against.libDir}, which is no longer there.`,
      cure: `Run \`${REBUILD}\` to build it against a libtorch that is, or bring that one back.`,
    };
  }
  const library = missingLibrary(said);
  if (library !== undefined) return missingLibraryProblem(library, against);
  const symbol = /undefined symbol:?\s*(\S+)|symbol not found[^:]*:?\s*'?(\S+?)'?(?:\s|$)/i.exec(said);
  if (symbol !== null) {
    return {
      code: 'LIBTORCH_MISMATCH',
      message: `libtorch lacks the symbol ${symbol[1] ?? symbol[2]}: it is not the libtorch that the addon was built against${describe(against)}.`,
      cure: `Run \`${REBUILD}\` to rebuild it. If LD_LIBRARY_PATH is set${ldLibraryPath()}, unset it: it may bring in another libtorch.`,
    };
  }
  if (/version `(GLIBC|GLIBCXX|CXXABI)[^']*' not found/.test(said)) {
    return {
      code: 'SYSTEM_TOO_OLD',
      message: `the C++ library of this system is older than the one that libtorch or the addon was built with.`,
      cure: `Run \`${REBUILD}\` on this machine, with a libtorch made for this system${against === undefined ? '' : ` (not the one in ${against.libDir})`}.`,
    };
  }
  return {
    code: 'ADDON_LOAD_FAILED',
    message: `the loader refused it${describe(against)}.`,
    cure: `Run \`${REBUILD}\`; if that says that all is there, delete ${attempt.path} and run it again.`,
  };
}

/** Reads the libtorch out of an addon.json, whatever its state. */
export function builtAgainst(record: unknown): BuiltAgainst | undefined {
  if (typeof record !== 'object' || record === null || !('libtorch' in record)) return undefined;
  const { libtorch } = record;
  if (typeof libtorch !== 'object' || libtorch === null) return undefined;
  if (!('version' in libtorch) || !('libDir' in libtorch)) return undefined;
  const { version, libDir } = libtorch;
  return typeof version === 'string' && typeof libDir === 'string' ? { version, libDir } : undefined;
}

function missingLibraryProblem(library: string, against: BuiltAgainst | undefined): LoadProblem {
  if (/^lib(torch|c10)/.test(library)) {
    return {
      code: 'LIBTORCH_LIBRARY_MISSING',
      message: `${library} of libtorch was not found${describe(against)}.`,
      cure: `Reinstall that libtorch (Debian, Ubuntu: apt-get install --reinstall libtorch-dev), or run \`${REBUILD}\` to build against another.`,
    };
  }
  return {
    code: 'LIBRARY_MISSING',
    message: `${library}, which libtorch needs, is not on this system.`,
    cure: libraryCure(library),
  };
}

function libraryCure(library: string): string {
  if (process.platform === 'darwin')
    return `Install what brings ${library} with Homebrew${library.includes('omp') ? ' (brew install libomp)' : ''}.`;
  if (/blas|lapack/.test(library)) return 'Install OpenBLAS (Debian, Ubuntu: apt-get install libopenblas0-pthread).';
  if (/gomp/.test(library)) return 'Install the OpenMP run time (Debian, Ubuntu: apt-get install libgomp1).';
  if (/^lib(cuda|cudart|cublas|cudnn|nccl|nvrtc|cu)/.test(library)) {
    return 'Install the NVIDIA driver and the CUDA libraries that this libtorch was built for, or use a CPU build of libtorch.';
  }
  return `Install the package that brings ${library} (Debian, Ubuntu: apt-file search ${library}).`;
}

/** The library that the dynamic loader of Linux or macOS says it could not find. */
function missingLibrary(said: string): string | undefined {
  const linux = /(\S+?\.so[.\d]*): cannot open shared object file/.exec(said)?.[1];
  const mac = /Library not loaded: (\S+)/.exec(said)?.[1];
  const path = linux ?? mac;
  return path?.slice(path.lastIndexOf('/') + 1);
}

function describe(against: BuiltAgainst | undefined): string {
  return against === undefined ? '' : ` (libtorch ${against.version} in ${against.libDir})`;
}

function ldLibraryPath(): string {
  const value = process.env.LD_LIBRARY_PATH;
  return value === undefined || value === '' ? '' : ` (${value})`;
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  // macOS puts the reason on the lines after the first.
  return process.platform === 'darwin' ? message.replaceAll('\n', ' ') : (message.split('\n')[0] ?? '');
}
