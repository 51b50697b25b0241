/** @file An ONNX file of a fixed batch size takes batches of any, and says what it is of. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { exportOnnx } from '@edgeai/onnx';
import { allclose, expectNoLeaks, manualSeed, nn, noGrad, randn, Scope } from '@edgeai/torch';

import { OnnxRunner } from './onnx-runner.ts';

const folder = mkdtempSync(join(tmpdir(), 'edgeai-onnx-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('batches are cut to the size of the file, filled up, and put together again', async () => {
  manualSeed(0);
  const model = new nn.Sequential(new nn.Conv2d(3, 4, 3), new nn.ReLU(), new nn.Flatten()).eval();
  const path = join(folder, 'two.onnx');
  await expectNoLeaks(async () => {
    using owner = new Scope();
    const x = owner.run(() => randn([5, 3, 6, 6]));
    owner.run(() => exportOnnx(model, [x.narrow(0, 0, 2)], { path }));
    const runner = await OnnxRunner.open(path, { threads: 1 });
    assert.deepEqual([runner.inputShape, runner.facts], [[2, 3, 6, 6], null]);
    const [output] = await runner.run([x]);
    await runner.close();
    assert.ok(output !== undefined);
    owner.run(() =>
      assert.ok(
        allclose(
          output,
          noGrad(() => model(x)),
          { atol: 1e-5 },
        ),
      ),
    );
    output.dispose();
  });
  model.dispose();
});
