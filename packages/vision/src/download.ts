/** @file Downloads a file so that it is either there whole, with the right hash, or not there at all. */

import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EdgeAIError } from '@edgeai/torch';

/** A download failed, or what came is not what was expected. Nothing was left behind. */
export class DownloadError extends EdgeAIError {
  readonly url: string;

  constructor(code: 'DOWNLOAD_FAILED' | 'HASH_MISMATCH', url: string, message: string, options?: ErrorOptions) {
    super(code, `${url}: ${message}`, options);
    this.url = url;
  }
}

export interface DownloadProgress {
  /** Bytes so far. */
  readonly received: number;
  /** Bytes in all; `undefined` where the server does not say. */
  readonly total: number | undefined;
}

export interface DownloadOptions {
  /** First hexadecimal digits, or all, of the SHA-256 that the file must have. */
  sha256?: string;
  /** Called after every chunk. */
  onProgress?: (progress: DownloadProgress) => void;
  /** Aborts the download. */
  signal?: AbortSignal;
}

/**
 * Fetches `url` into `path`, through a temporary file in the same folder. Folders are made as needed.
 *
 * @throws {DownloadError} when the server refuses, the connection breaks or the hash differs
 */
export async function downloadFile(url: string, path: string, options: DownloadOptions = {}): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.part`;
  try {
    const hash = await receive(url, temporary, options);
    const expected = options.sha256?.toLowerCase() ?? '';
    if (!hash.startsWith(expected)) {
      throw new DownloadError(
        'HASH_MISMATCH',
        url,
        `expected a SHA-256 that begins with ${expected} but received ${hash}`,
      );
    }
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Streams the body to disk. @returns its SHA-256 in hexadecimal digits */
async function receive(url: string, path: string, { onProgress, signal }: DownloadOptions): Promise<string> {
  const { body, total } = await request(url, signal);
  const hash = createHash('sha256');
  const file = await open(path, 'wx');
  let received = 0;
  try {
    const reader = body.getReader();
    for (;;) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        throw new DownloadError('DOWNLOAD_FAILED', url, `the connection broke after ${received} bytes`, {
          cause: error,
        });
      });
      if (done) break;
      hash.update(value);
      await file.writeFile(value);
      received += value.length;
      onProgress?.({ received, total });
    }
    if (total !== undefined && received !== total) {
      throw new DownloadError('DOWNLOAD_FAILED', url, `expected ${total} bytes but received ${received}`);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return hash.digest('hex');
}

async function request(
  url: string,
  signal?: AbortSignal,
): Promise<{ body: ReadableStream<Uint8Array>; total: number | undefined }> {
  let response: Response;
  try {
    response = await fetch(url, signal === undefined ? {} : { signal });
  } catch (error) {
    const reason = error instanceof Error ? String(error.cause ?? error.message) : String(error);
    throw new DownloadError('DOWNLOAD_FAILED', url, `no answer (${reason})`, { cause: error });
  }
  if (!response.ok || response.body === null) {
    throw new DownloadError('DOWNLOAD_FAILED', url, `the server answered ${response.status} ${response.statusText}`);
  }
  // With a content encoding the length counts compressed bytes.
  const length = response.headers.has('content-encoding') ? null : response.headers.get('content-length');
  return { body: response.body, total: length === null ? undefined : Number(length) };
}
