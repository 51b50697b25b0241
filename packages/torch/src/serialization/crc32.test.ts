/** @file The checksum against its published check value, and the two implementations against each other. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { crc32, crc32Portable } from './crc32.ts';

fc.configureGlobal({ seed: 1 });

test('the check value of CRC-32 is 0xcbf43926', () => {
  const digits = Buffer.from('123456789');
  assert.equal(crc32(digits), 0xcbf43926);
  assert.equal(crc32Portable(digits), 0xcbf43926);
  assert.equal(crc32(new Uint8Array(0)), 0);
});

test('both implementations agree, in one piece or two', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (bytes, at) => {
      const whole = crc32(bytes);
      assert.equal(crc32Portable(bytes), whole);
      assert.equal(crc32Portable(bytes.subarray(at), crc32Portable(bytes.subarray(0, at))), whole);
      assert.equal(crc32(bytes.subarray(at), crc32(bytes.subarray(0, at))), whole);
    }),
  );
});
