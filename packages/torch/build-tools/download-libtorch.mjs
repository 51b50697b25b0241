/** @file Fetches the official libtorch archive into the cache folder, checked against a published SHA-256 before anything is unpacked. */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from './build-lock.mjs';
import { cacheFolder } from './cache-folder.mjs';
import { DownloadError, fetchFile, sha256Of } from './download-file.mjs';
import { inspectLibtorch } from './libtorch-folder.mjs';

/** @typedef {import('./types.d.ts').Libtorch} Libtorch */
/** @typedef {{url: string, sha256: string | undefined}} Archive */

export const DEFAULT_VERSION = '2.5.1';

const SITE = 'https://download.pytorch.org/libtorch/cpu';

/** @type {Record<string, (version: string) => string>} */
const URLS = {
  'linux-x64': (version) => `${SITE}/libtorch-cxx11-abi-shared-with-deps-${version}%2Bcpu.zip`,
  'darwin-arm64': (version) => `${SITE}/libtorch-macos-arm64-${version}.zip`,
};

// PyTorch publishes no checksums of these archives. These are the SHA-256 that other projects have published for them
// and check at every build of theirs: COLMAP in cmake/FindLibTorch.cmake (both), WasmEdge in
// utils/wasi-nn/install-pytorch.sh (Linux). Nixpkgs' hashes are no help: they are of the unpacked tree, not of the zip.
/** @type {Record<string, Record<string, string>>} */
const SHA256 = {
  'linux-x64': { '2.5.1': '618ca54eef82a1dca46ff1993d5807d9c0deb0bae147da4974166a147cb562fa' },
  'darwin-arm64': { '2.5.1': '0822824c1df267159a649ad4701518217c60b8f75de056a26ab43958d8ab1622' },
};

/**
 * The official archive for a platform; `sha256` is undefined where no published one is known.
 * @param {string} version @param {string} [platform] @param {string} [arch]
 * @returns {Archive}
 */
export function officialArchive(version, platform = process.platform, arch = process.arch) {
  if (!/^\d+\.\d+\.\d+$/.test(version)) {
    throw new DownloadError('BAD_VERSION', `expected a version such as ${DEFAULT_VERSION} but received ${version}`);
  }
  const key = `${platform}-${arch}`;
  const url = URLS[key]?.(version);
  if (url === undefined) {
    throw new DownloadError(
      'NO_ARCHIVE',
      `there is no official libtorch archive for ${key} (only for ${Object.keys(URLS).join(', ')}): ` +
        'install PyTorch with pip or conda, or build libtorch, and name its folder with LIBTORCH=…',
    );
  }
  return { url, sha256: SHA256[key]?.[version] };
}

/**
 * Downloads, checks, unpacks; does nothing where the version is already in the cache. An interrupted download goes on
 * where it stopped when called again.
 * @param {{
 *   version?: string, sha256?: string, url?: string,
 *   env?: Readonly<Record<string, string | undefined>>, platform?: string, arch?: string,
 *   log?: (line: string) => void,
 * }} [options] `sha256` must be given where no published one is known; `url` replaces the official address (a mirror)
 * @returns {Promise<Libtorch>}
 * @throws {DownloadError}
 */
export async function downloadLibtorch(options = {}) {
  const { version = DEFAULT_VERSION, env = process.env, platform = process.platform, arch = process.arch } = options;
  const log = options.log ?? (() => {});
  const folder = join(cacheFolder(env), 'libtorch');
  const target = join(folder, version);
  const inspect = (/** @type {string} */ root) =>
    inspectLibtorch({ source: 'cache', include: join(root, 'include'), libDir: join(root, 'lib'), platform, arch });
  if (existsSync(target)) return inspect(target);

  const { url, sha256 } = chooseArchive(version, platform, arch, options);
  mkdirSync(folder, { recursive: true });
  return withLock(
    join(folder, '.lock'),
    async () => {
      if (existsSync(target)) return inspect(target);
      const archive = join(folder, `.${version}-${sha256.slice(0, 12)}.zip.part`);
      await fetchChecked({ url, file: archive, sha256, env, log });
      const aside = mkdtempSync(join(folder, '.unpack-'));
      try {
        unzip(archive, aside);
        inspect(join(aside, 'libtorch'));
        renameSync(join(aside, 'libtorch'), target);
        rmSync(archive, { force: true });
      } finally {
        rmSync(aside, { recursive: true, force: true });
      }
      return inspect(target);
    },
    { onWait: () => log('another process is downloading libtorch; waiting for it') },
  );
}

/**
 * @param {string} version @param {string} platform @param {string} arch @param {{url?: string, sha256?: string}} wish
 * @returns {{url: string, sha256: string}}
 */
function chooseArchive(version, platform, arch, wish) {
  const official = wish.url === undefined ? officialArchive(version, platform, arch) : undefined;
  const sha256 = (wish.sha256 ?? official?.sha256)?.toLowerCase();
  if (sha256 === undefined) {
    throw new DownloadError(
      'NO_CHECKSUM',
      `no published SHA-256 of libtorch ${version} is known: give the one you trust with --sha256, ` +
        `or take version ${DEFAULT_VERSION}`,
    );
  }
  if (!/^[0-9a-f]{64}$/.test(sha256)) {
    throw new DownloadError('BAD_CHECKSUM', `expected 64 hexadecimal digits for the SHA-256 but received ${sha256}`);
  }
  return { url: wish.url ?? official?.url ?? '', sha256 };
}

/**
 * @param {{url: string, file: string, sha256: string, env: Readonly<Record<string, string | undefined>>, log: (line: string) => void}} job
 * @returns {Promise<void>}
 */
async function fetchChecked(job) {
  const { url, file, sha256, env, log } = job;
  const resumed = existsSync(file);
  // A kept part may already be the whole archive (stopped while unpacking).
  if (!resumed || (await sha256Of(file)) !== sha256) {
    await fetchFile({ url, file, env, log });
  }
  const got = await sha256Of(file);
  if (got === sha256) return;
  rmSync(file, { force: true });
  if (resumed) {
    log('the kept part of an earlier download did not fit; starting anew');
    return fetchChecked(job);
  }
  throw new DownloadError(
    'CHECKSUM_MISMATCH',
    `${url} has SHA-256 ${got}, expected ${sha256}: the file was changed on the way or on the server. It has been deleted.`,
  );
}

/** @param {string} archive @param {string} folder */
function unzip(archive, folder) {
  const done = spawnSync('unzip', ['-q', '-o', archive, '-d', folder], { encoding: 'utf8' });
  if (done.error)
    throw new DownloadError('NO_UNZIP', 'cannot run unzip: install it (Debian, Ubuntu: apt-get install unzip)');
  if (done.status !== 0) throw new DownloadError('UNPACK_FAILED', `unzip ${archive}: ${done.stderr.trim()}`);
}
