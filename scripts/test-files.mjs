/** @file Lists the test files of the repository; Node 20's own search does not know TypeScript. */

import { existsSync, readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

const SKIPPED = new Set(['node_modules', 'dist', 'build', 'fixtures']);

/**
 * Paths of the test files, relative to the root and sorted; with `words`, those that contain one of them.
 * @param {string} root @param {readonly string[]} [words]
 */
export function findTests(root, words = []) {
  const found = [];
  for (const name of readdirSync(join(root, 'packages'))) {
    found.push(...walk(join(root, 'packages', name, 'src'), '.test.ts'));
    found.push(...walk(join(root, 'packages', name, 'build-tools'), '.test.mjs'));
  }
  found.push(...walk(join(root, 'tests'), '.test.ts'), ...walk(join(root, 'scripts'), '.test.mjs'));
  return found
    .map((path) => relative(root, path).split(sep).join('/'))
    .filter((path) => words.length === 0 || words.some((word) => path.includes(word)))
    .sort();
}

/** @param {string} folder @param {string} ending @returns {string[]} */
function walk(folder, ending) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : walk(path, ending);
    return entry.name.endsWith(ending) ? [path] : [];
  });
}
