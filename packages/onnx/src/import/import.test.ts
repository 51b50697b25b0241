/** @file Files become networks: layers, parameters, names, batch sizes, and what is refused. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { cat, expectNoLeaks, fx, manualSeed, nn, optim, randn, scope, type Tensor, tensor } from '@edgeai/torch';
import { getModel } from '@edgeai/vision';
import { attributeProtos } from '../attributes.ts';
import { DynamicValueError, OnnxImportError } from '../errors.ts';
import { exportOnnx } from '../export.ts';
import { DataType, type ModelProto, type NodeProto } from '../proto/onnx.ts';
import { OnnxSession } from '../runtime.ts';
import { inTemporaryFolder, network } from '../testing.ts';
import { tensorProto } from '../types.ts';
import { verifyOnnx } from '../verify.ts';
import { importOnnx } from './import.ts';

/** Every kind of layer that a file's nodes become, and operators between them. */
class Mixed extends nn.Module {
  readonly stem = new nn.Sequential(
    new nn.Conv2d(3, 8, 3, { padding: 1, bias: false }),
    new nn.BatchNorm2d(8),
    new nn.ReLU(),
  );
  readonly depthwise = new nn.Conv2d(8, 8, 3, { groups: 8, stride: 2, padding: 1 });
  readonly up = new nn.ConvTranspose2d(8, 8, 2, { stride: 2 });
  readonly norm = new nn.LayerNorm([8]);
  readonly qkv = new nn.Linear(8, 16);
  readonly head = new nn.Linear(8, 5);

  forward(x: Tensor): Tensor {
    const features = this.stem(x);
    const mixed = this.up(this.depthwise(features).sigmoid()).add(features);
    const [batch = 1, channels = 1, height = 1, width = 1] = mixed.shape;
    const tokens = this.norm(mixed.reshape([batch, channels, height * width]).permute([0, 2, 1]));
    const [a, b] = this.qkv(tokens).chunk(2, -1);
    const attention = (a as Tensor)
      .matmul((b as Tensor).transpose(1, 2))
      .mul(0.35)
      .softmax(-1);
    return this.head(attention.matmul(tokens).mean([1]));
  }
}

const file = (node: NodeProto[], extra: Partial<NonNullable<ModelProto['graph']>> = {}, opset = 17): ModelProto => ({
  irVersion: 8,
  opsetImport: [{ domain: '', version: opset }],
  graph: {
    name: 'file',
    node,
    input: [valueInfoOf('x', [2, 3])],
    output: [{ name: 'y' }],
    ...extra,
  },
});

const valueInfoOf = (name: string, dims: (number | string)[], elemType: number = DataType.FLOAT) => ({
  name,
  type: {
    tensorType: {
      elemType,
      shape: { dim: dims.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size })) },
    },
  },
});

const close = (a: Tensor, b: Tensor, tolerance = 1e-5) =>
  scope(() => {
    assert.deepEqual(a.shape, b.shape);
    const distance = a.sub(b).abs().max().item();
    assert.ok(distance <= tolerance, `differs by ${distance}`);
  });

