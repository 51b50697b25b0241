/** @file Event files: known checksums and bytes, everything written is read back, and a cut-off end does no harm. */

import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import fc from 'fast-check';

import { FailureError } from '../errors.ts';
import { crc32c, maskedCrc32c } from './crc32c.ts';
import { EventWriter } from './events.ts';
import { histogramOf } from './histogram.ts';
import { readEvents } from './read-events.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'edgeai-events-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('CRC-32C of the published check values', () => {
  // RFC 3720, appendix B.4, and the customary check string.
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e);
  assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
  assert.equal(crc32c(new Uint8Array()), 0);
});

test('the bytes of a file with one scalar', () => {
  const writer = new EventWriter(folder, { clock: () => 1_500_000_000_000 });
  writer.scalar('loss', 0.5, 300);
  writer.close();
  assert.equal(basename(writer.path), `events.out.tfevents.1500000000.${hostname()}.${process.pid}.0`);
  // Written out by hand from the .proto files: field keys, lengths, values.
  const wall = Buffer.alloc(9);
  wall[0] = 0x09;
  wall.writeDoubleLE(1_500_000_000, 1);
  const version = Buffer.concat([wall, Buffer.from([0x1a, 13]), Buffer.from('brain.Event:2')]);
  const value = Buffer.from('0a046c6f7373150000003f', 'hex'); // tag "loss", simple_value 0.5
  const scalar = Buffer.concat([
    wall,
    Buffer.from([0x10, 0xac, 0x02, 0x2a, value.length + 2, 0x0a, value.length]),
    value,
  ]);
  const frame = (data: Buffer): Buffer => {
    const framed = Buffer.alloc(16 + data.length);
    framed.writeUInt32LE(data.length, 0);
    framed.writeUInt32LE(maskedCrc32c(framed.subarray(0, 8)), 8);
    data.copy(framed, 12);
    framed.writeUInt32LE(maskedCrc32c(data), 12 + data.length);
    return framed;
  };
  assert.deepEqual(readFileSync(writer.path), Buffer.concat([frame(version), frame(scalar)]));
});

test('scalars, images, texts and histograms come back', () => {
  let now = 1_700_000_000_000;
  const writer = new EventWriter(folder, { clock: () => now });
  writer.scalar('train/loss', 2.5, 0);
  now += 1500;
  writer.image('val/wrong', Uint8Array.from([137, 80, 78, 71]), 28, 14, 2 ** 40);
  writer.text('recipe', '| a | ü |\n', 1);
  writer.histogram('weights', [-1, 0, 0.5, 0.5, Number.NaN, Number.POSITIVE_INFINITY], 2);
  writer.scalar('train/loss', Number.NaN, 3);
  writer.close();
  writer.close();

  const { events, truncated } = readEvents(writer.path);
  assert.equal(truncated, false);
  const [first, scalar, image, text, histogram, nan] = events;
  assert.equal(first?.fileVersion, 'brain.Event:2');
  assert.deepEqual(first?.values, []);
  assert.deepEqual(scalar?.values, [{ kind: 'scalar', tag: 'train/loss', value: 2.5 }]);
  assert.equal(image?.wallTime, 1_700_000_001.5);
  assert.equal(image?.step, 2 ** 40);
  assert.deepEqual(image?.values, [
    { kind: 'image', tag: 'val/wrong', width: 28, height: 14, png: Uint8Array.from([137, 80, 78, 71]) },
  ]);
  assert.deepEqual(text?.values, [{ kind: 'text', tag: 'recipe', text: '| a | ü |\n' }]);
  const value = histogram?.values[0];
  assert.ok(value?.kind === 'histogram');
  assert.deepEqual(value.histogram, histogramOf([-1, 0, 0.5, 0.5]));
  assert.equal(value.histogram.count, 4);
  assert.deepEqual(nan?.values, [{ kind: 'scalar', tag: 'train/loss', value: Number.NaN }]);
  assert.equal(events.length, 6);
});

test('writers of the same second make files of their own; a resumed run purges', () => {
  const clock = (): number => 1000;
  const first = new EventWriter(folder, { clock });
  const second = new EventWriter(folder, { clock, purgeStep: 7 });
  assert.notEqual(first.path, second.path);
  first.close();
  second.close();
  const [, purge] = readEvents(second.path).events;
  assert.equal(purge?.purge, true);
  assert.equal(purge?.step, 7);
});

test('records reach the file by themselves after a while', () => {
  let now = 0;
  const writer = new EventWriter(folder, { clock: () => now });
  writer.scalar('a', 1, 0);
  assert.equal(readEvents(writer.path).events.length, 1);
  now += 6000;
  writer.scalar('a', 2, 1);
  assert.equal(readEvents(writer.path).events.length, 3);
  writer.scalar('a', 3, 2);
  writer.flush();
  assert.equal(readEvents(writer.path).events.length, 4);
  writer.close();
  assert.throws(() => writer.scalar('a', 4, 3), /internal: .* closed/);
});

test('cut anywhere, the whole records before the cut are read', () => {
  const writer = new EventWriter(folder);
  for (let step = 0; step < 5; step++) writer.scalar('a', step, step);
  writer.close();
  const whole = readFileSync(writer.path);
  const all = readEvents(writer.path).events.length;
  assert.equal(all, 6);
  let most = 0;
  for (let size = whole.length - 1; size >= 0; size--) {
    truncateSync(writer.path, size);
    const { events } = readEvents(writer.path);
    assert.ok(events.length < all);
    most = Math.max(most, events.length);
  }
  assert.equal(most, all - 1);
  writeFileSync(writer.path, whole);
  appendFileSync(writer.path, Buffer.alloc(100));
  assert.equal(readEvents(writer.path).events.length, all);
  assert.equal(readEvents(writer.path).truncated, true);
});

test('damage in the middle is an error that names the file', () => {
  const writer = new EventWriter(folder);
  writer.scalar('a', 1, 0);
  writer.scalar('a', 2, 1);
  writer.close();
  const data = readFileSync(writer.path);
  for (const position of [3, 20]) {
    const broken = Buffer.from(data);
    broken[position] = (broken[position] ?? 0) ^ 0x55;
    writeFileSync(writer.path, broken);
    assert.throws(
      () => readEvents(writer.path),
      (error) => error instanceof FailureError && error.code === 'BAD_FILE' && error.message.includes(writer.path),
    );
  }
});

test('a folder that cannot be made is named', () => {
  writeFileSync(join(folder, 'file'), '');
  assert.throws(
    () => new EventWriter(join(folder, 'file', 'events')),
    (error) => error instanceof FailureError && /a file is in the way/.test(error.message),
  );
});

test('every number falls into the bucket that holds it', () => {
  const number = fc.double({ noNaN: true, min: -1e18, max: 1e18 });
  fc.assert(
    fc.property(fc.array(number, { minLength: 1, maxLength: 20 }), (values) => {
      const { limits, counts, min, max, count, sum } = histogramOf(values);
      assert.equal(count, values.length);
      assert.equal(min, Math.min(...values));
      assert.equal(max, Math.max(...values));
      assert.equal(counts.length, limits.length);
      assert.equal(
        sum,
        values.reduce((a, b) => a + b, 0),
      );
      let below = 0;
      for (const [i, limit] of limits.entries()) {
        below += counts[i] ?? 0;
        assert.equal(below, values.filter((value) => value < limit).length);
      }
    }),
    { numRuns: 100 },
  );
  assert.deepEqual(histogramOf([]).counts, [0]);
  assert.deepEqual(histogramOf([-1, 0, 0, 2]).counts, [1, 0, 2, 0, 1]);
});
