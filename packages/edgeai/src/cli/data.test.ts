/** @file `edgeai data`: what commands print, write and return. */

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { after, before, test } from 'node:test';
import { full } from '@edgeai/torch';
import { io } from '@edgeai/vision';

import type { CommandContext } from './context.ts';
import { dataCommand } from './data.ts';
import { plain } from './style.ts';

const root = mkdtempSync(join(tmpdir(), 'edgeai-data-'));
const photos = join(root, 'photos');
after(() => rmSync(root, { recursive: true, force: true }));

before(async () => {
  for (const [name, value] of [
    ['cat/a', 0],
    ['cat/b', 51],
    ['dog/c', 255],
  ] as const) {
    mkdirSync(join(photos, name.slice(0, 3)), { recursive: true });
    using image = full([3, 8, 10], value, { dtype: 'uint8' });
    await io.writePng(image, join(photos, `${name}.png`));
  }
});

/** Runs a command and returns what it printed and its exit code. */
async function run(...args: string[]): Promise<{ text: string; code: number }> {
  let text = '';
  const stdout = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk);
      done();
    },
  }) as unknown as NodeJS.WriteStream;
  const stderr = new Writable({ write: (_chunk, _encoding, done) => done() }) as unknown as NodeJS.WriteStream;
  const context: CommandContext = { stdout, stderr, style: plain, exitCode: 0 };
  await dataCommand(context).exitOverride().parseAsync(args, { from: 'user' });
  return { text, code: context.exitCode };
}

test('stats counts classes and measures colours', async () => {
  const { text, code } = await run('stats', photos);
  assert.equal(code, 0);
  assert.match(text, /pictures in one folder a class \(ImageFolder\); all 3; 2 classes/);
  assert.match(text, /all +3 +3 +0 +1 +10×8 \(3\) +0\.400 0\.400 0\.400/);
  assert.match(text, /cat +2 +█+\ndog +1 +█+/);
  const { splits, kind } = JSON.parse((await run('stats', photos, '--json', '--limit', '2')).text);
  assert.deepEqual([kind, splits[0].read, splits[0].samples], ['image-folder', 2, 3]);
});

test('show writes a sheet', async () => {
  const output = join(root, 'sheet.png');
  const { text } = await run('show', photos, '-o', output, '--cell', '64', '--columns', '2', '--seed', '1');
  assert.match(text, /3 pictures of all are in .*sheet\.png/);
  using sheet = await io.readImage(output);
  assert.deepEqual(sheet.shape, [3, 140, 140]);
  const { indices } = JSON.parse((await run('show', photos, '-o', output, '--count', '2', '--json')).text);
  assert.deepEqual(indices, [0, 1]);
});

test('check returns 1 where something is wrong, and names it', async () => {
  assert.deepEqual((await run('check', photos)).code, 0);
  writeFileSync(join(photos, 'dog', 'd.jpg'), '');
  const { text, code } = await run('check', photos);
  assert.equal(code, 1);
  assert.match(text, /empty files +why\n─+ +─+\ndog\/d\.jpg +the file is empty \(0 bytes\)/);
  const { findings, checked } = JSON.parse((await run('check', photos, '--json')).text);
  assert.deepEqual([checked, findings.length, findings[0].kind], [4, 1, 'empty']);
});

test('wrong usage is told apart', async () => {
  await assert.rejects(run('stats', photos, '--split', 'val'), /there is no part 'val' in .*, only all/);
  await assert.rejects(run('stats', photos, '--limit', '0'), /--limit takes a whole number above 0/);
  await assert.rejects(run('check', join(root, 'none')), /there is no .*none/);
  assert.equal(existsSync('contact-sheet.png'), false);
});

test('class-weights tells how frequent classes are, and which are not there', async () => {
  const { text } = await run('class-weights', '--dataset', 'scenes', '--limit', '2', '--json');
  const { method, classes } = JSON.parse(text) as {
    method: string;
    classes: { name: string; share: number; weight: number | null }[];
  };
  assert.equal(method, 'median-frequency');
  assert.equal(classes[0]?.name, 'road');
  assert.ok(Math.abs(classes.reduce((sum, { share }) => sum + share, 0) - 1) < 1e-9);
  const table = (await run('class-weights', '--dataset', 'scenes', '--limit', '2', '--method', 'enet')).text;
  assert.match(table, /no pixel of train is of: .*train/);
});
