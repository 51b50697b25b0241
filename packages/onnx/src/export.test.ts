/** @file What an exported file contains besides operators: names, shapes, metadata, batches, versions, external data. */

import assert from 'node:assert/strict';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { equal, expectNoLeaks, manualSeed, nn, randn, scope, type Tensor, zeros } from '@edgeai/torch';
import { exportOnnx, readOnnx, toTensor, UnsupportedOperatorError, verifyOnnx } from './index.ts';
import { inTemporaryFolder, network, operators, roundTrip } from './testing.ts';

class Block extends nn.Module {
  readonly conv = new nn.Conv2d(4, 4, 3, { padding: 1, bias: false });
  readonly bn = new nn.BatchNorm2d(4);
  readonly relu = new nn.ReLU({ inplace: true });

  forward(x: Tensor): Tensor {
    return this.relu(this.bn(this.conv(x)).add_(x));
  }
}

class Net extends nn.Module {
  readonly stem = new nn.Conv2d(3, 4, 3, { stride: 2 });
  readonly blocks = new nn.Sequential(new Block(), new Block());
  readonly drop = new nn.Dropout(0.3);
  readonly fc = new nn.Linear(4, 5);

  forward(x: Tensor): Tensor {
    return this.fc(
      this.drop(
        this.blocks(this.stem(x))
          .mean([2, 3])
          .view([x.size(0), 4]),
      ),
    );
  }
}

function make(): Net {
  manualSeed(0);
  return new Net();
}

