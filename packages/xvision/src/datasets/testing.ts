/** @file Folders of tiny pictures and maps for the tests of data sets. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after } from 'node:test';
import { deflateSync } from 'node:zlib';
import { scope, tensor } from '@edgeai/torch';
import { io } from '@edgeai/vision';
import type { DenseSample } from '../transforms/sample.ts';

/** A folder that is removed when the test file is done. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'xvision-datasets-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** What a file holds: rows of numbers are a picture (three equal channels) or, where the name ends in `.png`, a map of bytes. */
export type Content = readonly (readonly number[])[] | string | Uint8Array;

/** A picture in one grey. */
export function grey(value: number, height = 2, width = 4): number[][] {
  return Array.from({ length: height }, () => Array.from({ length: width }, () => value));
}

/** Writes files into a new folder. @returns the folder */
export async function tree(files: Readonly<Record<string, Content>>): Promise<string> {
  const root = temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    const path = join(root, name);
    mkdirSync(dirname(path), { recursive: true });
    if (typeof content === 'string' || content instanceof Uint8Array) writeFileSync(path, content);
    else if (name.endsWith('.png')) {
      using map = scope(() =>
        tensor(
          content.map((row) => [...row]),
          { dtype: 'uint8' },
        ).unsqueeze(0),
      );
      await io.writePng(map, path);
    } else writeFileSync(path, ppm(content));
  }
  return root;
}

/** A picture without compression. */
function ppm(rows: readonly (readonly number[])[]): Buffer {
  const header = `P6 ${rows[0]?.length ?? 0} ${rows.length} 255\n`;
  return Buffer.concat([Buffer.from(header), Buffer.from(rows.flat().flatMap((value) => [value, value, value]))]);
}

/** The rows of each map of a sample, which is released. */
export function read({ images, targets }: DenseSample): { images: number[][][]; targets: number[][][] } {
  return scope(() => {
    const rows = (maps: DenseSample['images']) => maps.map(({ map }) => map.select(0, 0).toArray() as number[][]);
    const result = { images: rows(images), targets: rows(targets) };
    for (const { map } of [...images, ...targets]) map.dispose();
    return result;
  });
}

/** A PNG file of 16 bits, grey or, with three numbers a pixel one after the other, in colours. */
export function png16(rows: readonly (readonly number[])[], channels: 1 | 3 = 1): Buffer {
  const [height, width] = [rows.length, (rows[0]?.length ?? 0) / channels];
  const chunk = (type: string, content: Uint8Array) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), content]);
    const result = Buffer.alloc(body.length + 8);
    result.writeUInt32BE(content.length, 0);
    body.copy(result, 4);
    let crc = 0xffffffff;
    for (const byte of body) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
    result.writeUInt32BE((crc ^ 0xffffffff) >>> 0, body.length + 4);
    return result;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([16, channels === 1 ? 0 : 2, 0, 0, 0], 8);
  const raw = Buffer.from(rows.flatMap((row) => [0, ...row.flatMap((value) => [value >> 8, value & 255])]));
  const parts = [chunk('IHDR', header), chunk('IDAT', deflateSync(raw)), chunk('IEND', Buffer.alloc(0))];
  return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), ...parts]);
}
