/** @file A file under its final name has been found right; others are kept apart. */

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { manualSeed, nn, randn, scope, type Tensor } from '@edgeai/torch';
import { ExportMismatchError } from './errors.ts';
import { exportVerified } from './export-verified.ts';
import { OnnxSession } from './runtime.ts';
import { inTemporaryFolder, network } from './testing.ts';

describe('a verified export', () => {
  it('has its report beside it, and nothing else', () =>
    inTemporaryFolder(async (folder) => {
      const path = join(folder, 'model.onnx');
      const model = new nn.Linear(4, 2);
      const { report } = await exportVerified(
        model,
        scope(() => [[randn([1, 4])], [randn([1, 4])]]),
        { path, threads: 1 },
      );
      assert.equal(report.samples, 2);
      assert.deepEqual(readdirSync(folder).sort(), ['model.onnx', 'model.onnx.verify.json']);
      model.dispose();
    }));

  it('that does not agree is kept as rejected, and the file that was there stays', () =>
    inTemporaryFolder(async (folder) => {
      const path = join(folder, 'model.onnx');
      writeFileSync(path, 'before');
      let calls = 0;
      // Another function each time: the file cannot agree.
      const fickle = network((x: Tensor) => x.mul(++calls));
      await assert.rejects(
        exportVerified(
          fickle,
          scope(() => [[randn([1, 4])]]),
          { path, threads: 1 },
        ),
        (error: unknown) => error instanceof ExportMismatchError && error.message.includes('model.rejected.onnx'),
      );
      assert.equal(readFileSync(path, 'utf8'), 'before');
      assert.deepEqual(readdirSync(folder).sort(), [
        'model.onnx',
        'model.rejected.onnx',
        'model.rejected.onnx.verify.json',
      ]);
    }));

  it('keeps large weights in a second file of the same name', () =>
    inTemporaryFolder(async (folder) => {
      manualSeed(0);
      const path = join(folder, 'large.onnx');
      const model = new nn.Linear(64, 64);
      const sample = scope(() => [[randn([1, 64])]]);
      const { dataPath } = await exportVerified(model, sample, { path, threads: 1, externalDataThreshold: 1000 });
      assert.equal(dataPath, `${path}.data`);
      assert.deepEqual(readdirSync(folder).sort(), ['large.onnx', 'large.onnx.data', 'large.onnx.verify.json']);
      const session = await OnnxSession.open(path, { threads: 1 });
      await session.close();
      assert.ok(existsSync(path));
      model.dispose();
    }));
});
