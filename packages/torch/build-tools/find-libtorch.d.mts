/** @file Types of find-libtorch.mjs for TypeScript. */

import type { SearchOptions, SearchResult } from './types.d.ts';

export function findLibtorch(options?: SearchOptions): SearchResult;
