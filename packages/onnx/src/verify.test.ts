/** @file Verification: agreement is reported and stored, disagreement is an error. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { manualSeed, nn, noGrad, randn, scope, type Tensor } from '@edgeai/torch';
import { exportOnnx, verifyOnnx } from './index.ts';
import { inTemporaryFolder, network } from './testing.ts';

describe('verifyOnnx', () => {
  it('reports the largest differences of each output and writes them beside the file', () =>
    inTemporaryFolder(async (folder) => {
      manualSeed(0);
      const model = new nn.Linear(8, 3);
      const path = join(folder, 'model.onnx');
      exportOnnx(model, [randn([2, 8])], { path });
      const report = await verifyOnnx(path, model, [[randn([2, 8])], [randn([2, 8])]]);
      assert.equal(report.samples, 2);
      assert.ok(report.passed && report.relL2 < 1e-6 && report.maxAbs < 1e-5);
      assert.deepEqual(
        report.outputs.map(({ name }) => name),
        ['output'],
      );
      assert.deepEqual(JSON.parse(readFileSync(`${path}.verify.json`, 'utf8')), report);
    }));

  it('fails when the network is not the one that was exported, and stores that too', () =>
    inTemporaryFolder(async (folder) => {
      const model = new nn.Linear(8, 3);
      const path = join(folder, 'model.onnx');
      exportOnnx(model, [randn([2, 8])], { path });
      scope(() => noGrad(() => model.bias?.add_(0.1)));
      await assert.rejects(verifyOnnx(path, model, [[randn([2, 8])]]), {
        code: 'EXPORT_MISMATCH',
        message: /Outputs that differ: output/,
      });
      assert.equal((JSON.parse(readFileSync(`${path}.verify.json`, 'utf8')) as { passed: boolean }).passed, false);
    }));

  it('does not pass what is not a number, and compares shapes', () =>
    inTemporaryFolder(async (folder) => {
      const path = join(folder, 'model.onnx');
      exportOnnx(
        network((x: Tensor) => x.log()),
        [randn([4])],
        { path },
      );
      const same = network((x: Tensor) => x.log());
      await assert.rejects(verifyOnnx(path, same, [[randn([4]).abs().neg()]]), { code: 'EXPORT_MISMATCH' });
      const other = network((x: Tensor) => x.log().unsqueeze(0));
      await assert.rejects(
        verifyOnnx(path, other, [[randn([4]).abs()]]),
        /output is float32\[4\], the network gives float32\[1, 4\]/,
      );
      await assert.rejects(verifyOnnx(path, same, []), { code: 'INVALID_ARGUMENT' });
    }));
});
