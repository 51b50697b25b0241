/**
 * @file Downloads a file so that it is either there whole, with the right hash, or not there at all: from the first address that
 * works, resuming where an earlier attempt broke off. All downloads of the library go through here.
 */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ArgumentError, EdgeAIError } from '@edgeai/torch';
import { httpGet } from './download/http-get.ts';
import { claimPart, releasePart } from './download/part-file.ts';
import type { Environment } from './download/proxy.ts';
import { Watchdog } from './download/watchdog.ts';

/** A download failed, or what came is not what was expected. Nothing was put in place. */
export class DownloadError extends EdgeAIError {
  readonly url: string;

  constructor(code: 'DOWNLOAD_FAILED' | 'HASH_MISMATCH', url: string, message: string, options?: ErrorOptions) {
    super(code, `${url}: ${message}`, options);
    this.url = url;
  }
}

/** The server will not change its mind: there is no use in trying again. */
class RefusedError extends DownloadError {}

export interface DownloadProgress {
  /** Bytes so far, those of an earlier attempt included. */
  readonly received: number;
  /** Bytes in all; `undefined` where the server does not say. */
  readonly total: number | undefined;
}

export interface DownloadOptions {
  /** First hexadecimal digits, or all, of the SHA-256 that the file must have. */
  sha256?: string;
  /** The MD5 that the file must have. Used where there is no `sha256`. */
  md5?: string;
  /** Further rounds over all addresses after the last one that brought the file forward. Default 3. */
  retries?: number;
  /** Before the second round, in milliseconds; doubled for each further one. Default 500. */
  retryDelay?: number;
  /** Give up on a connection that is silent for so many milliseconds. Default 30,000. */
  timeout?: number;
  /** Called after every piece that arrives. */
  onProgress?: (progress: DownloadProgress) => void;
  /** Aborts the download. */
  signal?: AbortSignal;
  /** Where `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` are looked up. Default `process.env`. */
  env?: Environment;
}

/** What has come so far, and where. */
interface Part {
  readonly path: string;
  /** Most bytes that any attempt reached. */
  reached: number;
  /** By which a server tells whether the file is still the one that the part is of, in this process's attempts. */
  version?: { readonly url: string; readonly value: string } | undefined;
}

interface Hash {
  readonly algorithm: 'sha256' | 'md5';
  /** The first digits, or all. */
  readonly digits: string;
}

/**
 * Fetches a file into `path` from the first of several addresses that has it. One that is there already, with the right hash,
 * is left alone; any other is replaced. Folders are made as needed. Several processes may fetch the same file at once.
 *
 * A download that breaks off is resumed, in this call and, where a hash would tell a damaged file, in later ones: what came
 * waits as `<path>.part`.
 *
 * @throws {DownloadError} with what each address said; `HASH_MISMATCH` when the last word was that the content is wrong
 */
export async function downloadFile(
  urls: string | readonly string[],
  path: string,
  options: DownloadOptions = {},
): Promise<void> {
  const addresses = typeof urls === 'string' ? [urls] : [...urls];
  if (addresses.length === 0) throw new ArgumentError('urls', 'Expected at least one address to download from');
  const hash = hashOf(options);
  if (hash !== undefined && (await digest(path, hash.algorithm))?.startsWith(hash.digits) === true) return;
  await mkdir(dirname(path), { recursive: true });
  const part: Part = { path: await claimPart(path), reached: 0 };
  let done = false;
  try {
    if (hash === undefined) await rm(part.path, { force: true });
    await fetchFromAny(addresses, part, path, hash, options);
    await rename(part.path, path);
    done = true;
  } finally {
    if (!done) await releasePart(path, part.path, hash !== undefined);
  }
}

