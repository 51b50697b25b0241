/** @file The progress display against a pretended terminal, file and clock. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Progress, type ProgressStream } from './progress.ts';
import { displayWidth } from './text-width.ts';

class FakeStream implements ProgressStream {
  writes: string[] = [];
  isTTY: boolean;
  columns: number;
  listeners = new Set<() => void>();
  constructor(isTTY: boolean, columns = 80) {
    this.isTTY = isTTY;
    this.columns = columns;
  }
  write(text: string): void {
    this.writes.push(text);
  }
  on(_event: 'resize', listener: () => void): void {
    this.listeners.add(listener);
  }
  off(_event: 'resize', listener: () => void): void {
    this.listeners.delete(listener);
  }
  resize(columns: number): void {
    this.columns = columns;
    for (const listener of this.listeners) listener();
  }
  get text(): string {
    return this.writes.join('');
  }
}

function setup(isTTY: boolean, options: ConstructorParameters<typeof Progress>[0] = {}, columns = 80) {
  const stream = new FakeStream(isTTY, columns);
  let now = 1000;
  const progress = new Progress({ stream, clock: () => now, ...options });
  return { stream, progress, pass: (ms: number) => (now += ms) };
}

test('on a terminal at most ten redraws a second, and the last step is shown', () => {
  const { stream, progress, pass } = setup(true);
  progress.start('train', 1000);
  for (let done = 1; done <= 1000; done++) {
    pass(1);
    progress.update({ done, items: 32 * done });
  }
  const draws = stream.writes.filter((text) => text.startsWith('\r'));
  assert.ok(draws.length >= 10 && draws.length <= 12, `${draws.length} draws in a second`);
  assert.match(draws.at(-1) ?? '', /100 %/);
  progress.finish();
  assert.match(stream.writes.at(-1) ?? '', /^train {2}1000\/1000 {2}100 % {2}32000 img\/s {2}0:01\n$/);
});

test('rate, ETA and figures', () => {
  const { stream, progress, pass } = setup(true);
  progress.start('epoch 1/3', 200);
  pass(10_000);
  progress.update({ done: 50, items: 1600, fields: { loss: 2.30123, 'acc@1': 12.5 } });
  const line = stream.writes.at(-1) ?? '';
  assert.match(line, /epoch 1\/3 {2}██.* {3}25 % {2}loss 2\.301 {2}acc@1 12\.50 {2}160 img\/s {2}ETA 0:30$/);
});

test('the rate follows a change of pace', () => {
  const { stream, progress, pass } = setup(true);
  progress.start('train', 10_000);
  for (let done = 1; done <= 100; done++) {
    pass(100);
    progress.update({ done });
  }
  assert.match(stream.writes.at(-1) ?? '', /10\.0 img\/s/);
  for (let done = 101; done <= 200; done++) {
    pass(1000);
    progress.update({ done });
  }
  assert.match(stream.writes.at(-1) ?? '', / 1\.0 img\/s/);
});

test('the line fits any width', () => {
  for (const columns of [1, 5, 12, 30, 50, 80, 200]) {
    const { stream, progress, pass } = setup(true, {}, columns);
    progress.start('epoch 12/90 train', 1875);
    pass(5000);
    progress.update({ done: 1500, items: 48_000, fields: { loss: 0.4567, 'acc@1': 85.5, 'acc@5': 99.5 } });
    for (const text of stream.writes) {
      assert.ok(displayWidth(text.replace('\r\x1b[K', '')) < Math.max(columns, 2), `${columns}: ${text}`);
    }
    if (columns >= 30) assert.match(stream.writes.at(-1) ?? '', /80 %/);
  }
});

test('a narrower terminal: the rows of the wrapped old line are cleared', () => {
  const { stream, progress, pass } = setup(true, {}, 80);
  progress.start('train', 100);
  pass(1000);
  progress.update({ done: 10, fields: { loss: 1.5 } });
  const drawn = displayWidth((stream.writes.at(-1) ?? '').replace('\r\x1b[K', ''));
  stream.resize(30);
  const rows = Math.ceil(drawn / 30) - 1;
  assert.ok(rows > 0);
  assert.equal(stream.writes.at(-2), `\x1b[${rows}A\r\x1b[J`);
  assert.ok(displayWidth((stream.writes.at(-1) ?? '').replace('\r\x1b[K', '')) < 30);
  progress.close();
  assert.equal(stream.listeners.size, 0);
});

test('lines printed in between go above the progress line', () => {
  const { stream, progress, pass } = setup(true);
  progress.println('before');
  assert.equal(stream.text, 'before\n');
  progress.start('train', 10);
  pass(200);
  stream.writes = [];
  progress.println('skipped a broken image');
  assert.equal(stream.writes[0], '\r\x1b[K');
  assert.equal(stream.writes[1], 'skipped a broken image\n');
  assert.ok(stream.writes[2]?.startsWith('\r\x1b[Ktrain'));
});

test('elsewhere plain lines every printFreq steps, without control codes', () => {
  const { stream, progress, pass } = setup(false, { printFreq: 10 });
  progress.start('train', 25);
  for (let done = 1; done <= 25; done++) {
    pass(100);
    progress.update({ done, fields: { loss: 1 } });
  }
  progress.finish('epoch 1: acc@1 50.0');
  assert.deepEqual(stream.text.split('\n'), [
    'train  10/25   40 %  loss 1  10.0 img/s  ETA 0:02',
    'train  20/25   80 %  loss 1  10.0 img/s  ETA 0:01',
    'epoch 1: acc@1 50.0',
    '',
  ]);
});

test('elsewhere a slow job still says something every lineMs', () => {
  const { stream, progress, pass } = setup(false, { printFreq: 100, lineMs: 30_000 });
  progress.start('train', 1000);
  for (let done = 1; done <= 10; done++) {
    pass(10_000);
    progress.update({ done });
  }
  assert.equal(stream.writes.length, 3);
});

test('an unknown total, updates without a phase, a cancelled phase', () => {
  const { stream, progress, pass } = setup(true);
  progress.update({ done: 1 });
  assert.equal(stream.text, '');
  progress.start('download', 0);
  pass(1000);
  progress.update({ done: 5 });
  assert.equal(stream.writes.at(-1), '\r\x1b[Kdownload  5  5.0 img/s');
  progress.cancel();
  assert.equal(stream.writes.at(-1), '\r\x1b[K');
  assert.equal(stream.text.includes('\n'), false);
});
