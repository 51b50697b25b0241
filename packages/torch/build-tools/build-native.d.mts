/** @file Types of build-native.mjs for TypeScript. */

import type { Libtorch, NativeStatus, SearchOptions, SearchResult } from './types.d.ts';

export function nativeStatus(options?: { libtorch?: Libtorch; folder?: string }): NativeStatus;
export function libtorchToUse(options?: SearchOptions & { folder?: string }): SearchResult;
export function buildNative(options: {
  libtorch: Libtorch;
  log?: (line: string) => void;
  folder?: string;
}): Promise<{ addonPath: string; built: boolean }>;
export class BuildError extends Error {
  readonly code: 'BUILD_FAILED';
}
