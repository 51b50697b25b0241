/** @file Networks with quantisers: what is written for them, and that onnxruntime's integer kernels give the same steps. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  cat,
  conv2d,
  fakeQuantizePerChannelAffine,
  fakeQuantizePerTensorAffine,
  type fx,
  linear,
  manualSeed,
  maxPool2d,
  nn,
  rand,
  randn,
  scope,
  type Tensor,
  tensor,
  zeros,
} from '@edgeai/torch';
import { ExportMismatchError } from '../errors.ts';
import { exportOnnx } from '../export.ts';
import { importOnnx } from '../import/import.ts';
import { DataType } from '../proto/onnx.ts';
import { inTemporaryFolder, network, operators } from '../testing.ts';
import { verifyOnnx } from '../verify.ts';

/** A quantiser as a layer: the contract's other form. */
class Quantiser extends nn.Module implements fx.FakeQuantizer {
  readonly scale: nn.Buffer;
  readonly zero_point: nn.Buffer;
  readonly #limits: readonly [number, number];
  readonly #axis: number | null;

  constructor(scale: Tensor, zeroPoint: Tensor, limits: readonly [number, number], axis: number | null = null) {
    super();
    this.scale = nn.Buffer.from(scale);
    this.zero_point = nn.Buffer.from(zeroPoint);
    this.#limits = limits;
    this.#axis = axis;
  }

