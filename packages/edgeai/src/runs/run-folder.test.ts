/** @file Run folders: who may write them and when, locks of living and dead processes, and writes that cannot be half done. */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { FileWriteError, writeFileAtomic } from '@edgeai/torch/files';

import { FailureError, UsageError } from '../errors.ts';
import { RunFolder } from './run-folder.ts';

let base = '';
let folder = '';
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'edgeai-run-'));
  folder = join(base, 'runs', 'first');
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

const lockOf = (owner: object): string => `${JSON.stringify(owner)}\n`;

function failsWith(code: string, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof FailureError || error instanceof FileWriteError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  };
}

test('a new folder is made, files are written and read back, nothing else is left', () => {
  const run = RunFolder.open(folder);
  run.writeJson('result.json', { acc1: 88.5 });
  run.writeYaml('recipe.yaml', { task: 'classification', lr: 0.1 });
  run.writeText('note.txt', 'hello\n');
  run.replace('checkpoint.pth', (temporary) => writeFileSync(temporary, 'weights'));
  run.close();
  run.close();
  assert.deepEqual(JSON.parse(readFileSync(run.resultPath, 'utf8')), { acc1: 88.5 });
  assert.equal(readFileSync(run.recipePath, 'utf8'), 'task: classification\nlr: 0.1\n');
  assert.equal(readFileSync(run.checkpointPath, 'utf8'), 'weights');
  assert.deepEqual(readdirSync(folder).sort(), ['checkpoint.pth', 'note.txt', 'recipe.yaml', 'result.json']);
});

test('two runs are not mixed', () => {
  RunFolder.open(folder).close();
  RunFolder.open(folder).close();
  writeFileSync(join(folder, 'metrics.jsonl'), '');
  writeFileSync(join(folder, 'events.out.tfevents.1.h.1.0'), '');
  writeFileSync(join(folder, 'mine.txt'), '');
  assert.throws(
    () => RunFolder.open(folder),
    (error) =>
      error instanceof UsageError &&
      /first already holds a run \(metrics\.jsonl\); replace it with --overwrite/.test(error.message),
  );
  writeFileSync(join(folder, 'checkpoint.pth'), '');
  assert.throws(() => RunFolder.open(folder), /continue it with --resume \S+checkpoint\.pth, replace/);
  RunFolder.open(folder, 'resume').close();
  RunFolder.open(folder, 'add').close();
  assert.ok(existsSync(join(folder, 'metrics.jsonl')));
  RunFolder.open(folder, 'overwrite').close();
  assert.deepEqual(readdirSync(folder), ['mine.txt'], 'only files of a run are removed');
});

test('a second writer is refused while the first lives', async () => {
  const run = RunFolder.open(folder);
  assert.throws(
    () => RunFolder.open(folder, 'resume'),
    failsWith('RUN_IN_USE', new RegExp(`process ${process.pid} since`)),
  );
  assert.ok(existsSync(join(folder, '.lock')), 'the refused one leaves the lock');
  run.close();
  assert.ok(!existsSync(join(folder, '.lock')));

  const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  try {
    writeFileSync(join(folder, '.lock'), lockOf({ pid: other.pid, host: hostname(), born: null, since: 'noon' }));
    assert.throws(() => RunFolder.open(folder), failsWith('RUN_IN_USE', /since noon/));
  } finally {
    other.kill('SIGKILL');
    await once(other, 'exit');
  }
  RunFolder.open(folder).close();
});

test('locks of dead processes, of recycled numbers and broken ones are taken over', () => {
  mkdirSync(folder, { recursive: true });
  const lock = join(folder, '.lock');
  const dead = spawnSync(process.execPath, ['-e', '']).pid;
  const stale = [
    lockOf({ pid: dead, host: hostname(), born: null, since: 'noon' }),
    '',
    '{"pid":',
    lockOf({ pid: -1, host: 'x' }),
  ];
  if (process.platform === 'linux')
    stale.push(lockOf({ pid: process.pid, host: hostname(), born: '1', since: 'noon' }));
  for (const text of stale) {
    writeFileSync(lock, text);
    const run = RunFolder.open(folder);
    assert.match(readFileSync(lock, 'utf8'), new RegExp(`"pid":${process.pid},`));
    run.close();
  }
  assert.deepEqual(readdirSync(folder), []);
});

test('a lock from another machine is respected, and the message says which file to delete', () => {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, '.lock'), lockOf({ pid: 1, host: 'elsewhere', born: null, since: 'noon' }));
  assert.throws(() => RunFolder.open(folder), failsWith('RUN_IN_USE', /process 1 on elsewhere .* delete .*\.lock$/));
});