describe('an exported model', () => {
  it('is named after the module tree, with batch norms folded', async () => {
    const model = make();
    const { exported } = await roundTrip(model, [[randn([2, 3, 9, 9])]]);
    assert.deepEqual(
      exported.model.graph?.node?.map(({ name, opType }) => `${opType} ${name}`),
      [
        'Conv stem/Conv',
        'Conv blocks.0.conv/Conv',
        'Add blocks.0/Add',
        'Relu blocks.0.relu/Relu',
        'Conv blocks.1.conv/Conv',
        'Add blocks.1/Add',
        'Relu blocks.1.relu/Relu',
        'GlobalAveragePool GlobalAveragePool',
        'Flatten Flatten',
        'Reshape Reshape',
        'Gemm fc/Gemm',
      ],
    );
    const initializers = exported.model.graph?.initializer?.map(({ name }) => name) ?? [];
    assert.ok(initializers.includes('blocks.1.conv.bias') && initializers.includes('fc.weight'));
    assert.ok(!initializers.some((name) => name?.includes('bn')));
    assert.deepEqual([exported.inputNames, exported.outputNames], [['input'], ['output']]);
    const relu = exported.model.graph?.valueInfo?.find(({ name }) => name === 'blocks.1.relu/Relu');
    assert.deepEqual(
      relu?.type?.tensorType?.shape?.dim?.map(({ dimValue }) => dimValue),
      [2, 4, 4, 4],
    );
  });

  it('keeps batch norms on request', async () => {
    const { exported } = await roundTrip(make(), [[randn([1, 3, 9, 9])]], { foldBatchNorm: false });
    assert.equal(operators(exported).filter((name) => name === 'BatchNormalization').length, 2);
  });

  it('leaves the network in its mode, memory format and weights, and nothing alive', async () => {
    const model = make();
    model.to({ memoryFormat: 'channels_last' });
    model.train();
    model.drop.eval();
    const x = scope(() => randn([2, 3, 9, 9]).contiguous({ memoryFormat: 'channels_last' }));
    const before = scope(() => Object.entries(model.stateDict()).map(([key, value]) => [key, value.clone()] as const));
    await expectNoLeaks(() => roundTrip(model, [[x]]));
    assert.ok(model.training && model.blocks.at(0).training && !model.drop.training);
    assert.ok(model.stem.weight.isContiguous({ memoryFormat: 'channels_last' }) && !model.stem.weight.isContiguous());
    const after = model.stateDict();
    for (const [key, value] of before) assert.ok(equal(value, after[key] as Tensor), key);
  });

  it('takes any batch when asked to, and only then', async () => {
    const model = make();
    const samples = [1, 3].map((batch) => [randn([batch, 3, 9, 9])]);
    const { exported } = await roundTrip(model, samples, { dynamicBatch: true });
    assert.deepEqual(
      [exported.model.graph?.input, exported.model.graph?.output].map(
        (values) => values?.[0]?.type?.tensorType?.shape?.dim?.[0],
      ),
      [{ dimParam: 'batch' }, { dimParam: 'batch' }],
    );
    assert.ok(!operators(exported).includes('Shape'), 'a single free size needs no computed shape');
    await assert.rejects(roundTrip(model, samples), /Got: 3 Expected: 1|invalid dimensions/i);
  });

  it('computes sizes from the batch where they are needed', async () => {
    const model = network((x: Tensor) => {
      const token = zeros([x.size(0), 1, 4]).add(1);
      return token
        .expand([x.size(0), 2, 4])
        .add(x)
        .reshape([x.size(0) * 2, -1]);
    });
    const { exported } = await roundTrip(model, [[randn([2, 2, 4])], [randn([1, 2, 4])], [randn([5, 2, 4])]], {
      dynamicBatch: true,
    });
    assert.ok(operators(exported).includes('ConstantOfShape'));
    assert.deepEqual(exported.model.graph?.output?.[0]?.type?.tensorType?.shape?.dim, [
      { dimParam: '2*batch' },
      { dimValue: 4 },
    ]);
  });

  it('names several inputs and outputs', async () => {
    const model = network((left: Tensor, right: Tensor) => ({
      sum: left.add(right),
      parts: [left, right.mul(2)],
      again: left,
    }));
    const samples = [[randn([2]), randn([2])]];
    const { exported } = await roundTrip(model, samples);
    assert.deepEqual(exported.inputNames, ['input', 'input_1']);
    assert.deepEqual(exported.outputNames, ['sum', 'parts.0', 'parts.1', 'again']);
    const named = await roundTrip(model, samples, { inputNames: ['a', 'b'], outputNames: ['p', 'q', 'r', 's'] });
    assert.deepEqual(
      [named.exported.inputNames, named.exported.outputNames],
      [
        ['a', 'b'],
        ['p', 'q', 'r', 's'],
      ],
    );
    assert.throws(
      () => exportOnnx(model, samples[0] ?? [], { inputNames: ['a'] }),
      /Expected 2 names for inputNames but received 1/,
    );
    assert.throws(
      () => exportOnnx(model, samples[0] ?? [], { outputNames: ['p', 'p', 'q', 'r'] }),
      /Names must differ/,
    );
  });

  it('carries producer, name and metadata, and fits its version', () => {
    for (const [opset, ir] of [
      [13, 7],
      [17, 8],
      [20, 9],
    ]) {
      const metadata = { classes: ['cat', 'dog'], preprocessing: { mean: [0.5] }, note: 'plain text' };
      const { model } = exportOnnx(make(), [randn([1, 3, 9, 9])], { opset, modelName: 'tiny', metadata });
      assert.equal(model.irVersion, ir);
      assert.deepEqual(model.opsetImport, [{ domain: '', version: opset }]);
      assert.equal(model.producerName, '@edgeai/onnx');
      assert.match(model.producerVersion ?? '', /^\d+\.\d+\.\d+/);
      assert.equal(model.graph?.name, 'tiny');
      assert.deepEqual(model.metadataProps, [
        { key: 'classes', value: '["cat","dog"]' },
        { key: 'preprocessing', value: '{"mean":[0.5]}' },
        { key: 'note', value: 'plain text' },
      ]);
    }
    for (const opset of [12, 21, 17.5]) {
      assert.throws(() => exportOnnx(make(), [randn([1, 3, 9, 9])], { opset }), {
        code: 'INVALID_ARGUMENT',
        message: /opset between 13 and 20/,
      });
    }
  });

  it('puts large weights into a second file, which is read back', () =>
    inTemporaryFolder(async (folder) => {
      const model = new nn.Linear(40, 30);
      const path = join(folder, 'model.onnx');
      const { dataPath } = exportOnnx(model, [randn([1, 40])], { path, externalDataThreshold: 1000 });
      assert.equal(dataPath, `${path}.data`);
      assert.equal(statSync(`${path}.data`).size, 4 * 40 * 30);
      await verifyOnnx(path, model, [[randn([1, 40])]], { report: false, tolerance: 1e-5 });
      const weight = readOnnx(path).graph?.initializer?.find(({ name }) => name === 'weight');
      assert.ok(weight !== undefined && equal(toTensor(weight), model.weight));
    }));

  it('is written whole or not at all', () =>
    inTemporaryFolder((folder) => {
      const model = network((x: Tensor) => x.add(1));
      const path = join(folder, 'missing', 'model.onnx');
      assert.throws(() => exportOnnx(model, [randn([1])], { path }), { code: 'WRITE_FAILED' });
      exportOnnx(model, [randn([1])], { path: join(folder, 'model.onnx') });
      assert.deepEqual(readdirSync(folder), ['model.onnx']);
      assert.ok(!existsSync(path));
    }));
});

describe('what cannot be exported', () => {
  it('is named with its place and its inputs', () => {
    class Strange extends nn.Module {
      forward(x: Tensor): Tensor {
        return x.cumprod(1);
      }
    }
    const model = new nn.Sequential(new nn.Linear(3, 4), new Strange());
    assert.throws(
      () => exportOnnx(model, [randn([2, 3])]),
      (error) =>
        error instanceof UnsupportedOperatorError &&
        error.operator === 'aten::cumprod' &&
        error.modulePath === '1' &&
        /aten::cumprod in module '1' cannot be exported to ONNX: .*Its inputs: \S+ float32\[2, 4\]/.test(error.message),
    );
  });

  it('says which opset would do, and why a layer will not', () => {
    const grid = new nn.Sequential(new nn.AdaptiveMaxPool2d(3));
    assert.throws(() => exportOnnx(grid, [randn([1, 2, 7, 7])]), /the sizes \[7, 7\] are no multiples of \[3, 3\]/);
    const noStatistics = new nn.BatchNorm2d(2, { trackRunningStats: false });
    assert.throws(() => exportOnnx(noStatistics, [randn([1, 2, 7, 7])]), /ONNX needs running statistics/);
  });
});