/** Goes round all addresses until one gives the file. */
async function fetchFromAny(
  addresses: readonly string[],
  part: Part,
  path: string,
  hash: Hash | undefined,
  options: DownloadOptions,
): Promise<void> {
  const { retries = 3, retryDelay = 500, signal } = options;
  const failures = new Map<string, DownloadError>();
  const left = new Set(addresses);
  for (let round = 0; round <= retries && left.size > 0; round++) {
    if (round > 0) await pause(retryDelay * 2 ** (round - 1), signal);
    const before = part.reached;
    for (const url of left) {
      try {
        return await attempt(url, part, hash, options);
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof DownloadError)) throw error;
        const again = failures.get(url)?.code;
        failures.set(url, error);
        // Once, the network may have damaged it; a server that sends the wrong file twice has the wrong file.
        const wrong = error.code === 'HASH_MISMATCH' && again === error.code;
        if (error instanceof RefusedError || wrong) left.delete(url);
      }
    }
    // A long file over a bad line: as long as it grows, it is not given up.
    if (part.reached > before && before > 0) round = 0;
  }
  throw summary([...failures.values()], path);
}

async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch(() => {});
  signal?.throwIfAborted();
}

function summary(failures: readonly DownloadError[], path: string): DownloadError {
  const [first] = failures;
  if (first === undefined) throw new Error('internal: a download without attempts failed');
  const code = failures.every((failure) => failure.code === 'HASH_MISMATCH') ? 'HASH_MISMATCH' : 'DOWNLOAD_FAILED';
  const texts = failures.map(({ message }) => message);
  const advice = `Where the network is the reason: HTTPS_PROXY names a proxy; or fetch the file elsewhere and put it at ${path}`;
  const text =
    texts.length === 1
      ? (texts[0] ?? '').slice(first.url.length + 2)
      : `none of ${texts.length} addresses worked:\n  ${texts.join('\n  ')}`;
  return new DownloadError(code, first.url, code === 'HASH_MISMATCH' ? text : `${text}\n${advice}`, { cause: first });
}

async function attempt(url: string, part: Part, hash: Hash | undefined, options: DownloadOptions): Promise<void> {
  const version = part.version?.url === url ? part.version.value : undefined;
  // With neither a hash nor the server's word for it, nobody would notice that two halves do not belong together.
  if (hash === undefined && version === undefined) await rm(part.path, { force: true });
  const have = (await stat(part.path).catch(() => undefined))?.size ?? 0;
  const watch = new Watchdog(options.timeout ?? 30_000, options.signal);
  try {
    const headers: Record<string, string> = have > 0 ? { range: `bytes=${have}-` } : {};
    if (have > 0 && version !== undefined) headers['if-range'] = version;
    const response = await request(url, headers, watch, options.env);
    const start = await startOf(response, url, have, part, hash);
    if (start !== null) {
      part.version = versionOf(response, url);
      await receive(response, url, part, start, watch, options.onProgress);
    }
  } finally {
    watch.stop();
  }
  if (hash !== undefined) await requireHash(url, part, hash);
}

async function request(
  url: string,
  headers: Record<string, string>,
  watch: Watchdog,
  env: Environment | undefined,
): Promise<IncomingMessage> {
  try {
    return await httpGet(url, { headers, signal: watch.signal, env });
  } catch (error) {
    const reason = watch.expired ? 'the server is silent' : reasonOf(error);
    throw new DownloadError('DOWNLOAD_FAILED', url, `no answer (${reason})`, { cause: error });
  }
}

/** What the network says; where a host has several addresses, of the first one that failed. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return reasonOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}

/** Where in the file the body begins; null when all of the file is here already. @throws {DownloadError} for a refusal */
async function startOf(
  response: IncomingMessage,
  url: string,
  have: number,
  part: Part,
  hash: Hash | undefined,
): Promise<number | null> {
  const status = response.statusCode ?? 0;
  if (status === 200) return 0;
  const [, from, total] = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(response.headers['content-range'] ?? '') ?? [];
  if (status === 206 && have > 0 && Number(from) === have) return have;
  // There is nothing after what is here: all of it, or too much.
  if (status === 416 && have > 0 && (Number(total) === have || (total === undefined && hash !== undefined)))
    return null;
  if (status === 206 || (status === 416 && have > 0)) {
    await rm(part.path, { force: true });
    throw new DownloadError(
      'DOWNLOAD_FAILED',
      url,
      `the server has another file than the ${have} bytes that came before`,
    );
  }
  const lasting = status >= 400 && status < 500 && status !== 408 && status !== 429;
  const Kind = lasting ? RefusedError : DownloadError;
  throw new Kind('DOWNLOAD_FAILED', url, `the server answered ${status} ${response.statusMessage ?? ''}`.trimEnd());
}

