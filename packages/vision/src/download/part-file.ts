/**
 * @file Files that are being downloaded: several processes may fetch the same one at once, each into a part of its own, and a
 * part that an earlier process left behind is taken over by exactly one.
 */

import { randomBytes } from 'node:crypto';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';

/** A part that nothing has been written to for so long belongs to nobody, even when its process seems to live. */
const ABANDONED_MS = 600_000;

/** `<path>.part` is a part that is free; `<path>.<host>-<process>-<random>.part` is one that is being written. */
function ownName(path: string): string {
  return `${path}.${hostLabel()}-${process.pid}-${randomBytes(4).toString('hex')}.part`;
}

function hostLabel(): string {
  return hostname().replaceAll(/[^A-Za-z0-9]/g, '') || 'host';
}

/** Name of a file for this process alone: what was left of an earlier download under a new name, or one that is not there yet. */
export async function claimPart(path: string): Promise<string> {
  const own = ownName(path);
  for (const left of [`${path}.part`, ...(await abandonedParts(path))]) {
    // Only one process can rename a file away.
    if (await renamed(left, own)) break;
  }
  return own;
}

/** Leaves a part for the next attempt, or removes it. */
export async function releasePart(path: string, part: string, keep: boolean): Promise<void> {
  if (!keep || !(await renamed(part, `${path}.part`))) await rm(part, { force: true });
}

async function abandonedParts(path: string): Promise<string[]> {
  const prefix = `${basename(path)}.`;
  const found: string[] = [];
  for (const name of await readdir(dirname(path)).catch(() => [])) {
    if (!name.startsWith(prefix)) continue;
    const [, host, pid] = /^([A-Za-z0-9]+)-(\d+)-[0-9a-f]{8}\.part$/.exec(name.slice(prefix.length)) ?? [];
    if (pid === undefined) continue;
    const candidate = join(dirname(path), name);
    const written = (await stat(candidate).catch(() => undefined))?.mtimeMs ?? Number.POSITIVE_INFINITY;
    const dead = host === hostLabel() && !isAlive(Number(pid));
    if (dead || Date.now() - written > ABANDONED_MS) found.push(candidate);
  }
  return found;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Not ours, but there.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function renamed(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
