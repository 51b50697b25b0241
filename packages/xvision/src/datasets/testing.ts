/** @file Folders of tiny pictures and maps for the tests of data sets. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after } from 'node:test';
import { scope, tensor } from '@edgeai/torch';
import { io } from '@edgeai/vision';

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
