/** @file Tells which library multiplies matrices for libtorch: stated in its build, loaded into this process, or chosen by Debian's alternatives. */

import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

/** `name` is `reference` for the slow one that Debian installs where no other is. */
export interface Blas {
  readonly name: 'OpenBLAS' | 'MKL' | 'Accelerate' | 'BLIS' | 'ATLAS' | 'reference';
  /** The library file; empty where it is part of libtorch itself. */
  readonly path: string;
}

/** Where to look; every part may be absent. */
export interface BlasEvidence {
  /** libtorch's description of its build (`BuildInfo.config`). */
  readonly config?: string | undefined;
  /** Memory map of the process that has loaded it, in the form of /proc/self/maps. */
  readonly maps?: string | undefined;
  /** Folder of libtorch.so. */
  readonly libDir?: string | undefined;
}

/** The library in use, by the best evidence there is. */
export function blasInUse({ config = '', maps = ownMaps(), libDir }: BlasEvidence): Blas | undefined {
  const stated = /BLAS_INFO=(\w+)/.exec(config)?.[1];
  if (stated === 'mkl') return { name: 'MKL', path: '' };
  if (stated === 'accelerate' || stated === 'veclib') return { name: 'Accelerate', path: '' };

  // libblas.so.3 answers libtorch first; others may be there for other libraries.
  const loaded =
    /\/\S*\/libblas\.so\S*/.exec(maps)?.[0] ??
    /\/\S*\/lib(?:openblas|blis|mkl_rt|mkl_core|[st]atlas)\S*/.exec(maps)?.[0];
  if (loaded !== undefined) return { name: nameOf(loaded), path: loaded };
  if (stated === 'open') return { name: 'OpenBLAS', path: '' };

  // `generic`, and not loaded: the loader would take the alternative that lies beside a system's libtorch.
  const alternative = libDir === undefined ? undefined : join(libDir, 'libblas.so.3');
  if (alternative === undefined || !existsSync(alternative)) return undefined;
  const path = realpathSync(alternative);
  return { name: nameOf(path), path };
}

function nameOf(path: string): Blas['name'] {
  if (/openblas/.test(path)) return 'OpenBLAS';
  if (/mkl/.test(path)) return 'MKL';
  if (/blis/.test(path)) return 'BLIS';
  return /atlas/.test(path) ? 'ATLAS' : 'reference';
}

function ownMaps(): string {
  return existsSync('/proc/self/maps') ? readFileSync('/proc/self/maps', 'utf8') : '';
}
