/** @file The promises of the import check: each rule is broken once in a small made-up repository and must be reported. */

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { checkImports } from './check-imports-rules.mjs';
import { scanImports } from './check-imports-scan.mjs';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'check-imports-'));
  manifest('torch', '@edgeai/torch', ['fflate']);
  manifest('vision', '@edgeai/vision', ['@edgeai/torch']);
  manifest('onnx', '@edgeai/onnx', ['@edgeai/torch']);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** @param {string} path @param {string} content */
function file(path, content) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}
/** @param {string} folder @param {string} name @param {string[]} dependencies */
function manifest(folder, name, dependencies) {
  const entries = dependencies.map((dependency) => [dependency, '*']);
  file(`packages/${folder}/package.json`, JSON.stringify({ name, dependencies: Object.fromEntries(entries) }));
}
const problems = () => checkImports(root).map(({ file: path, line, message }) => `${path}:${line}: ${message}`);

test('what the rules allow is silent', () => {
  file(
    'packages/torch/src/a.ts',
    "import { b } from './b.ts';\nimport { readFileSync } from 'node:fs';\nimport { zip } from 'fflate';",
  );
  file('packages/torch/src/b.ts', 'export const b = 1;');
  file(
    'packages/vision/src/a.ts',
    "import { Tensor } from '@edgeai/torch';\nexport type { X } from '@edgeai/torch/doctor';",
  );
  assert.deepEqual(problems(), []);
});

test('an import against the arrows is reported, whatever its form', () => {
  file('packages/onnx/src/a.ts', "\nimport { x } from '@edgeai/vision';");
  file('packages/torch/src/a.ts', "const x = await import('@edgeai/vision');");
  file('packages/torch/src/b.ts', "import type { X } from '@edgeai/onnx';");
  assert.deepEqual(problems(), [
    'packages/onnx/src/a.ts:2: onnx must not import vision (it may import torch)',
    'packages/torch/src/a.ts:1: torch must not import vision (it may import no other package)',
    'packages/torch/src/b.ts:1: torch must not import onnx (it may import no other package)',
  ]);
});

test('the dependencies in package.json follow the same rules, and a new package needs one', () => {
  manifest('torch', '@edgeai/torch', ['@edgeai/vision']);
  manifest('extra', '@edgeai/extra', []);
  const found = problems();
  assert.equal(found.length, 2);
  assert.match(found[0] ?? '', /packages\/extra has no rule/);
  assert.match(found[1] ?? '', /packages\/torch\/package\.json:1: torch must not depend on vision/);
});

test('undeclared packages, bare builtins, own name and paths out of the package are reported', () => {
  file(
    'packages/vision/src/deep/a.ts',
    [
      "import sharp from 'sharp';",
      "import fs from 'fs';",
      "import { y } from '@edgeai/vision';",
      "import { z } from '../../../torch/src/z.ts';",
      "import tool from '../../build-tools/tool.mjs';",
    ].join('\n'),
  );
  const found = problems();
  assert.equal(found.length, 4);
  assert.match(found[0] ?? '', /:1: 'sharp' is not among the dependencies in packages\/vision/);
  assert.match(found[1] ?? '', /:2: 'fs' is a module of Node: write 'node:fs'/);
  assert.match(found[2] ?? '', /:3: .*this package itself/);
  assert.match(found[3] ?? '', /:4: .*leaves the package/);
});

test('tests may import anything', () => {
  file('packages/torch/src/a.test.ts', "import fc from 'fast-check';\nimport { x } from '@edgeai/vision';");
  assert.deepEqual(problems(), []);
});

test('a cycle is reported once with its path; type-only and dynamic imports make none', () => {
  file('packages/torch/src/a.ts', "import './b.ts';");
  file('packages/torch/src/b.ts', "export { c } from './sub/c.ts';");
  file('packages/torch/src/sub/c.ts', "import { type A } from '../a.ts';\nexport const c = 1;");
  file('packages/vision/src/a.ts', "import { b } from './b.ts';");
  file('packages/vision/src/b.ts', "import type { A } from './a.ts';\nconst a = () => import('./a.ts');");
  const torch = ['a.ts', 'b.ts', 'sub/c.ts', 'a.ts'].map((name) => `packages/torch/src/${name}`).join(' → ');
  assert.deepEqual(problems(), [`packages/torch/src/sub/c.ts:1: import cycle: ${torch}`]);
});

test('the scanner sees every form of import and nothing in text', () => {
  const source = [
    "import a, { type B, c as d } from 'one';",
    "import * as e from 'two';",
    "import 'three';",
    "export * from 'four';",
    "export type { F } from 'five';",
    "import type from 'six';",
    "type G = import('seven').G;",
    "const h = require('eight');",
    "import {\n  i,\n} from\n  'nine';",
    "// import 'no1'",
    "/* import 'no2' */ const j = \"import 'no3'\";",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the scanner's input
    "const k = `import 'no4' ${`${{ a: 1 }.a}`} import 'no5'`;",
    "const l = /import 'no6'[/'\"`]/.test(x) ? 4 / 2 / 1 : 0;",
    "export const from = 'no7';",
    "export default 'no8';",
    "object.import('no9'); this.#require('no10');",
    "import 'ten';",
  ].join('\n');
  assert.deepEqual(
    scanImports(source).map(({ specifier, kind, line }) => [specifier, kind, line]),
    [
      ['one', 'value', 1],
      ['two', 'value', 2],
      ['three', 'value', 3],
      ['four', 'value', 4],
      ['five', 'type', 5],
      ['six', 'value', 6],
      ['seven', 'dynamic', 7],
      ['eight', 'value', 8],
      ['nine', 'value', 12],
      ['ten', 'value', 20],
    ],
  );
});

test('this repository keeps its own rules', () => {
  assert.deepEqual(checkImports(fileURLToPath(new URL('..', import.meta.url))), []);
});