  forward(x: Tensor): Tensor {
    const [min, max] = this.#limits;
    return this.#axis === null
      ? fakeQuantizePerTensorAffine(x, this.scale, this.zero_point, min, max)
      : fakeQuantizePerChannelAffine(x, this.scale, this.zero_point, this.#axis, min, max);
  }

  fakeQuantInfo(): fx.FakeQuantInfo {
    const [quantMin, quantMax] = this.#limits;
    const { scale, zero_point: zeroPoint } = this;
    return { scale, zeroPoint, axis: this.#axis, quantMin, quantMax, bits: 8, signed: quantMin < 0 };
  }
}

const activation = (scale: number, zeroPoint: number, limits: readonly [number, number] = [0, 255]) =>
  new Quantiser(tensor([scale]), tensor([zeroPoint], { dtype: 'int32' }), limits);

/** 7 bits: on processors without instructions for it, onnxruntime's kernels saturate sums of two products at 16 bits. */
const weight = (value: Tensor) =>
  new Quantiser(
    scope(() => value.detach().flatten(1).abs().amax(1).div(63)),
    zeros([value.shape[0] ?? 0], { dtype: 'int32' }),
    [-64, 63],
    0,
  );

/** Convolution, pool, residual sum and classifier, all quantised. */
class Net extends nn.Module {
  readonly conv1 = new nn.Conv2d(3, 16, 3, { padding: 1 });
  readonly conv2 = new nn.Conv2d(16, 16, 3, { padding: 1, groups: 4 });
  readonly fc = new nn.Linear(16, 10);
  readonly w1 = weight(this.conv1.weight);
  readonly w2 = weight(this.conv2.weight);
  readonly w3 = weight(this.fc.weight);
  readonly a0 = activation(1 / 32, 128);
  readonly a1 = activation(1 / 64, 0);
  readonly a2 = activation(1 / 32, 120);
  readonly a3 = activation(1 / 50, 0);
  readonly a4 = activation(1 / 100, 0);
  readonly a5 = activation(1 / 64, 128);

  forward(input: Tensor): Tensor {
    const { conv1, conv2, fc } = this;
    const x = this.a1(conv2d(this.a0(input), this.w1(conv1.weight), { bias: conv1.bias, padding: [1, 1] }).relu());
    const pooled = this.a1(maxPool2d(x, 2));
    const y = this.a2(conv2d(pooled, this.w2(conv2.weight), { bias: conv2.bias, padding: [1, 1], groups: 4 }));
    const sum = this.a3(y.add(pooled).relu());
    const mean = this.a4(sum.mean([2, 3]));
    return this.a5(linear(mean, this.w3(fc.weight), { bias: fc.bias }));
  }
}

const samples = (count: number, ...shape: number[]) =>
  scope(() => Array.from({ length: count }, () => [randn([1, ...shape])]));

describe('quantised networks', () => {
  it('become pairs of rounding and its inverse, with integers stored, and onnxruntime gives the same steps', async () => {
    manualSeed(0);
    const model = new Net().eval();
    const inputs = samples(8, 3, 16, 16);
    await inTemporaryFolder(async (folder) => {
      const path = join(folder, 'qdq.onnx');
      const exported = exportOnnx(model, inputs[0] ?? [], { path });
      assert.equal(exported.quantized, true);
      assert.deepEqual(exported.outputSteps, [1 / 64]);
      const used = operators(exported);
      // The second rounding by a1 changes nothing: it is not there.
      assert.equal(used.filter((name) => name === 'QuantizeLinear').length, 6);
      assert.equal(used.filter((name) => name === 'DequantizeLinear').length, 6 + 3 + 3);
      assert.ok(!used.includes('Cast') && !used.includes('Clip'), used.join(', '));
      const stored = new Map(exported.model.graph?.initializer?.map(({ name, dataType }) => [name, dataType]));
      assert.equal(stored.get('conv1.weight_quantized'), DataType.INT8);
      assert.equal(stored.get('conv1.bias_quantized'), DataType.INT32);
      assert.ok(!stored.has('conv1.weight') && !stored.has('conv1.bias'));
      const { outputSteps } = exported;
      const report = await verifyOnnx(path, model, inputs, { threads: 1, outputSteps, maxOffSteps: 0 });
      assert.equal(report.offSteps, 0);
    });
    model.dispose();
  });

  it('become clips and rounded weights for runtimes that quantise by themselves', async () => {
    manualSeed(0);
    const model = new Net().eval();
    const exported = exportOnnx(model, samples(1, 3, 16, 16)[0] ?? [], { quantizationFormat: 'clip' });
    const used = operators(exported);
    assert.ok(!used.includes('QuantizeLinear') && used.includes('Clip'));
    const stored = exported.model.graph?.initializer?.find(({ name }) => name === 'conv1.weight');
    const written = new Float32Array((stored?.rawData ?? new Uint8Array()).slice().buffer);
    const rounded = scope(() => Array.from(model.w1(model.conv1.weight).detach().toTypedArray() as Float32Array));
    assert.deepEqual(Array.from(written), rounded);
    model.dispose();
  });

  it('may have their quantisers as operators, fewer bits, and products of more dimensions', async () => {
    manualSeed(0);
    const matrix = new nn.Parameter(scope(() => randn([6, 8]).mul(0.3)));
    const scales = scope(() => matrix.detach().abs().amax(1).div(7));
    const zeroPoints = zeros([6], { dtype: 'int32' });
    const model = network((x: Tensor) => {
      const w = fakeQuantizePerChannelAffine(matrix, scales, zeroPoints, 0, -8, 7);
      const a = fakeQuantizePerTensorAffine(x, 0.25, 4, 0, 15);
      const b = fakeQuantizePerTensorAffine(linear(a, w), 1 / 16, 0, -128, 127);
      return fakeQuantizePerTensorAffine(cat([b, b.neg()], -1), 1 / 16, 0, -128, 127);
    });
    const inputs = samples(4, 5, 8);
    await inTemporaryFolder(async (folder) => {
      const path = join(folder, 'more.onnx');
      const exported = exportOnnx(model, inputs[0] ?? [], { path });
      assert.ok(operators(exported).includes('MatMul'));
      assert.equal(operators(exported).filter((name) => name === 'Clip').length, 1);
      const { outputSteps } = exported;
      const report = await verifyOnnx(path, model, inputs, { threads: 1, outputSteps });
      assert.equal(report.offSteps, 0);
    });
    for (const value of [matrix, scales, zeroPoints]) value.dispose();
  });

  it('are refused when they are off by more than one step', async () => {
    manualSeed(0);
    const [model, other] = [new Net().eval(), new Net().eval()];
    const inputs = samples(2, 3, 16, 16);
    await inTemporaryFolder(async (folder) => {
      const path = join(folder, 'wrong.onnx');
      const { outputSteps } = exportOnnx(other, inputs[0] ?? [], { path });
      await assert.rejects(verifyOnnx(path, model, inputs, { threads: 1, outputSteps }), (error: unknown) => {
        assert.ok(error instanceof ExportMismatchError);
        assert.match(error.message, /off by more than one step/);
        return true;
      });
    });
    for (const net of [model, other]) net.dispose();
  });

  it('come back from a file with the same quantisers', async () => {
    manualSeed(0);
    const model = new Net().eval();
    const sample = scope(() => rand([1, 3, 16, 16]));
    const exported = exportOnnx(model, [sample]);
    const imported = importOnnx(exported.model);
    scope(() => {
      const distance = imported(sample) as Tensor;
      assert.ok(distance.sub(model(sample)).abs().max().item() <= 1.01 / 64);
    });
    const again = exportOnnx(imported, [sample]);
    const count = (list: string[], name: string) => list.filter((item) => item === name).length;
    for (const name of ['QuantizeLinear', 'DequantizeLinear', 'Conv'])
      assert.equal(count(operators(again), name), count(operators(exported), name), name);
    imported.dispose();
    model.dispose();
  });
});
