/** @file The metrics of an interrupted and resumed run are those of an uninterrupted one; and the logger's two outputs. */

import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';

import { FailureError } from '../errors.ts';
import { RunLogger } from './logger.ts';
import { MetricsLog, type MetricsRecord } from './metrics-log.ts';

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'edgeai-metrics-'));
  path = join(folder, 'metrics.jsonl');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const record = (epoch: number, phase = 'train'): MetricsRecord => ({ epoch, phase, loss: 1 / (epoch + 1) });

function writeEpochs(log: MetricsLog, from: number, to: number): void {
  for (let epoch = from; epoch < to; epoch++) {
    log.append(record(epoch));
    log.append(record(epoch, 'val'));
  }
}

test('one line a record, in the order of its keys', () => {
  const log = MetricsLog.open(path);
  log.append({
    epoch: 0,
    phase: 'train',
    loss: 2.5,
    note: undefined,
    time: { seconds: 1.25, at: '2024-01-01T00:00:00Z' },
  });
  assert.equal(
    readFileSync(path, 'utf8'),
    '{"epoch":0,"phase":"train","loss":2.5,"time":{"seconds":1.25,"at":"2024-01-01T00:00:00Z"}}\n',
  );
  log.close();
  log.close();
  assert.throws(() => log.append(record(1)), /internal: .*closed/);
});

test('a diverged loss survives', () => {
  const log = MetricsLog.open(path);
  const diverged = {
    epoch: 0,
    phase: 'train',
    a: Number.NaN,
    b: Number.POSITIVE_INFINITY,
    c: Number.NEGATIVE_INFINITY,
  };
  log.append(diverged);
  log.close();
  assert.deepEqual(MetricsLog.read(path), [diverged]);
});

test('interrupted and resumed, the file is that of an uninterrupted run', () => {
  const whole = join(folder, 'whole.jsonl');
  const log = MetricsLog.open(whole);
  writeEpochs(log, 0, 5);
  log.close();

  const first = MetricsLog.open(path);
  writeEpochs(first, 0, 4);
  first.close();
  // Killed within a line; the newest checkpoint is that of epoch 2.
  appendFileSync(path, '{"epoch":4,"phase":"tra');
  assert.equal(MetricsLog.read(path).length, 8, 'the torn line is left out');
  const second = MetricsLog.open(path, 2);
  writeEpochs(second, 3, 5);
  second.close();
  assert.equal(readFileSync(path, 'utf8'), readFileSync(whole, 'utf8'));
});

test('a new run begins with an empty log', () => {
  const log = MetricsLog.open(path);
  writeEpochs(log, 0, 2);
  log.close();
  MetricsLog.open(path).close();
  assert.equal(readFileSync(path, 'utf8'), '');
});

test('a damaged line is named', () => {
  for (const line of ['not json', '[1]', '{"phase":"train"}']) {
    writeFileSync(path, `{"epoch":0,"phase":"train"}\n${line}\n`);
    assert.throws(
      () => MetricsLog.read(path),
      (error) => error instanceof FailureError && error.code === 'BAD_FILE' && error.message.startsWith(`${path}:2: `),
    );
  }
});

test('the log goes to both places; times and no colours in the file', () => {
  const file = join(folder, 'run.log');
  const printed: string[] = [];
  const options = { file, printer: { println: (text: string) => printed.push(text) }, clock: () => new Date(0) };
  const first = new RunLogger(options);
  first.info('epoch \x1b[1m0\x1b[22m');
  first.warn('two\nlines');
  first.close();
  const second = new RunLogger({ ...options, append: true, style: (style, text) => `<${style}>${text}` });
  second.error('bad');
  second.detail('only in the file');
  second.close();
  second.info('after closing, only the terminal');
  assert.deepEqual(printed, [
    'epoch \x1b[1m0\x1b[22m',
    'warning: two\nlines',
    '<error>error: bad',
    'after closing, only the terminal',
  ]);
  assert.deepEqual(readFileSync(file, 'utf8').split('\n'), [
    '1970-01-01T00:00:00.000Z info    epoch 0',
    '1970-01-01T00:00:00.000Z warning two',
    '1970-01-01T00:00:00.000Z warning lines',
    '1970-01-01T00:00:00.000Z error   bad',
    '1970-01-01T00:00:00.000Z info    only in the file',
    '',
  ]);
  new RunLogger(options).close();
  assert.equal(readFileSync(file, 'utf8'), '');
});

test('a log that cannot be opened is an error; one that fills the disk is not', () => {
  const printer = { println: (text: string) => printed.push(text) };
  const printed: string[] = [];
  assert.throws(
    () => new RunLogger({ file: join(folder, 'missing', 'run.log'), printer }),
    (error) => error instanceof FailureError && error.code === 'LOG_FILE',
  );
  if (!existsSync('/dev/full')) return;
  const file = join(folder, 'run.log');
  symlinkSync('/dev/full', file);
  const log = new RunLogger({ file, printer });
  log.info('one');
  log.info('two');
  assert.deepEqual(printed, [
    'one',
    `warning: ${file}: the disk is full (ENOSPC); logging on the terminal only`,
    'two',
  ]);
});
