/** @file A lock file that lets one process at a time build into a folder; a lock whose owner died is taken over. */

import { closeSync, linkSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

// On another host (a shared home) the owner cannot be asked whether it lives, so its lock counts only this long.
const FOREIGN_LOCK_MS = 30 * 60_000;

/**
 * Runs `work` while holding the lock at `path`, after whoever holds it now.
 * @template T
 * @param {string} path @param {() => Promise<T>} work @param {{onWait?: () => void, pollMs?: number}} [options]
 * @returns {Promise<T>}
 */
export async function withLock(path, work, { onWait, pollMs = 200 } = {}) {
  const mine = `${process.pid} ${hostname()}`;
  let waited = false;
  while (!tryCreate(path, mine)) {
    const content = readOwner(path);
    if (content !== undefined && isAbandoned(path, content)) {
      takeAway(path, content);
      continue;
    }
    if (!waited) onWait?.();
    waited = true;
    await sleep(pollMs);
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

/** @param {string} path @param {string} content */
function tryCreate(path, content) {
  // Written aside and linked into place, so that nobody ever reads a lock without an owner.
  const aside = `${path}.${process.pid}`;
  const file = openSync(aside, 'w');
  try {
    writeSync(file, content);
  } finally {
    closeSync(file);
  }
  try {
    linkSync(aside, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

/** @param {string} path */
function readOwner(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** @param {string} path @param {string} content */
function isAbandoned(path, content) {
  const [pid = '', host = ''] = content.split(' ');
  if (host !== hostname()) {
    return Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > FOREIGN_LOCK_MS;
  }
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return codeOf(error) !== 'EPERM';
  }
}

/** Two waiters may see the same dead owner; whoever catches a newer lock by mistake puts it back. @param {string} path @param {string} seen */
function takeAway(path, seen) {
  const aside = `${path}.dead.${process.pid}`;
  try {
    renameSync(path, aside);
    if (readOwner(aside) !== seen) linkSync(aside, path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'EEXIST') throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

/** @param {unknown} error */
function codeOf(error) {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