/** What the server calls this version of the file; only what changes with every byte will do. */
function versionOf({ headers }: IncomingMessage, url: string): Part['version'] {
  const tag = headers.etag?.startsWith('W/') === true ? undefined : headers.etag;
  const value = tag ?? headers['last-modified'];
  return value === undefined ? undefined : { url, value };
}

/** Writes the body behind the first `start` bytes of the part. */
async function receive(
  response: IncomingMessage,
  url: string,
  part: Part,
  start: number,
  watch: Watchdog,
  onProgress: DownloadOptions['onProgress'],
): Promise<void> {
  const length = response.headers['content-length'];
  const total = length === undefined ? undefined : start + Number(length);
  const file = await open(part.path, start > 0 ? 'r+' : 'w');
  let position = start;
  try {
    for await (const piece of body(response, url, watch, () => position)) {
      await writeWhole(file, piece, position);
      position += piece.length;
      part.reached = Math.max(part.reached, position);
      onProgress?.({ received: position, total });
    }
    await file.truncate(position);
    await file.sync();
  } finally {
    await file.close();
  }
  if (total !== undefined && position !== total)
    throw new DownloadError('DOWNLOAD_FAILED', url, `expected ${total} bytes but received ${position}`);
}

/** The pieces of a body; what breaks is a DownloadError. */
async function* body(response: IncomingMessage, url: string, watch: Watchdog, position: () => number) {
  try {
    for await (const piece of response) {
      watch.reset();
      yield piece as Buffer;
    }
  } catch (error) {
    const reason = watch.expired ? 'the server fell silent' : 'the connection broke';
    throw new DownloadError('DOWNLOAD_FAILED', url, `${reason} after ${position()} bytes`, { cause: error });
  }
}

async function writeWhole(file: FileHandle, piece: Buffer, position: number): Promise<void> {
  for (let written = 0; written < piece.length; )
    written += (await file.write(piece, written, piece.length - written, position + written)).bytesWritten;
}

function hashOf({ sha256, md5 }: DownloadOptions): Hash | undefined {
  if (sha256 !== undefined) return { algorithm: 'sha256', digits: sha256.toLowerCase() };
  return md5 === undefined ? undefined : { algorithm: 'md5', digits: md5.toLowerCase() };
}

/** @throws {DownloadError} (`HASH_MISMATCH`) after removing a part that is not the file */
async function requireHash(url: string, part: Part, { algorithm, digits }: Hash): Promise<void> {
  const actual = await digest(part.path, algorithm);
  if (actual?.startsWith(digits) === true) return;
  const hint = (await looksLikePage(part.path)) ? '; it begins like a web page, as of a portal that wants a login' : '';
  await rm(part.path, { force: true });
  const name = algorithm === 'md5' ? 'MD5' : 'SHA-256';
  const text = `expected a file with ${name} ${digits}${digits.length < 32 ? '…' : ''} but received one with ${actual}, which was deleted${hint}`;
  throw new DownloadError('HASH_MISMATCH', url, text);
}

async function looksLikePage(path: string): Promise<boolean> {
  for await (const piece of createReadStream(path, { end: 63, encoding: 'utf8' }))
    return /^\s*<(!doctype|html)/i.test(String(piece));
  return false;
}

/** The hash of a file in hexadecimal digits; undefined where there is none. */
async function digest(path: string, algorithm: Hash['algorithm']): Promise<string | undefined> {
  const hash = createHash(algorithm);
  try {
    for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return hash.digest('hex');
}
