/** @file Collects what the engine runs on (Node, libtorch, addon, threads, BLAS, CUDA) and what is wrong with it, as data for `edgeai doctor`. */

import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { libtorchToUse, nativeStatus } from '../../build-tools/build-native.mjs';
import type { Attempt, Libtorch, NativeStatus } from '../../build-tools/types.d.ts';
import type { BuildInfo } from '../native.ts';
import { type Blas, type BlasEvidence, blasInUse } from './doctor-blas.ts';
import { diagnoseLoadFailure } from './load-failure.ts';

/** Something that keeps the engine from working (`error`) or from working well (`warning`). `code` is stable. */
export interface Problem {
  readonly code: string;
  readonly severity: 'error' | 'warning';
  readonly message: string;
  readonly cure: string;
}

/** What the loaded engine says of itself. */
export interface EngineReport {
  readonly torchVersion: string;
  /** Threads that operators use. */
  readonly threads: number;
  /** Widest vector instructions that the kernels use, such as `AVX2`; undefined where libtorch does not say. */
  readonly cpuCapability: string | undefined;
  readonly mkldnn: boolean;
  readonly openmp: boolean;
  readonly lapack: boolean;
  readonly cudaDevices: number;
  readonly libraryPath: string | undefined;
}

export interface Diagnosis {
  readonly node: { readonly version: string; readonly platform: string; readonly arch: string };
  readonly cores: number;
  readonly libtorch: { readonly found: Libtorch | undefined; readonly tried: readonly Attempt[] };
  readonly addon: NativeStatus & { readonly loaded: boolean };
  /** Undefined where the addon could not be loaded. */
  readonly engine: EngineReport | undefined;
  /** The library that multiplies matrices; undefined where it cannot be told. */
  readonly blas: Blas | undefined;
  /** `OPENBLAS_CORETYPE`: overrides the kernels that OpenBLAS would choose for this processor. */
  readonly openblasCoreType: string | undefined;
  readonly problems: readonly Problem[];
}

/** What `diagnose` looks at; replaced only in tests. */
export interface DoctorProbes {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly nodeVersion?: string;
  readonly arch?: string;
  readonly load?: () => Promise<{ buildInfo(): BuildInfo; getNumThreads(): number }>;
  readonly findLibtorch?: () => Diagnosis['libtorch'];
  readonly status?: (libtorch: Libtorch | undefined) => NativeStatus;
  readonly blas?: (evidence: BlasEvidence) => Blas | undefined;
  readonly hasNvidiaGpu?: () => boolean;
}

/** Looks at everything and never throws: what cannot be found out becomes a problem in the answer. */
export async function diagnose(probes: DoctorProbes = {}): Promise<Diagnosis> {
  const { env = process.env, nodeVersion = process.versions.node, arch = process.arch } = probes;
  const libtorch = locate(probes.findLibtorch ?? (() => libtorchToUse({ env })));
  const status = statusOf(probes.status ?? readStatus, libtorch.found, env.EDGEAI_TORCH_ADDON);
  const loaded = await wake(probes.load ?? loadNative);
  // The loaded library tells the truth; where nothing could be loaded, the one that would be.
  const blas = (probes.blas ?? blasInUse)({
    config: loaded.info?.config,
    libDir: libtorch.found?.libDir ?? status.record?.libtorch.libDir,
  });
  return {
    node: { version: nodeVersion, platform: process.platform, arch },
    cores: availableParallelism(),
    libtorch: { found: libtorch.found, tried: libtorch.tried },
    addon: { ...status, loaded: loaded.engine !== undefined },
    engine: loaded.engine,
    blas,
    openblasCoreType: env.OPENBLAS_CORETYPE || undefined,
    problems: [
      ...nodeProblems(nodeVersion),
      ...libtorchProblems(libtorch),
      ...addonProblems(status, loaded),
      ...engineProblems(loaded.engine, arch, probes.hasNvidiaGpu ?? hasNvidiaGpu),
      ...blasProblems(blas),
    ],
  };
}

/** The vector instructions that libtorch's kernels use, out of the text of its build configuration. */
export function cpuCapability(config: string): string | undefined {
  return /CPU capability usage:\s*(.+)/.exec(config)?.[1]?.trim();
}

type Located = Diagnosis['libtorch'] & { readonly failure?: unknown };

function locate(find: () => Diagnosis['libtorch']): Located {
  try {
    return find();
  } catch (failure) {
    return { found: undefined, tried: [], failure };
  }
}

function readStatus(libtorch: Libtorch | undefined): NativeStatus {
  return nativeStatus(libtorch === undefined ? {} : { libtorch });
}

