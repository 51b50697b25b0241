/** @file Layers where PyTorch's numbers are not the whole promise: half precision, in place, indices, tables, vectors. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ArgumentError, autocast, nn, ones, randn, scope, type Tensor, tensor } from '../index.ts';

describe('half precision on the CPU', () => {
  it('trains ReLU6 under autocast, with the values of float32 rounded', () =>
    scope(() => {
      using conv = new nn.Conv2d(1, 2, 1);
      const relu6 = new nn.ReLU6();
      const input = randn([1, 1, 8, 8]).mul(10);
      const output = autocast({ dtype: 'bfloat16' }, () => relu6(conv(input)));
      assert.equal(output.dtype, 'bfloat16');
      const expected = autocast({ dtype: 'bfloat16' }, () => conv(input))
        .float()
        .clamp({ min: 0, max: 6 });
      assert.equal(output.float().sub(expected).abs().max().item(), 0);
      output.float().sum().backward();
      assert.ok((conv.weight.grad?.abs().sum().item() ?? 0) > 0);
    }));

  it('gives ReLU6 the gradient that float32 has between and beyond the bounds', () =>
    scope(() => {
      const gradient = (dtype: 'bfloat16' | 'float32', inplace: boolean) => {
        const input = tensor([-1, 0.5, 3, 5.5, 7], { dtype }).requiresGrad_();
        new nn.ReLU6({ inplace })(input.mul(1)).sum().backward();
        return input.grad?.float().toArray();
      };
      for (const inplace of [false, true]) {
        assert.deepEqual(gradient('float32', inplace), [0, 1, 1, 1, 0]);
        assert.deepEqual(gradient('bfloat16', inplace), [0, 1, 1, 1, 0]);
      }
    }));

  const layers: Record<string, () => nn.Module> = {
    Mish: () => new nn.Mish(),
    'Mish in place': () => new nn.Mish({ inplace: true }),
    Hardswish: () => new nn.Hardswish(),
    Hardtanh: () => new nn.Hardtanh(),
    GroupNorm: () => new nn.GroupNorm(2, 4),
    LayerNorm: () => new nn.LayerNorm(4),
    BatchNorm2d: () => new nn.BatchNorm2d(4),
  };
  for (const [name, make] of Object.entries(layers)) {
    it(`trains ${name} under autocast`, () =>
      scope(() => {
        using conv = new nn.Conv2d(2, 4, 1);
        using layer = make();
        const output = autocast({}, () => layer(conv(randn([2, 2, 4, 4]))));
        output.float().pow(2).sum().backward();
        assert.ok((conv.weight.grad?.abs().sum().item() ?? 0) > 0);
      }));
  }
});

describe('in-place activations', () => {
  const layers: ((options: nn.InplaceOptions) => nn.Module)[] = [
    (o) => new nn.ReLU(o),
    (o) => new nn.ReLU6(o),
    (o) => new nn.LeakyReLU(0.1, o),
    (o) => new nn.RReLU(o),
    (o) => new nn.ELU(1, o),
    (o) => new nn.CELU(1, o),
    (o) => new nn.SELU(o),
    (o) => new nn.SiLU(o),
    (o) => new nn.Mish(o),
    (o) => new nn.Hardswish(o),
    (o) => new nn.Hardsigmoid(o),
    (o) => new nn.Hardtanh(o),
    (o) => new nn.Threshold(0.1, 0.5, o),
  ];
  for (const make of layers) {
    const inplace = make({ inplace: true }).eval();
    it(`${inplace.constructor.name} overwrites its input with what it would return`, () =>
      scope(() => {
        const input = randn([10]);
        const expected = make({}).eval()(input);
        assert.equal(inplace(input), input);
        assert.equal(input.sub(expected).abs().max().item(), 0);
      }));
  }
});

describe('max pools with indices', () => {
  it('undo what unpooling does', () =>
    scope(() => {
      const pool = new nn.MaxPool2d(2, { returnIndices: true });
      const unpool = new nn.MaxUnpool2d(2);
      const input = randn([1, 2, 6, 6]);
      const [maxima, indices] = pool(input);
      const sparse = unpool(maxima, indices);
      assert.deepEqual(sparse.shape, input.shape);
      assert.equal(new nn.MaxPool2d(2)(sparse.abs()).sub(maxima.abs()).abs().max().item(), 0);
      assert.deepEqual(unpool(maxima, indices, [7, 7]).shape, [1, 2, 7, 7]);
    }));

  it('refuse two output sizes or none', () => {
    assert.throws(() => new nn.FractionalMaxPool2d(2, {}), ArgumentError);
    assert.throws(() => new nn.FractionalMaxPool2d(2, { outputSize: 2, outputRatio: 0.5 }), ArgumentError);
    assert.throws(() => new nn.FractionalMaxPool2d(2, { outputRatio: 1.5 }), /between 0 and 1/);
  });
});

describe('Embedding', () => {
  it('starts with a zero row for padding, and never trains it', () =>
    scope(() => {
      using table = new nn.Embedding(4, 2, { paddingIdx: -1 });
      assert.deepEqual(table.weight.select(0, 3).toArray(), [0, 0]);
      table(tensor([3, 1, 3]))
        .sum()
        .backward();
      assert.deepEqual(table.weight.grad?.toArray(), [
        [0, 0],
        [1, 1],
        [0, 0],
        [0, 0],
      ]);
    }));

  it('wraps a table, frozen unless told otherwise', () =>
    scope(() => {
      const rows = randn([3, 2]);
      using frozen = nn.Embedding.fromPretrained(rows);
      assert.equal(frozen.weight.requiresGrad, false);
      assert.ok(frozen.weight.sharesStorageWith(rows));
      assert.deepEqual(frozen(tensor([[2]])).toArray(), [[rows.select(0, 2).toArray()]]);
      using trained = nn.Embedding.fromPretrained(rows, { freeze: false, paddingIdx: 1 });
      assert.equal(trained.weight.requiresGrad, true);
      assert.throws(() => nn.Embedding.fromPretrained(ones([3])), ArgumentError);
      assert.throws(() => new nn.Embedding(3, 2, { paddingIdx: 3 }), /between -3 and 2/);
    }));
});

describe('MultiheadAttention', () => {
  it('gives weights that add up to 1 and leave masked keys out', () =>
    scope(() => {
      using attention = new nn.MultiheadAttention(4, 2, { batchFirst: true });
      const x = randn([2, 3, 4]);
      const [output, weights] = attention(x, x, x, {
        keyPaddingMask: tensor([
          [false, false, true],
          [false, true, true],
        ]),
      });
      assert.deepEqual(output.shape, [2, 3, 4]);
      assert.ok((weights as Tensor).sum([-1]).sub(1).abs().max().item() < 1e-5);
      assert.deepEqual((weights as Tensor).select(1, 0).select(0, 1).toArray(), [1, 0, 0]);
    }));

  it('refuses heads that do not share the width, and masks of another shape', () =>
    scope(() => {
      assert.throws(() => new nn.MultiheadAttention(5, 2), ArgumentError);
      using attention = new nn.MultiheadAttention(4, 2);
      const x = randn([3, 2, 4]);
      assert.throws(
        () => attention(x, x, x, { attnMask: ones([2, 3]) }),
        /Expected shape \[3, 3\] or \[4, 3, 3\] for attnMask/,
      );
      assert.throws(
        () =>
          attention(x, x, x, {
            keyPaddingMask: tensor([
              [1, 0, 0],
              [0, 0, 0],
            ]),
          }),
        /int64/,
      );
    }));
});

describe('nn.utils', () => {
  it('turns parameters into one vector and back', () =>
    scope(() => {
      using layer = new nn.Linear(2, 3);
      const vector = nn.utils.parametersToVector(layer.parameters());
      assert.deepEqual(vector.shape, [9]);
      nn.utils.vectorToParameters(vector.detach().mul(0).add(2), layer.parameters());
      assert.deepEqual(layer.bias?.toArray(), [2, 2, 2]);
      assert.equal(layer.weight.requiresGrad, true);
      assert.throws(() => nn.utils.vectorToParameters(ones([8]), layer.parameters()), /9 elements/);
    }));

  it('fuses a batch norm into a copy of a convolution', () =>
    scope(() => {
      using conv = new nn.Conv2d(2, 3, 3, { padding: 1, bias: false });
      using bn = new nn.BatchNorm2d(3);
      for (let i = 0; i < 3; i++) bn(conv(randn([4, 2, 5, 5])));
      assert.throws(() => nn.utils.fuseConvBnEval(conv, bn), /evaluation mode/);
      conv.eval();
      bn.eval();
      using fused = nn.utils.fuseConvBnEval(conv, bn);
      const input = randn([1, 2, 5, 5]);
      assert.equal(conv.bias, null);
      assert.ok(fused instanceof nn.Conv2d && fused.bias !== null);
      assert.ok(
        fused(input)
          .sub(bn(conv(input)))
          .abs()
          .max()
          .item() < 1e-5,
      );
      assert.throws(
        () => nn.utils.fuseConvBnEval(conv, new nn.BatchNorm2d(3, { trackRunningStats: false }).eval()),
        /running statistics/,
      );
    }));
});