describe('imported networks', () => {
  it('compute what was exported, for any batch, with layers, keys and names of their own', () => {
    manualSeed(0);
    const model = new Mixed().eval();
    const sample = scope(() => randn([2, 3, 8, 8]));
    const { model: proto } = exportOnnx(model, [sample], { dynamicBatch: true, foldBatchNorm: false });
    const imported = importOnnx(proto);
    assert.equal(imported.info.dynamicBatch, true);
    scope(() => close(imported(sample) as Tensor, model(sample)));
    scope(() => {
      const five = randn([5, 3, 8, 8]);
      close(imported(five) as Tensor, model(five));
    });
    const keys = Object.keys(imported.stateDict());
    for (const key of Object.keys(model.stateDict())) {
      if (!key.startsWith('qkv')) assert.ok(keys.includes(key), `${key} is missing from ${keys.join(', ')}`);
    }
    const kinds = new Set(imported.modules().map((module) => module.constructor.name));
    for (const kind of [
      'Conv2d',
      'BatchNorm2d',
      'ReLU',
      'ConvTranspose2d',
      'LayerNorm',
      'Linear',
      'Sigmoid',
      'Softmax',
    ])
      assert.ok(kinds.has(kind), `no ${kind} among ${[...kinds].join(', ')}`);
    imported.dispose();
    model.dispose();
  });

  it('are trained, folded and exported again', async () => {
    manualSeed(0);
    const model = getModel('mobilenet_v2', { numClasses: 7, dropout: 0 }).eval();
    const sample = scope(() => randn([4, 3, 64, 64]));
    const { model: proto } = exportOnnx(model, [sample], { foldBatchNorm: false });
    const imported = importOnnx(proto);
    scope(() => close(imported(sample) as Tensor, model(sample) as Tensor));
    imported.train();
    const optimizer = new optim.SGD(imported.parameters(), { lr: 0.01 });
    const step = () =>
      scope(() => {
        optimizer.zeroGrad();
        const loss = nn.functional.crossEntropy(imported(sample) as Tensor, tensor([1, 4, 2, 0]));
        loss.backward();
        optimizer.step();
        return loss.item();
      });
    const losses = [step(), step(), step(), step()];
    assert.ok((losses.at(-1) as number) < (losses[0] as number), `the loss does not fall: ${losses}`);
    imported.eval();
    await inTemporaryFolder(async (folder) => {
      const path = join(folder, 'again.onnx');
      const { model: again } = exportOnnx(imported, [sample], { path });
      assert.ok(again.graph?.node?.every(({ opType }) => opType !== 'BatchNormalization'));
      await verifyOnnx(path, imported, [[sample]], { threads: 1 });
    });
    imported.dispose();
    model.dispose();
  });

  it('give a record by the names of several outputs, and nothing stays alive', async () => {
    const model = network((x: Tensor) => ({ sum: x.add(1), double: x.mul(2) }));
    const sample = scope(() => randn([2, 3]));
    const { model: proto } = exportOnnx(model, [sample]);
    await expectNoLeaks(() => {
      const imported = importOnnx(proto);
      scope(() => {
        const result = imported(sample) as Record<string, Tensor>;
        assert.deepEqual(Object.keys(result), ['sum', 'double']);
        close(result.double as Tensor, sample.mul(2), 0);
      });
      imported.dispose();
    });
  });

  it('have shapes computed beforehand: no shape is in the graph', () => {
    const nodes: NodeProto[] = [
      { opType: 'Shape', input: ['x'], output: ['shape'], name: 'shape' },
      {
        opType: 'Gather',
        input: ['shape', 'zero'],
        output: ['batch'],
        name: 'g',
        attribute: attributeProtos({ axis: 0 }),
      },
      { opType: 'Unsqueeze', input: ['batch', 'axes'], output: ['first'], name: 'u' },
      {
        opType: 'Concat',
        input: ['first', 'rest'],
        output: ['target'],
        name: 'c',
        attribute: attributeProtos({ axis: 0 }),
      },
      { opType: 'Reshape', input: ['x', 'target'], output: ['y'], name: 'r' },
    ];
    const initializer = scope(() => [
      tensorProto('zero', tensor(0, { dtype: 'int64' })),
      tensorProto('axes', tensor([0], { dtype: 'int64' })),
      tensorProto('rest', tensor([6, -1], { dtype: 'int64' })),
    ]);
    const imported = importOnnx(file(nodes, { initializer, input: [valueInfoOf('x', ['N', 3, 4])] }));
    assert.deepEqual(
      imported.graph.nodes.map(({ kind }) => kind),
      ['placeholder', 'call', 'output'],
    );
    scope(() => assert.deepEqual((imported(randn([7, 3, 4])) as Tensor).shape, [7, 6, 2]));
    imported.dispose();
  });

  it('have only the branch that a constant condition chooses', () => {
    const branch = (opType: string) => ({
      name: opType,
      node: [{ opType, input: ['x'], output: ['z'], name: opType }],
      output: [{ name: 'z' }],
    });
    const attribute = [
      { name: 'then_branch', type: 5, g: branch('Exp') },
      { name: 'else_branch', type: 5, g: branch('Neg') },
    ];
    const initializer = scope(() => [tensorProto('no', tensor(0).to('bool'))]);
    const imported = importOnnx(
      file([{ opType: 'If', input: ['no'], output: ['y'], name: 'if', attribute }], { initializer }),
    );
    scope(() => {
      const x = randn([2, 3]);
      close(imported(x) as Tensor, x.neg(), 0);
    });
    assert.equal(imported.graph.nodes.filter(({ kind }) => kind === 'call').length, 1);
    imported.dispose();
  });

  it('share a weight that two nodes share', () => {
    const weight = scope(() => tensorProto('w', randn([3, 3])));
    const imported = importOnnx(
      file(
        [
          { opType: 'Gemm', input: ['x', 'w'], output: ['h'], name: 'a', attribute: attributeProtos({ transB: 1 }) },
          { opType: 'Gemm', input: ['h', 'w'], output: ['y'], name: 'b', attribute: attributeProtos({ transB: 1 }) },
        ],
        { initializer: [weight] },
      ),
    );
    assert.equal(imported.parameters().length, 1);
    imported.dispose();
  });

  it('have a quantiser where a file rounds and takes back', async () => {
    const initializer = scope(() => [
      tensorProto('s', tensor(0.125)),
      tensorProto('z', tensor(3).to('uint8')),
      tensorProto('ws', tensor([0.5, 0.25])),
      tensorProto('wz', tensor([0, 0]).to('int8')),
      tensorProto(
        'w',
        tensor([
          [1, -2, 3],
          [4, 5, -6],
        ]).to('int8'),
      ),
    ]);
    const proto = file(
      [
        { opType: 'QuantizeLinear', input: ['x', 's', 'z'], output: ['q'], name: 'q' },
        { opType: 'DequantizeLinear', input: ['q', 's', 'z'], output: ['d'], name: 'd' },
        {
          opType: 'DequantizeLinear',
          input: ['w', 'ws', 'wz'],
          output: ['wd'],
          name: 'wd',
          attribute: attributeProtos({ axis: 0 }),
        },
        { opType: 'Gemm', input: ['d', 'wd'], output: ['y'], name: 'gemm', attribute: attributeProtos({ transB: 1 }) },
      ],
      { initializer },
    );
    const imported = importOnnx(proto);
    const calls = imported.graph.nodes.flatMap((node) => (node.kind === 'call' ? [node.operator.name] : []));
    assert.deepEqual(
      calls.filter((name) => name.includes('fake')),
      ['aten::fake_quantize_per_tensor_affine', 'aten::fake_quantize_per_channel_affine'],
    );
    assert.ok(!calls.includes('aten::round'));
    scope(() => {
      const x = tensor([
        [0.3, -2, 100],
        [1, 0.06, -0.06],
      ]);
      const rounded = x.div(0.125).round().add(3).clamp(0, 255).sub(3).mul(0.125);
      close(
        imported(x) as Tensor,
        rounded.matmul(
          tensor([
            [0.5, -1, 1.5],
            [1, 1.25, -1.5],
          ]).t(),
        ),
      );
    });
    imported.dispose();
  });
});