/** An addon named by `EDGEAI_TORCH_ADDON` is someone else's build: its age is not ours to judge. */
function statusOf(
  read: NonNullable<DoctorProbes['status']>,
  libtorch: Libtorch | undefined,
  named: string | undefined,
): NativeStatus {
  if (named === undefined) return read(libtorch);
  const there = existsSync(named);
  return {
    state: there ? 'current' : 'missing',
    reason: there ? '' : 'EDGEAI_TORCH_ADDON names a file that is not there',
    addonPath: named,
    record: undefined,
  };
}

/** Importing native.ts loads the addon and throws where that fails, so it is imported here and not at the top. */
async function loadNative() {
  const { loadAddon } = await import('../native.ts');
  return loadAddon();
}

interface Loaded {
  readonly engine?: EngineReport;
  readonly info?: BuildInfo;
  readonly failure?: unknown;
}

async function wake(load: NonNullable<DoctorProbes['load']>): Promise<Loaded> {
  try {
    const addon = await load();
    const info = addon.buildInfo();
    const { torchVersion, mkldnn, openmp, lapack, cudaDevices, libraryPath } = info;
    const engine = {
      torchVersion,
      threads: addon.getNumThreads(),
      cpuCapability: cpuCapability(info.config),
      mkldnn,
      openmp,
      lapack,
      cudaDevices,
      libraryPath,
    };
    return { engine, info };
  } catch (failure) {
    return { failure };
  }
}

function nodeProblems(version: string): Problem[] {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 9)) return [];
  return [problem('error', 'NODE_TOO_OLD', `Node ${version} is too old.`, 'Install Node 20.9 or newer.')];
}

function libtorchProblems({ found, failure }: Located): Problem[] {
  if (failure !== undefined) {
    const message = failure instanceof Error ? failure.message : String(failure);
    return [problem('error', 'LIBTORCH_INVALID', message, 'Correct LIBTORCH, or unset it to search this machine.')];
  }
  if (found !== undefined) return [];
  const cure = 'Run `npm run setup`: it installs libtorch where it can, and says how where it cannot.';
  return [problem('error', 'LIBTORCH_NOT_FOUND', 'No libtorch was found on this machine.', cure)];
}

function addonProblems(status: NativeStatus, { engine, failure }: Loaded): Problem[] {
  if (engine === undefined) {
    // native.ts wraps what the loader said.
    const said = failure instanceof Error && failure.cause !== undefined ? failure.cause : failure;
    const attempt = { path: status.addonPath, built: status.state !== 'missing', record: status.record };
    const { code, message, cure } = diagnoseLoadFailure(said, attempt);
    return [problem('error', code, `The native addon could not be loaded: ${message}`, cure)];
  }
  if (status.state !== 'stale') return [];
  return [
    problem('warning', 'ADDON_STALE', `The native addon is out of date: ${status.reason}.`, 'Run `npm run setup`.'),
  ];
}

function engineProblems(engine: EngineReport | undefined, arch: string, hasGpu: () => boolean): Problem[] {
  if (engine === undefined) return [];
  const problems: Problem[] = [];
  const narrow = engine.cpuCapability === 'DEFAULT' || engine.cpuCapability === 'NO AVX';
  if (arch === 'x64' && narrow) {
    const message = 'libtorch uses no AVX2 instructions, several times slower than with them.';
    const cure = 'Unset ATEN_CPU_CAPABILITY if it is set; otherwise this processor (or virtual machine) has none.';
    problems.push(problem('warning', 'NO_VECTOR_INSTRUCTIONS', message, cure));
  }
  if (!engine.openmp) {
    const message = 'This libtorch was built without OpenMP: most operators use one core.';
    problems.push(problem('warning', 'NO_OPENMP', message, 'Use an official or a distribution build of libtorch.'));
  }
  if (!engine.mkldnn && arch === 'x64') {
    const message = 'This libtorch was built without oneDNN: convolutions are slow.';
    problems.push(problem('warning', 'NO_MKLDNN', message, 'Use an official or a distribution build of libtorch.'));
  }
  if (engine.cudaDevices === 0 && hasGpu()) {
    const message = 'There is an NVIDIA GPU, but this libtorch cannot use it.';
    const cure =
      'Install a CUDA build of PyTorch (pip install torch) and run `LIBTORCH=<its folder> npm run setup`, or check the driver with nvidia-smi.';
    problems.push(problem('warning', 'GPU_NOT_USED', message, cure));
  }
  return problems;
}

function blasProblems(blas: Blas | undefined): Problem[] {
  if (blas?.name !== 'reference') return [];
  const message = `Matrices are multiplied by the reference BLAS (${blas.path}), 10 to 30 times slower than OpenBLAS.`;
  return [problem('warning', 'SLOW_BLAS', message, 'Debian, Ubuntu: apt-get install libopenblas0-pthread')];
}

function hasNvidiaGpu(): boolean {
  return existsSync('/dev/nvidia0');
}

function problem(severity: Problem['severity'], code: string, message: string, cure: string): Problem {
  return { code, severity, message, cure };
}
