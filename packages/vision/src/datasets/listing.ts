/** @file Lists the files below a folder in the order of Python's sorted strings, which decides the order of samples. */

import { readdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Orders strings by code points, as Python does; `<` orders by UTF-16 units, which differs beyond the basic plane. */
export function compareStrings(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Moves surrogates, the halves of code points from 0x10000 on, behind all other units. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** `~` at the beginning stands for the home folder. */
export function expandHome(path: string): string {
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path;
}

/** Whether there is a folder at `path`; links are followed. */
export function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Names of the folders in a folder, sorted; links to folders count. */
export function subfolders(path: string): string[] {
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() || (entry.isSymbolicLink() && isFolder(join(path, entry.name))))
    .map((entry) => entry.name)
    .sort(compareStrings);
}

/** Paths of all files below `folder`, also through links: folder by folder, each in order. A link that leads to a folder above it is not followed. */
export function filesBelow(folder: string): string[] {
  const found: [folder: string, names: string[]][] = [];
  visit(folder, [], found);
  found.sort(([a], [b]) => compareStrings(a, b));
  return found.flatMap(([where, names]) => names.sort(compareStrings).map((name) => join(where, name)));
}

function visit(folder: string, above: readonly string[], found: [string, string[]][]): void {
  const { dev, ino } = statSync(folder);
  const identity = `${dev}:${ino}`;
  if (above.includes(identity)) return;
  const files: string[] = [];
  const inside = [...above, identity];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() || (entry.isSymbolicLink() && isFolder(path))) visit(path, inside, found);
    else files.push(entry.name);
  }
  found.push([folder, files]);
}
