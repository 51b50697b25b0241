/** @file The promises of the doctor: it always answers, and each thing that can be wrong is named with a cure. */

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Libtorch, NativeStatus } from '../../build-tools/types.d.ts';
import type { BuildInfo } from '../native.ts';
import { cpuCapability, type DoctorProbes, diagnose } from './doctor.ts';
import { blasInUse } from './doctor-blas.ts';

const libtorch: Libtorch = {
  source: 'system',
  version: '2.5.1',
  includes: ['/usr/include'],
  libDir: '/usr/lib/x86_64-linux-gnu',
  abi: 1,
  cxxStandard: 17,
  cuda: false,
};
const current: NativeStatus = { state: 'current', reason: '', addonPath: '/p/edgeai_torch.node', record: undefined };
const info: BuildInfo = {
  torchVersion: '2.5.1',
  config: 'PyTorch built with:\n  - CPU capability usage: AVX512\n  - Build settings: BLAS_INFO=mkl, USE_CUDA=0',
  parallel: '',
  mkldnn: true,
  openmp: true,
  lapack: true,
  cudaDevices: 0,
  libraryPath: '/usr/lib/x86_64-linux-gnu/libtorch_cpu.so',
};

/** A machine on which all is well, but for what the test changes. */
function machine(changes: DoctorProbes = {}, build: Partial<BuildInfo> = {}): DoctorProbes {
  return {
    env: {},
    nodeVersion: '20.11.1',
    arch: 'x64',
    load: async () => ({ buildInfo: () => ({ ...info, ...build }), getNumThreads: () => 4 }),
    findLibtorch: () => ({ found: libtorch, tried: [] }),
    status: () => current,
    hasNvidiaGpu: () => false,
    ...changes,
  };
}

async function problemsOf(probes: DoctorProbes): Promise<string[]> {
  return (await diagnose(probes)).problems.map((problem) => `${problem.severity} ${problem.code}`);
}

test('a healthy machine has no problems and reports what runs', async () => {
  const found = await diagnose(machine({ env: { OPENBLAS_CORETYPE: 'Haswell' } }));
  assert.deepEqual(found.problems, []);
  assert.equal(found.engine?.cpuCapability, 'AVX512');
  assert.equal(found.engine?.threads, 4);
  assert.equal(found.blas?.name, 'MKL');
  assert.equal(found.openblasCoreType, 'Haswell');
  assert.equal(found.addon.loaded, true);
});

test('it answers where nothing works, and names each problem', async () => {
  const failing = machine({
    nodeVersion: '18.20.0',
    findLibtorch: () => ({
      found: undefined,
      tried: [{ source: 'system', path: '/usr', outcome: 'no libtorch there' }],
    }),
    status: () => ({ ...current, state: 'missing', reason: 'the addon has not been built' }),
    load: () => Promise.reject(new Error('Cannot find module')),
    blas: () => undefined,
  });
  const found = await diagnose(failing);
  assert.deepEqual(
    found.problems.map((problem) => problem.code),
    ['NODE_TOO_OLD', 'LIBTORCH_NOT_FOUND', 'ADDON_MISSING'],
  );
  assert.equal(found.engine, undefined);
  assert.ok(found.problems.every((problem) => problem.cure.length > 10 && problem.severity === 'error'));
});

test('a wrong LIBTORCH is a problem and not an exception', async () => {
  const found = await diagnose(
    machine({
      findLibtorch: () => {
        throw new Error('LIBTORCH=/x: there is no such folder');
      },
    }),
  );
  assert.equal(found.problems[0]?.code, 'LIBTORCH_INVALID');
  assert.match(found.problems[0]?.message ?? '', /no such folder/);
});

test('what the loader said is found behind the error that wraps it', async () => {
  const loader = new Error('libtorch_cpu.so: cannot open shared object file: No such file or directory');
  const load = () => Promise.reject(new Error('wrapped', { cause: loader }));
  assert.deepEqual(await problemsOf(machine({ load })), ['error LIBTORCH_LIBRARY_MISSING']);
});

test('what only costs speed is a warning', async () => {
  const reference = { name: 'reference', path: '/usr/lib/x86_64-linux-gnu/blas/libblas.so.3' } as const;
  assert.deepEqual(await problemsOf(machine({ blas: () => reference })), ['warning SLOW_BLAS']);
  assert.deepEqual(await problemsOf(machine({ hasNvidiaGpu: () => true })), ['warning GPU_NOT_USED']);
  const stale = { ...current, state: 'stale', reason: 'its sources have changed since it was built' } as const;
  assert.deepEqual(await problemsOf(machine({ status: () => stale })), ['warning ADDON_STALE']);
  const slow = { config: 'CPU capability usage: DEFAULT', openmp: false, mkldnn: false };
  assert.deepEqual(await problemsOf(machine({ blas: () => undefined }, slow)), [
    'warning NO_VECTOR_INSTRUCTIONS',
    'warning NO_OPENMP',
    'warning NO_MKLDNN',
  ]);
  assert.deepEqual(await problemsOf(machine({ arch: 'arm64', blas: () => undefined }, { ...slow, openmp: true })), []);
});

test('an addon named by EDGEAI_TORCH_ADDON is the one that is reported', async () => {
  const env = { EDGEAI_TORCH_ADDON: '/nowhere/mine.node' };
  const found = await diagnose(machine({ env, load: () => Promise.reject(new Error('Cannot find module')) }));
  assert.equal(found.addon.addonPath, '/nowhere/mine.node');
  assert.deepEqual(
    found.problems.map((problem) => problem.code),
    ['ADDON_MISSING'],
  );
});

test('the CPU capability is one line of the configuration', () => {
  assert.equal(cpuCapability('a\n  - CPU capability usage: NO AVX\nb'), 'NO AVX');
  assert.equal(cpuCapability('nothing of the kind'), undefined);
});

test('the BLAS is what the build states, else what is loaded, else what would be', (t) => {
  const maps = (path: string) => `7f00 r-xp 0 08:01 1   /usr/lib/libc.so.6\n7f01 r-xp 0 08:01 2   ${path}\n`;
  const config = 'BLAS_INFO=generic, ';
  const openblas = '/usr/lib/x86_64-linux-gnu/openblas-pthread/libblas.so.3';
  assert.deepEqual(blasInUse({ config, maps: maps(openblas) }), { name: 'OpenBLAS', path: openblas });
  const reference = '/usr/lib/x86_64-linux-gnu/blas/libblas.so.3.11.0';
  assert.deepEqual(blasInUse({ config, maps: maps(reference) }), { name: 'reference', path: reference });
  const both = `${maps('/usr/lib/libopenblasp-r0.3.21.so')}${maps(reference)}`;
  assert.equal(blasInUse({ config, maps: both })?.name, 'reference');
  assert.equal(blasInUse({ config, maps: maps('/opt/torch.libs/libopenblasp-r0.3.so') })?.name, 'OpenBLAS');
  assert.equal(blasInUse({ config: 'BLAS_INFO=mkl, ', maps: maps(reference) })?.name, 'MKL');
  assert.equal(blasInUse({ config: 'BLAS_INFO=open, ', maps: '' })?.name, 'OpenBLAS');
  assert.equal(blasInUse({ maps: '' }), undefined);

  const folder = mkdtempSync(join(tmpdir(), 'doctor-blas-'));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'blas'));
  writeFileSync(join(folder, 'blas/libblas.so.3.11.0'), '');
  symlinkSync(join(folder, 'blas/libblas.so.3.11.0'), join(folder, 'libblas.so.3'));
  assert.equal(blasInUse({ maps: '', libDir: folder })?.name, 'reference');
});