test('of many processes that find a stale lock, one gets it', async () => {
  mkdirSync(folder, { recursive: true });
  const dead = spawnSync(process.execPath, ['-e', '']).pid;
  writeFileSync(join(folder, '.lock'), lockOf({ pid: dead, host: hostname(), born: null, since: 'noon' }));
  const module = new URL('./run-folder.ts', import.meta.url).href;
  const script = `
    import { RunFolder } from ${JSON.stringify(module)};
    process.stdout.write('ready');
    process.stdin.once('data', () => {
      try { RunFolder.open(${JSON.stringify(folder)}); console.log('won'); } catch (error) { console.log(error.code); }
      process.stdin.once('data', () => process.exit());
    });`;
  const children = Array.from({ length: 3 }, () =>
    spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    }),
  );
  await Promise.all(children.map((child) => once(child.stdout, 'data')));
  const answers = children.map((child) => once(child.stdout, 'data'));
  for (const child of children) child.stdin.write('go');
  const results = (await Promise.all(answers)).map(([data]) => String(data).trim()).sort();
  for (const child of children) child.stdin.write('end');
  await Promise.all(children.map((child) => once(child, 'close')));
  assert.deepEqual(results, ['RUN_IN_USE', 'RUN_IN_USE', 'won']);
});

test('a file in the way is named', () => {
  writeFileSync(join(base, 'runs'), '');
  assert.throws(
    () => RunFolder.open(folder),
    failsWith('OUTPUT_FOLDER', /first as the output folder: .*runs is a file, not a folder/),
  );
  assert.throws(() => RunFolder.open(join(base, 'runs')), failsWith('OUTPUT_FOLDER', /runs is a file, not a folder/));
});

test('a folder without permission is refused with the reason', { skip: process.getuid?.() === 0 }, () => {
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o500);
  try {
    assert.throws(
      () => RunFolder.open(folder),
      failsWith('OUTPUT_FOLDER', /cannot be written: permission denied \(EACCES\)/),
    );
    assert.throws(() => RunFolder.open(join(folder, 'sub')), failsWith('OUTPUT_FOLDER', /permission denied/));
  } finally {
    chmodSync(folder, 0o700);
  }
});

test('where nobody may write, not even root', { skip: !existsSync('/proc/self') }, () => {
  assert.throws(() => RunFolder.open('/proc/self/run'), failsWith('OUTPUT_FOLDER', /\/proc\/self\/run/));
});

test('a writer that fails leaves the old file and no other', async () => {
  const run = RunFolder.open(folder);
  run.writeText('checkpoint.pth', 'old');
  const halfway = (temporary: string): never => {
    writeFileSync(temporary, 'half');
    throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', syscall: 'write' });
  };
  assert.throws(
    () => run.replace('checkpoint.pth', halfway),
    failsWith(
      'WRITE_FAILED',
      /checkpoint\.pth: cannot be written, what was there is unchanged \(ENOSPC: no space left on device\)/,
    ),
  );
  await assert.rejects(
    run.replaceAsync('checkpoint.pth', async (temporary) => halfway(temporary)),
    failsWith('WRITE_FAILED', /ENOSPC/),
  );
  assert.throws(
    () =>
      run.replace('checkpoint.pth', () => {
        throw new TypeError('a bug');
      }),
    TypeError,
  );
  assert.equal(readFileSync(run.checkpointPath, 'utf8'), 'old');
  run.close();
  assert.deepEqual(readdirSync(folder), ['checkpoint.pth']);
});

test('a really full disk', { skip: !existsSync('/dev/full') }, () => {
  // Writing through a link to /dev/full fails as a full disk does.
  const run = RunFolder.open(folder);
  assert.throws(
    () => run.replace('checkpoint.pth', () => writeFileSync('/dev/full', 'x'.repeat(10_000))),
    failsWith('WRITE_FAILED', /ENOSPC/),
  );
  run.close();
});

test('what a killed process left of its writes is swept up', () => {
  RunFolder.open(folder).close();
  writeFileSync(join(folder, '.checkpoint.pth.123.4f.tmp'), 'half');
  writeFileSync(join(folder, 'keep.tmp'), '');
  RunFolder.open(folder).close();
  assert.deepEqual(readdirSync(folder), ['keep.tmp']);
});

test('killed while replacing a file again and again, the file is always whole', async () => {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'checkpoint.pth');
  const module = import.meta.resolve('@edgeai/torch/files');
  const script = `
    import { writeFileAtomic } from ${JSON.stringify(module)};
    for (let i = 0; ; i++) {
      writeFileAtomic(${JSON.stringify(path)}, String(i % 10).repeat(200_000));
      if (i === 0) process.stdout.write('ready');
    }`;
  writeFileAtomic(path, 'x'.repeat(200_000));
  for (const wait of [0, 3, 11]) {
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    await new Promise((done) => setTimeout(done, wait));
    child.kill('SIGKILL');
    await once(child, 'close');
    const text = readFileSync(path, 'utf8');
    assert.equal(text.length, 200_000);
    assert.equal(new Set(text).size, 1);
  }
});
