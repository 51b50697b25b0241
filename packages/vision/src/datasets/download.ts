/**
 * @file Downloads the files of data sets: from the first mirror that works, resuming where an earlier attempt broke off, and
 * under its own name only once its checksum is right.
 */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ArgumentError } from '@edgeai/torch';
import { DownloadError, type DownloadProgress } from '../download.ts';

export interface DownloadUrlOptions {
  /** What the file must have. Without it nothing tells a damaged file, so broken downloads start afresh. */
  md5?: string;
  /** Further rounds over all addresses after the first. Default 3. */
  retries?: number;
  /** Before the second round, in milliseconds; doubled for each further one. Default 500. */
  retryDelay?: number;
  /** Give up on a connection that is silent for so many milliseconds. Default 30,000. */
  timeout?: number;
  /** Called after every piece that arrives. */
  onProgress?: (progress: DownloadProgress) => void;
  signal?: AbortSignal;
}

/**
 * Fetches a file from the first of several addresses that has it. One that is there already, with the right checksum, is
 * left alone. Data comes in under the name `<path>.part` and stays there when the connection breaks, for the next attempt.
 *
 * @throws {DownloadError} with what each address said
 */
export async function downloadUrl(
  urls: string | readonly string[],
  path: string,
  options: DownloadUrlOptions = {},
): Promise<void> {
  const { md5, retries = 3, retryDelay = 500, signal } = options;
  let addresses = typeof urls === 'string' ? [urls] : [...urls];
  const [first] = addresses;
  if (first === undefined) throw new ArgumentError('urls', 'Expected at least one address to download from');
  if (md5 !== undefined && (await md5Of(path)) === md5) return;
  await mkdir(dirname(path), { recursive: true });
  const failures = new Map<string, DownloadError>();
  for (let round = 0; round <= retries && addresses.length > 0; round++) {
    if (round > 0) await sleep(retryDelay * 2 ** (round - 1), undefined, { signal });
    for (const url of addresses) {
      try {
        await attempt(url, path, options);
        return;
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof DownloadError)) throw error;
        failures.set(url, error);
        if (error instanceof RefusedError) addresses = addresses.filter((other) => other !== url);
      }
    }
  }
  const [cause] = failures.values();
  if (failures.size === 1 && cause !== undefined) throw cause;
  throw new DownloadError(
    'DOWNLOAD_FAILED',
    first,
    `none of ${failures.size} addresses worked:\n  ${Array.from(failures.values(), ({ message }) => message).join('\n  ')}`,
    { cause },
  );
}

/** The server will not change its mind: there is no use in trying again. */
class RefusedError extends DownloadError {}

async function attempt(url: string, path: string, options: DownloadUrlOptions): Promise<void> {
  const part = `${path}.part`;
  if (options.md5 === undefined) await rm(part, { force: true });
  const have = (await stat(part).catch(() => undefined))?.size ?? 0;
  const watch = new Watchdog(options.timeout ?? 30_000, options.signal);
  try {
    const response = await request(url, have, watch);
    // 416: there is nothing after what is here already.
    if (response.status !== 416)
      await receive(response, url, part, response.status === 206 ? have : 0, watch, options.onProgress);
  } finally {
    watch.stop();
  }
  if (options.md5 !== undefined) {
    const actual = await md5Of(part);
    if (actual !== options.md5) {
      await rm(part, { force: true });
      throw new DownloadError(
        'HASH_MISMATCH',
        url,
        `expected a file with MD5 ${options.md5} but received one with ${actual}`,
      );
    }
  }
  await rename(part, path);
}

async function request(url: string, have: number, watch: Watchdog): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { signal: watch.signal, headers: have > 0 ? { range: `bytes=${have}-` } : {} });
  } catch (error) {
    const reason = watch.expired
      ? 'no answer in time'
      : error instanceof Error
        ? String(error.cause ?? error.message)
        : String(error);
    throw new DownloadError('DOWNLOAD_FAILED', url, `no answer (${reason})`, { cause: error });
  }
  const { status } = response;
  const continues = status !== 206 || response.headers.get('content-range')?.startsWith(`bytes ${have}-`) === true;
  if ((response.ok && continues) || (status === 416 && have > 0)) return response;
  const Kind = status >= 400 && status < 500 && status !== 408 && status !== 429 ? RefusedError : DownloadError;
  throw new Kind('DOWNLOAD_FAILED', url, `the server answered ${status} ${response.statusText}`);
}

/** Writes the body behind the first `offset` bytes of the file. */
async function receive(
  response: Response,
  url: string,
  part: string,
  offset: number,
  watch: Watchdog,
  onProgress?: (progress: DownloadProgress) => void,
): Promise<void> {
  // With a content encoding the length counts compressed bytes.
  const length = response.headers.has('content-encoding') ? null : response.headers.get('content-length');
  const total = length === null ? undefined : offset + Number(length);
  const file = await open(part, offset > 0 ? 'r+' : 'w');
  let received = offset;
  try {
    received = await copyBody(response, file, offset, url, watch, (bytes) => onProgress?.({ received: bytes, total }));
    await file.sync();
  } finally {
    await file.close();
  }
  if (total !== undefined && received !== total)
    throw new DownloadError('DOWNLOAD_FAILED', url, `expected ${total} bytes but received ${received}`);
}

async function copyBody(
  response: Response,
  file: FileHandle,
  offset: number,
  url: string,
  watch: Watchdog,
  progress: (bytes: number) => void,
): Promise<number> {
  let position = offset;
  const reader = response.body?.getReader();
  for (;;) {
    const piece = await reader?.read().catch((error: unknown) => {
      const reason = watch.expired ? 'the server fell silent' : 'the connection broke';
      throw new DownloadError('DOWNLOAD_FAILED', url, `${reason} after ${position} bytes`, { cause: error });
    });
    if (piece?.value === undefined) return position;
    watch.reset();
    await file.write(piece.value, 0, piece.value.length, position);
    position += piece.value.length;
    progress(position);
  }
}

/** MD5 of a file in hexadecimal digits; undefined where there is none. */
async function md5Of(path: string): Promise<string | undefined> {
  const hash = createHash('md5');
  try {
    for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return hash.digest('hex');
}

/** Aborts when nothing has happened for a while, or when the caller's signal says so. */
class Watchdog {
  readonly #controller = new AbortController();
  readonly #timeout: number;
  readonly #outer: AbortSignal | undefined;
  readonly #forward = () => this.#controller.abort(this.#outer?.reason);
  #timer: NodeJS.Timeout;
  expired = false;

  constructor(timeout: number, outer: AbortSignal | undefined) {
    this.#timeout = timeout;
    this.#outer = outer;
    if (outer?.aborted === true) this.#forward();
    outer?.addEventListener('abort', this.#forward, { once: true });
    this.#timer = this.#start();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  reset(): void {
    clearTimeout(this.#timer);
    this.#timer = this.#start();
  }

  /** Ends the connection too, if it is still open. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#controller.abort();
    this.#outer?.removeEventListener('abort', this.#forward);
  }

  #start(): NodeJS.Timeout {
    return setTimeout(() => {
      this.expired = true;
      this.#controller.abort();
    }, this.#timeout);
  }
}
