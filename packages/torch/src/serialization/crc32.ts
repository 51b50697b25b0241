/** @file The CRC-32 of zip archives: zlib's where Node has it (20.15 and later), else table by table, 8 bytes a step. */

import zlib from 'node:zlib';

/** Table k maps a byte to its effect on the checksum when k more bytes follow; the 8 tables lie one after the other. */
const TABLES = makeTables();

function makeTables(): Uint32Array {
  const tables = new Uint32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    tables[byte] = crc;
  }
  for (let at = 256; at < tables.length; at++) {
    const previous = tables[at - 256] ?? 0;
    tables[at] = (previous >>> 8) ^ (tables[previous & 0xff] ?? 0);
  }
  return tables;
}

/** CRC-32 in plain JavaScript; exported for its test. */
export function crc32Portable(bytes: Uint8Array, previous = 0): number {
  const t = TABLES;
  let crc = ~previous;
  let at = 0;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (; at + 8 <= bytes.length; at += 8) {
    const low = view.getUint32(at, true) ^ crc;
    const high = view.getUint32(at + 4, true);
    crc =
      (t[1792 + (low & 0xff)] ?? 0) ^
      (t[1536 + ((low >>> 8) & 0xff)] ?? 0) ^
      (t[1280 + ((low >>> 16) & 0xff)] ?? 0) ^
      (t[1024 + (low >>> 24)] ?? 0) ^
      (t[768 + (high & 0xff)] ?? 0) ^
      (t[512 + ((high >>> 8) & 0xff)] ?? 0) ^
      (t[256 + ((high >>> 16) & 0xff)] ?? 0) ^
      (t[high >>> 24] ?? 0);
  }
  for (; at < bytes.length; at++) crc = (crc >>> 8) ^ (t[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0);
  return ~crc >>> 0;
}

/** CRC-32 of `bytes`; `previous` continues an earlier result. */
export function crc32(bytes: Uint8Array, previous = 0): number {
  if (typeof zlib.crc32 !== 'function') return crc32Portable(bytes, previous);
  // zlib's wrapper takes lengths of 32 bits.
  let crc = previous;
  for (let at = 0; at < bytes.length; at += 2 ** 30) crc = zlib.crc32(bytes.subarray(at, at + 2 ** 30), crc);
  return crc;
}
