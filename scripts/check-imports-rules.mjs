/** @file The rules of who may import whom, applied to one repository; problems are returned as data and printed elsewhere. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, relative, sep } from 'node:path';
import { scanImports } from './check-imports-scan.mjs';

/** Folder under packages/ to the folders it may import. `docs/architecture.md` shows the same as a picture. */
const MAY_IMPORT = new Map([
  ['torch', []],
  ['vision', ['torch']],
  ['onnx', ['torch']],
  ['modelopt', ['torch', 'vision']],
  ['xvision', ['torch', 'vision']],
  ['edgeai', ['torch', 'vision', 'onnx', 'modelopt', 'xvision']],
]);

/**
 * @typedef {{name: string, folder: string, path: string, declared: Set<string>}} Package `name` as in package.json
 * @typedef {{file: string, line: number, message: string}} Problem `file` is relative to the root
 */

/** Every breach of the rules in packages/. @param {string} root @returns {Problem[]} */
export function checkImports(root) {
  const packages = readPackages(root);
  return packages.flatMap((own) => {
    const files = sourceFiles(join(own.path, 'src'));
    return [
      ...checkManifest(root, own, packages),
      ...checkFiles(root, own, packages, files),
      ...checkCycles(root, files),
    ];
  });
}

/** @param {string} root @returns {Package[]} */
function readPackages(root) {
  return readdirSync(join(root, 'packages'))
    .filter((folder) => existsSync(join(root, 'packages', folder, 'package.json')))
    .map((folder) => {
      const path = join(root, 'packages', folder);
      const manifest = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'));
      const declared = new Set(Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }));
      return { name: manifest.name, folder, path, declared };
    });
}

/** @param {string} root @param {Package} own @param {Package[]} packages @returns {Problem[]} */
function checkManifest(root, own, packages) {
  const file = fromRoot(root, join(own.path, 'package.json'));
  if (!MAY_IMPORT.has(own.folder)) {
    return [
      {
        file,
        line: 1,
        message: `packages/${own.folder} has no rule: say in scripts/check-imports-rules.mjs whom it may import`,
      },
    ];
  }
  return packages
    .filter((other) => own.declared.has(other.name) && !allowed(own, other))
    .map((other) => ({ file, line: 1, message: `${own.folder} must not depend on ${other.folder} (${whom(own)})` }));
}

/** @param {string} root @param {Package} own @param {Package[]} packages @param {string[]} files @returns {Problem[]} */
function checkFiles(root, own, packages, files) {
  // Tests may use whatever they like: they are not part of what is published.
  return files
    .filter((file) => !file.endsWith('.test.ts'))
    .flatMap((file) =>
      scanImports(readFileSync(file, 'utf8')).flatMap(({ specifier, line }) => {
        const message = checkOne(own, packages, file, specifier);
        return message === undefined ? [] : [{ file: fromRoot(root, file), line, message }];
      }),
    );
}

/** What is wrong with one import. @param {Package} own @param {Package[]} packages @param {string} file @param {string} specifier */
function checkOne(own, packages, file, specifier) {
  if (specifier.startsWith('.')) {
    const target = relative(own.path, join(dirname(file), specifier));
    return target.startsWith('..')
      ? `'${specifier}' leaves the package: import the other package by its name`
      : undefined;
  }
  if (specifier.startsWith('node:')) return undefined;
  if (isBuiltin(specifier)) return `'${specifier}' is a module of Node: write 'node:${specifier}'`;
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
  if (name === own.name) return `'${specifier}' is this package itself: import the file by a relative path`;
  const other = packages.find((candidate) => candidate.name === name);
  if (other !== undefined && !allowed(own, other))
    return `${own.folder} must not import ${other.folder} (${whom(own)})`;
  if (!own.declared.has(name)) return `'${name}' is not among the dependencies in packages/${own.folder}/package.json`;
  return undefined;
}

/** @param {Package} own @param {Package} other */
function allowed(own, other) {
  return MAY_IMPORT.get(own.folder)?.includes(other.folder) ?? false;
}

/** @param {Package} own */
function whom(own) {
  const list = MAY_IMPORT.get(own.folder) ?? [];
  return list.length === 0 ? 'it may import no other package' : `it may import ${list.join(', ')}`;
}

/**
 * Files that import each other in a circle while they load, one problem a circle.
 * @param {string} root @param {string[]} files @returns {Problem[]}
 */
function checkCycles(root, files) {
  const known = new Set(files);
  /** @type {Map<string, {to: string, line: number}[]>} */
  const edges = new Map();
  for (const file of files) {
    const targets = scanImports(readFileSync(file, 'utf8'))
      .filter(({ specifier, kind }) => kind === 'value' && specifier.startsWith('.'))
      .map(({ specifier, line }) => ({ to: join(dirname(file), specifier), line }));
    edges.set(
      file,
      targets.filter(({ to }) => known.has(to)),
    );
  }
  /** @type {Problem[]} */
  const problems = [];
  /** @type {Set<string>} */
  const finished = new Set();
  /** @type {string[]} */
  const trail = [];
  for (const file of files) visit(file);
  return problems;

  /** @param {string} file */
  function visit(file) {
    if (finished.has(file)) return;
    trail.push(file);
    for (const { to, line } of edges.get(file) ?? []) {
      const start = trail.indexOf(to);
      if (start >= 0) {
        const circle = [...trail.slice(start), to].map((path) => fromRoot(root, path));
        problems.push({ file: fromRoot(root, file), line, message: `import cycle: ${circle.join(' → ')}` });
      } else visit(to);
    }
    trail.pop();
    finished.add(file);
  }
}

/** @param {string} folder @returns {string[]} */
function sourceFiles(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return sourceFiles(path);
      return /\.[cm]?tsx?$/.test(entry.name) && !entry.name.endsWith('.d.ts') ? [path] : [];
    })
    .sort();
}

/** @param {string} root @param {string} path */
function fromRoot(root, path) {
  return relative(root, path).split(sep).join('/');
}
