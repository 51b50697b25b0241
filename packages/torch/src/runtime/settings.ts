/** @file Settings of the running libtorch: threads, determinism, what hardware there is. */

import { ArgumentError } from '../errors.ts';
import { type BuildInfo, native } from '../native.ts';

/** Threads that one operator may use. */
export function getNumThreads(): number {
  return native.getNumThreads();
}

export function setNumThreads(count: number): void {
  if (!Number.isInteger(count) || count < 1)
    throw ArgumentError.expected('count', 'a whole number of at least 1', count);
  native.setNumThreads(count);
}

/**
 * Threads that one operator may use when this thread calls it; other threads keep their number. Cheap, unlike
 * {@link setNumThreads}: a worker sets it to 1.
 */
export function setLocalThreads(count: number): void {
  if (!Number.isInteger(count) || count < 1)
    throw ArgumentError.expected('count', 'a whole number of at least 1', count);
  native.setLocalThreads(count);
}

export interface DeterministicOptions {
  /** Warn instead of failing where an operator has no deterministic form. */
  warnOnly?: boolean;
}

export function useDeterministicAlgorithms(enabled: boolean, options: DeterministicOptions = {}): void {
  native.setDeterministic(enabled, options.warnOnly ?? false);
}

export function buildInfo(): BuildInfo {
  return native.buildInfo();
}

export const cuda = {
  isAvailable(): boolean {
    return native.buildInfo().cudaDevices > 0;
  },
  deviceCount(): number {
    return native.buildInfo().cudaDevices;
  },
};
