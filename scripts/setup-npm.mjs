/** @file Tells whether node_modules holds what package-lock.json asks for, without starting npm. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** @typedef {{version?: string, link?: boolean, optional?: boolean, devOptional?: boolean}} Entry */

/**
 * The first difference between package-lock.json and what npm recorded when it last installed; undefined where they
 * agree. Contents are compared, since git and npm both touch the files' dates without changing anything.
 * @param {string} root folder of package-lock.json
 */
export function outdatedPackage(root) {
  const installedFile = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installedFile)) return 'node_modules is missing';
  const wanted = readPackages(join(root, 'package-lock.json'));
  const installed = readPackages(installedFile);
  for (const [path, entry] of Object.entries(wanted)) {
    // Packages of other platforms are in the lock file only; workspaces are in node_modules as links.
    if (!path.includes('node_modules/') || entry.optional || entry.devOptional) continue;
    const there = installed[path];
    if (there === undefined || !existsSync(join(root, path))) return `${nameOf(path)} is not installed`;
    if (there.version !== entry.version)
      return `${nameOf(path)} is ${there.version}, package-lock.json has ${entry.version}`;
  }
  return undefined;
}

/** @param {string} file @returns {Record<string, Entry>} */
function readPackages(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages ?? {};
}

/** @param {string} path */
function nameOf(path) {
  return path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
}
