/** @file Loads sharp when an image is first decoded or encoded: networks alone do not need it. */

import { isMainThread } from 'node:worker_threads';
import { EdgeAIError } from '@edgeai/torch';
import type sharp from 'sharp';

let loading: Promise<typeof sharp> | undefined;

/** @throws {EdgeAIError} (`SHARP_NOT_LOADED`) with sharp's own advice for this platform */
export function loadSharp(): Promise<typeof sharp> {
  loading ??= import('sharp').then(
    (module) => {
      // A worker of a loader decodes on one core; the others have work of their own.
      if (!isMainThread) module.default.concurrency(1);
      return module.default;
    },
    (error: unknown) => {
      loading = undefined;
      const reason = error instanceof Error ? error.message : String(error);
      throw new EdgeAIError(
        'SHARP_NOT_LOADED',
        `Images cannot be decoded, because the package sharp could not be loaded: ${reason}`,
        { cause: error },
      );
    },
  );
  return loading;
}
