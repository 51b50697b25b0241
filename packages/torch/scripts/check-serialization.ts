/**
 * @file Checks with a real Python that it reads every file this package writes, and the reverse. Needs torch and numpy:
 * `npx tsx --conditions=source packages/torch/scripts/check-serialization.ts [python …]`
 */

import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  contiguousBytes,
  FrozenSet,
  PyFloat,
  readNpz,
  readTorchFile,
  type TensorRecord,
  writeNpy,
  writeNpz,
  writeSafetensors,
  writeTorchFile,
  ZipWriter,
} from '../src/serialization/index.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const fixtures = join(here, '../src/serialization/fixtures');

/** The form in which the Python half describes a tensor. */
function describe(record: TensorRecord): object {
  return {
    dtype: record.dtype,
    shape: record.shape,
    strides: record.strides,
    offset: record.storageOffset,
    requiresGrad: record.requiresGrad,
    isParameter: record.isParameter,
    hex: Buffer.from(contiguousBytes(record)).toString('hex'),
  };
}

function describeAll(path: string): string {
  const tensors = readTorchFile(path) as Record<string, TensorRecord>;
  return JSON.stringify(Object.entries(tensors).map(([name, tensor]) => [name, describe(tensor)]));
}

function writeFiles(folder: string): void {
  const tensors = readTorchFile(join(fixtures, 'tensors.pth')) as Record<string, TensorRecord>;
  writeTorchFile(join(folder, 'tensors.pth'), tensors);
  const types = new Map<unknown, unknown>([
    [5, 0],
    [true, 0],
    ['5', 0],
  ]);
  const state = readTorchFile(join(fixtures, 'training.pth')) as object;
  writeTorchFile(join(folder, 'state.pth'), { ...state, types, float: new PyFloat(1) });
  writeTorchFile(join(folder, 'frozenset.pth'), new FrozenSet([6]));
  const arrays = readNpz(join(fixtures, 'arrays.npz'));
  writeNpz(join(folder, 'arrays.npz'), arrays);
  const float32 = arrays.get('float32');
  if (float32 !== undefined) writeNpy(join(folder, 'float32.npy'), float32);
  const named = Object.entries(tensors).filter(([, { dtype }]) => dtype !== 'complex128');
  writeSafetensors(join(folder, 'all.safetensors'), new Map(named), new Map([['format', 'pt']]));
  const fd = openSync(join(folder, 'zip64.zip'), 'w');
  const zip = new ZipWriter(fd, { forceZip64: true });
  zip.add('a', Buffer.from('hello'));
  zip.finish();
  closeSync(fd);
  const known = JSON.parse(readFileSync(join(fixtures, 'fixtures.json'), 'utf8'));
  writeFileSync(join(folder, 'expected.json'), JSON.stringify({ tensors: known.tensors, arrays: known.arrays }));
}

const pythons = process.argv.slice(2);
for (const python of pythons.length > 0 ? pythons : ['python3']) {
  const folder = mkdtempSync(join(tmpdir(), 'check-serialization-'));
  try {
    console.log(python);
    writeFiles(folder);
    execFileSync(python, ['-W', 'ignore', join(here, 'check-serialization.py'), folder], { stdio: 'inherit' });
    const original = describeAll(join(fixtures, 'tensors.pth'));
    for (const name of ['python.pth', 'python-legacy.pth']) {
      if (describeAll(join(folder, name)) !== original) throw new Error(`${name} reads differently`);
    }
    console.log('  what it wrote reads the same here');
  } finally {
    rmSync(folder, { recursive: true });
  }
}
