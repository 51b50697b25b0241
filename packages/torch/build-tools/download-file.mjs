/** @file Fetches one URL into a file, going on where an earlier attempt stopped: with curl where there is one, else with Node. */

import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, statSync } from 'node:fs';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

const REPORT_EVERY_MS = 5000;
const MB = 1e6;

/** A download did not succeed; `code` is stable. */
export class DownloadError extends Error {
  /** @param {string} code @param {string} message @param {ErrorOptions} [options] */
  constructor(code, message, options) {
    super(message, options);
    this.name = 'DownloadError';
    this.code = code;
  }
}

/**
 * Appends to `file` what it lacks of `url`. What was received stays there when the connection breaks. curl comes first
 * because it honours the proxy variables, which Node's fetch does not.
 * @param {{url: string, file: string, env?: Readonly<Record<string, string | undefined>>, log?: (line: string) => void, useCurl?: boolean}} job
 * @throws {DownloadError}
 */
export async function fetchFile({ url, file, env = process.env, log = () => {}, useCurl = hasCurl(env) }) {
  log(`downloading ${url}`);
  const timer = setInterval(() => log(`  ${Math.round(sizeOf(file) / MB)} MB so far`), REPORT_EVERY_MS);
  try {
    await (useCurl ? fetchWithCurl(url, file, env) : fetchWithNode(url, file));
  } finally {
    clearInterval(timer);
  }
}

/** @param {string} path */
export async function sha256Of(path) {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** @param {Readonly<Record<string, string | undefined>>} env */
function hasCurl(env) {
  return spawnSync('curl', ['--version'], { stdio: 'ignore', env }).status === 0;
}

/** @param {string} url @param {string} file @param {Readonly<Record<string, string | undefined>>} env */
async function fetchWithCurl(url, file, env) {
  const args = ['--fail', '--location', '--silent', '--show-error', '--continue-at', '-', '--output', file, url];
  const { code, message } = await new Promise((resolve, reject) => {
    const child = spawn('curl', args, { stdio: ['ignore', 'ignore', 'pipe'], env });
    let text = '';
    child.stderr.setEncoding('utf8').on('data', (/** @type {string} */ chunk) => {
      text += chunk;
    });
    child.on('error', reject);
    child.on('close', (status) => resolve({ code: status, message: text.trim() }));
  });
  // 22 with 416 and 33 (no ranges): the part kept is of no use, or already whole; the caller's checksum decides.
  if (code === 0 || code === 33 || (code === 22 && / 416/.test(message))) return;
  throw failed(url, file, message.replace(/^curl: \(\d+\) /, ''), code === 18);
}

/** @param {string} url @param {string} file */
async function fetchWithNode(url, file) {
  const have = sizeOf(file);
  let response;
  try {
    response = await fetch(url, have > 0 ? { headers: { range: `bytes=${have}-` } } : {});
  } catch (error) {
    throw failed(url, file, String(error instanceof Error ? (error.cause ?? error) : error), false);
  }
  if (response.status === 416) return;
  if (!response.ok || response.body === null) throw failed(url, file, `the server answered ${response.status}`, false);
  const expected = Number(response.headers.get('content-length') ?? Number.NaN);
  let received = 0;
  const count = new Transform({
    transform(chunk, _encoding, done) {
      received += chunk.length;
      done(null, chunk);
    },
  });
  // A server that ignores the range sends everything again.
  const target = createWriteStream(file, { flags: response.status === 206 ? 'a' : 'w' });
  try {
    await pipeline(Readable.fromWeb(response.body), count, target);
  } catch (error) {
    throw failed(url, file, String(error), true);
  }
  if (Number.isFinite(expected) && received < expected) {
    throw failed(url, file, `${received} of ${expected} bytes came`, true);
  }
}

/** @param {string} url @param {string} file @param {string} why @param {boolean} truncated */
function failed(url, file, why, truncated) {
  const next = sizeOf(file) > 0 ? ' Run again: it goes on where it stopped.' : '';
  return new DownloadError(truncated ? 'TRUNCATED' : 'DOWNLOAD_FAILED', `could not download ${url}: ${why}.${next}`);
}

/** @param {string} path */
function sizeOf(path) {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
