/** @file Helpers of this folder's tests: fixtures, scratch files, and tensors in a form that can be compared. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { contiguousBytes, type TensorRecord } from './records.ts';

/** A tensor as the fixtures' JSON describes it. */
export interface Described {
  dtype: string;
  shape: number[];
  strides: number[];
  offset: number;
  requiresGrad: boolean;
  isParameter: boolean;
  /** Row-major elements. */
  hex: string;
}

/** What `make-serialization-fixtures.py` says about its files. */
export interface Expected {
  tensors: Record<string, Described>;
  shared: string[];
  model: Record<string, Described>;
  expAvg: Described;
  plainPickle: string;
  pickles: string[];
  arrays: Record<string, { dtype: string; shape: number[]; hex: string }>;
}

export function fixture(name: string): string {
  return fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
}

export const expected: Expected = JSON.parse(readFileSync(fixture('fixtures.json'), 'utf8'));

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

export function describe(record: TensorRecord): Described {
  return {
    dtype: record.dtype,
    shape: record.shape,
    strides: record.strides,
    offset: record.storageOffset,
    requiresGrad: record.requiresGrad,
    isParameter: record.isParameter,
    hex: hex(contiguousBytes(record)),
  };
}

/** Runs `use` with a new folder that is removed afterwards. */
export function withFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'serialization-'));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