describe('what cannot be imported', () => {
  it('is named all at once, with node, operator and reason', () => {
    const proto = file([
      { opType: 'Frobnicate', input: ['x'], output: ['a'], name: 'first' },
      { opType: 'Relu', input: ['a'], output: ['b'], name: 'fine' },
      { opType: 'FusedConv', domain: 'com.microsoft', input: ['b'], output: ['y'], name: 'second' },
    ]);
    assert.throws(
      () => importOnnx(proto),
      (error: unknown) => {
        assert.ok(error instanceof OnnxImportError);
        assert.deepEqual(
          error.problems.map(({ node, opType }) => [node, opType]),
          [
            ['first', 'Frobnicate'],
            ['second', 'FusedConv'],
          ],
        );
        assert.match(error.message, /com\.microsoft/);
        return true;
      },
    );
  });

  it('is a shape that depends on inputs, until the input is fixed', () => {
    const proto = file([{ opType: 'Reshape', input: ['x', 'size'], output: ['y'], name: 'reshape' }], {
      input: [valueInfoOf('x', [2, 3]), valueInfoOf('size', [1], DataType.INT64)],
    });
    assert.throws(
      () => importOnnx(proto),
      (error: unknown) => error instanceof DynamicValueError && error.value === 'size',
    );
    const size = scope(() => tensor([-1], { dtype: 'int64' }));
    const imported = importOnnx(proto, { fixedInputs: { size } });
    scope(() => assert.deepEqual((imported(randn([2, 3])) as Tensor).shape, [6]));
    imported.dispose();
  });

  it('is a size that the file leaves open, until it is given', () => {
    const proto = file([{ opType: 'Relu', input: ['x'], output: ['y'], name: 'relu' }], {
      input: [valueInfoOf('x', ['N', 3, 'H', 'W'])],
    });
    assert.throws(() => importOnnx(proto), /'x'.*dimension 2 \('H'\).*inputShapes/);
    const imported = importOnnx(proto, { inputShapes: { x: [1, 3, 4, 4] } });
    scope(() => assert.deepEqual((imported(randn([3, 3, 4, 4])) as Tensor).shape, [3, 3, 4, 4]));
    imported.dispose();
  });
});

describe('a network with a batch built in', () => {
  it('is imported for that batch', async () => {
    const model = network((x: Tensor) => cat([x.reshape([2, 3, 2]), x.reshape([2, 3, 2])], 1));
    const sample = scope(() => randn([2, 6]));
    await inTemporaryFolder(async (folder) => {
      const path = join(folder, 'fixed.onnx');
      const { model: proto } = exportOnnx(model, [sample], { path });
      const [input] = proto.graph?.input ?? [];
      const [first] = input?.type?.tensorType?.shape?.dim ?? [];
      if (first !== undefined) {
        delete first.dimValue;
        first.dimParam = 'N';
      }
      const imported = importOnnx(proto, { inputShapes: { input: [2, 6] } });
      assert.equal(imported.info.dynamicBatch, false);
      const session = await OnnxSession.open(path, { threads: 1 });
      const [expected] = await session.run([sample]);
      await session.close();
      scope(() => close(imported(sample) as Tensor, expected as Tensor, 0));
      assert.ok(imported instanceof fx.GraphModule);
      imported.dispose();
    });
  });
});
