/** @file A lock file that keeps two processes from writing one run; locks of processes that no longer live are taken over. */

import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';

import { FailureError, systemErrorCode } from '../errors.ts';

/** What the lock file says about its owner. */
interface LockOwner {
  pid: number;
  host: string;
  /** When the process began, in the kernel's units: tells a living owner from a stranger who was given its number. */
  born: string | null;
  since: string;
}

/** A held lock; `release()` gives it up. */
export interface Lock {
  release(): void;
}

/**
 * Takes the lock at `path`. Throws a FailureError `RUN_IN_USE` naming the owner where a living process holds it, or one on
 * another machine, which cannot be asked. `subject` is what the lock protects, for that message.
 */
export function takeLock(path: string, subject: string): Lock {
  const content = `${JSON.stringify(thisProcess())}\n`;
  const mine = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  for (let attempt = 0; attempt < 10; attempt++) {
    if (create(path, mine, content)) return { release: () => release(path, content) };
    const found = readIfThere(path);
    if (found === undefined) continue;
    const owner = parseOwner(found);
    if (owner !== undefined && mayLive(owner)) throw inUse(path, subject, owner);
    removeStale(path, mine, found);
  }
  throw new FailureError('RUN_IN_USE', `${subject}: several processes are fighting over the lock file ${path}`);
}

function thisProcess(): LockOwner {
  return { pid: process.pid, host: hostname(), born: birthOf(process.pid), since: new Date().toISOString() };
}

/** Linking a finished file into place means that nobody ever sees a half-written lock. */
function create(path: string, mine: string, content: string): boolean {
  writeFileSync(mine, content);
  try {
    linkSync(mine, path);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return false;
    // File systems without hard links (FAT, some network shares).
    try {
      writeFileSync(path, content, { flag: 'wx' });
      return true;
    } catch (second) {
      if (systemErrorCode(second) === 'EEXIST') return false;
      throw second;
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

/**
 * Takes a stale lock away. Between our look and our rename somebody else may have taken it over: what the rename caught is
 * compared with what was seen, and put back where it is another's.
 */
function removeStale(path: string, mine: string, seen: string): void {
  const aside = `${mine}.stale`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return;
    throw error;
  }
  try {
    if (readFileSync(aside, 'utf8') !== seen) linkSync(aside, path);
  } finally {
    rmSync(aside, { force: true });
  }
}

function release(path: string, content: string): void {
  if (readIfThere(path) === content) rmSync(path, { force: true });
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function parseOwner(text: string): LockOwner | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || !('pid' in value) || !('host' in value)) return undefined;
  const { pid, host } = value;
  if (typeof pid !== 'number' || !Number.isInteger(pid) || pid <= 0 || typeof host !== 'string') return undefined;
  const born = 'born' in value && typeof value.born === 'string' ? value.born : null;
  const since = 'since' in value && typeof value.since === 'string' ? value.since : 'an unknown time';
  return { pid, host, born, since };
}

function mayLive(owner: LockOwner): boolean {
  if (owner.host !== hostname()) return true;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    // EPERM: there is such a process, of another user.
    if (systemErrorCode(error) !== 'EPERM') return false;
  }
  const born = birthOf(owner.pid);
  return owner.born === null || born === null || owner.born === born;
}

/** Linux tells when a process began (field 22 of its stat file, counted after the name in parentheses). */
function birthOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

function inUse(path: string, subject: string, owner: LockOwner): FailureError {
  const here = owner.host === hostname();
  const where = here ? `process ${owner.pid}` : `process ${owner.pid} on ${owner.host}`;
  const cure = here
    ? 'wait for it, stop it, or choose another output folder'
    : `choose another output folder or, if that process no longer runs, delete ${path}`;
  return new FailureError('RUN_IN_USE', `${subject} is being written by ${where} since ${owner.since}; ${cure}`);
}
