/** @file Preparation: where quantisers go, that nothing else changes, and networks that are known to defeat tools like this one. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cat, expectNoLeaks, fx, linear, nn, noGrad, scope, type Tensor } from '@edgeai/torch';
import type { QuantizationConfig } from './config.ts';
import { prepareQuantization } from './prepare.ts';
import type { QuantizedModel } from './quantized-model.ts';
import { calibrateWith, fill, SmallNet, wave } from './testing.ts';

/** What is quantised where: the names of quantisers in the order of the graph, `=` before places that share an earlier one. */
function places(model: QuantizedModel): string[] {
  const seen = new Set<string>();
  return model.graph.nodes.flatMap((node) => {
    if (node.kind !== 'module' || !node.target.startsWith('activation_fake_quant.')) return [];
    const name = node.target.replace('activation_fake_quant.', '');
    const again = seen.has(name);
    seen.add(name);
    return [again ? `=${name}` : name];
  });
}

/** Prepares, checks that the float network is unchanged inside, calibrates, and returns the signal-to-noise ratio in dB. */
function quality(net: nn.Module, x: Tensor, config: QuantizationConfig = {}): { places: string[]; snr: number } {
  return noGrad(() =>
    scope(() => {
      net.eval();
      const exact = net(x);
      const model = prepareQuantization(net, [x], config);
      const inside = model.asFloat(() => model(x));
      assert.ok(inside.sub(exact).abs().max().item() <= 1e-5 * Math.max(exact.abs().max().item(), 1), 'float inside');
      calibrateWith(model, [x]);
      const found = model(x);
      // One sample alone gives what it gives in the batch.
      const alone = model(x.narrow(0, 0, 1));
      assert.ok(
        alone
          .sub(found.narrow(0, 0, 1))
          .abs()
          .max()
          .item() <
          0.2 * exact.abs().max().item(),
        'batch 1',
      );
      const result = {
        places: places(model),
        snr: 10 * Math.log10(exact.square().sum().item() / found.sub(exact).square().sum().item()),
      };
      model.dispose();
      return result;
    }),
  );
}

function filled<M extends nn.Module>(net: M): M {
  fill(net as nn.AnyModule);
  return net;
}

const image = (): Tensor => wave([3, 3, 12, 12], 40, 2);

test('Conv-BN-ReLU, additions with and without ReLU: one quantiser a group; pooling and reshaping share', () => {
  scope(() => {
    const { places: found, snr } = quality(new SmallNet(), image());
    assert.deepEqual(found, ['input', 'relu', 'bn2', 'relu_1', '=relu_1', 'conv3', 'add_1', '=add_1', '=add_1', 'fc']);
    assert.ok(snr > 30, `${snr} dB`);
  });
});

test('keys of the float network stay; the config and the state dict rebuild the model', async () => {
  await expectNoLeaks(() => {
    scope(() => {
      const net = new SmallNet().eval();
      const config = { target: 'tidl-pow2', foldBatchNorm: true } as const;
      const model = prepareQuantization<[Tensor], Tensor>(net, [image()], config);
      const x = image();
      calibrateWith(model, [x]);
      const keys = Object.keys(model.stateDict());
      assert.deepEqual(keys.slice(0, 5), [
        'conv1.weight',
        'conv1.bias',
        'conv1.weight_fake_quant.scale',
        'conv1.weight_fake_quant.zero_point',
        'conv1.weight_fake_quant.quant_range',
      ]);
      const again = prepareQuantization<[Tensor], Tensor>(net, [x], JSON.parse(JSON.stringify(model.config)));
      again.loadStateDict(model.stateDict());
      again.setQuantizers({ observing: false });
      noGrad(() => assert.deepEqual(again(x).toArray(), model(x).toArray()));
      const unfolded = prepareQuantization(net, [x], {});
      const missing = Object.keys(net.stateDict()).filter((key) => !Object.hasOwn(unfolded.stateDict(), key));
      assert.deepEqual(missing, []);
      for (const thing of [model, again, unfolded, net]) thing.dispose();
    });
  });
});

test('the given network is left alone and shares nothing', () => {
  scope(() => {
    const net = new SmallNet();
    const before = net.conv1.weight.toArray();
    const model = prepareQuantization(net, [image()], { foldBatchNorm: true });
    noGrad(() => model.parameters().map((parameter) => parameter.zero_()));
    assert.deepEqual(net.conv1.weight.toArray(), before);
    assert.equal(net.training, true);
    assert.equal(model.training, true);
    assert.equal(model.parameters().length, 8, 'no hidden second copy');
    model.dispose();
    net.dispose();
  });
});

test('a copy has its own ranges and weights', () => {
  noGrad(() =>
    scope(() => {
      const model = prepareQuantization<[Tensor], Tensor>(new SmallNet(), [image()], {});
      const x = image();
      calibrateWith(model.eval(), [x]);
      const copy = nn.cloneModule(model);
      const before = copy(x).toArray();
      model.setQuantizers({ observing: true });
      model(x.mul(9));
      model.parameters().map((parameter) => parameter.zero_());
      assert.deepEqual(copy(x).toArray(), before);
      copy.foldNorms();
      assert.ok(copy.config.foldBatchNorm);
      assert.equal(model.config.foldBatchNorm, undefined);
      copy.dispose();
      model.dispose();
    }),
  );
});

test('frozen norms stay frozen through train() and eval()', () => {
  scope(() => {
    const model = prepareQuantization<[Tensor], Tensor>(new SmallNet(), [image()], {});
    const mean = () => (model.getSubmodule('bn1') as nn.BatchNorm2d).running_mean?.toArray();
    model.freezeNorms().train();
    const before = mean();
    model(image());
    assert.deepEqual(mean(), before);
    model.freezeNorms(false);
    model(image());
    assert.notDeepEqual(mean(), before);
    model.dispose();
  });
});

test('rules leave parts float or give them other widths', () => {
  scope(() => {
    const overrides = [
      { layers: 'conv3', weight: { bits: 4 }, activation: { bits: 16 } },
      { layers: 'fc', weight: null, activation: null },
    ];
    const model = prepareQuantization(new SmallNet(), [image()], { overrides });
    const layers = model.quantizedLayers();
    assert.equal(layers.get('conv3')?.weight_fake_quant?.scheme.bits, 4);
    assert.equal(model.quantizers().get('activation_fake_quant.conv3')?.scheme.bits, 16);
    assert.equal(layers.get('fc')?.weight_fake_quant, null);
    assert.ok(!places(model as QuantizedModel).includes('fc'));
    model.dispose();
  });
});

// The last layer's results happen to be positive on this data.
test('maps that are never negative are unsigned with zero point 0 under power-of-two scales', () => {
  scope(() => {
    const model = prepareQuantization<[Tensor], Tensor>(new SmallNet(), [image()], { target: 'tidl-pow2' });
    calibrateWith(model, [image()]);
    const signs = Array.from(model.quantizers('activation'), ([path, { limits, zero_point: zero, scale }]) => {
      assert.equal(zero.item(), 0);
      assert.ok(Number.isInteger(Math.log2(scale.item())));
      return [path.replace('activation_fake_quant.', ''), limits.quantMin] as const;
    });
    assert.deepEqual(Object.fromEntries(signs), {
      input: -128,
      relu: 0,
      bn2: -128,
      relu_1: 0,
      conv3: -128,
      add_1: -128,
      fc: 0,
    });
    model.dispose();
  });
});

class Reused extends nn.Module {
  readonly conv = new nn.Conv2d(3, 3, 3, { padding: 1 });
  readonly norm = new nn.BatchNorm2d(3);
  readonly relu = new nn.ReLU({ inplace: true });
  forward(x: Tensor): Tensor {
    return this.relu(this.norm(this.conv(this.relu(this.norm(this.conv(x))))));
  }
}

test('a module used twice has one weight and a range for each result', () => {
  scope(() => {
    const { places: found, snr } = quality(filled(new Reused()), image());
    assert.deepEqual(found, ['x', 'relu', 'relu_1']);
    assert.ok(snr > 30, `${snr} dB`);
  });
});

class Functional extends nn.Module {
  readonly weight = new nn.Parameter(wave([4, 3], 3));
  readonly first = new nn.Conv2d(3, 3, 1);
  readonly dropout = new nn.Dropout(0.5);
  forward(x: Tensor): Tensor {
    const y = nn.functional.relu(this.first(x));
    const z = cat([y, x, nn.functional.relu6(x).add(1)], 1);
    const pooled = this.dropout(z)
      .mean([2, 3])
      .reshape([x.size(0), 3, 3]);
    return linear(pooled, this.weight).sigmoid();
  }
}

test('functional relu, cat, add of a number, a weight of forward’s own, dropout in evaluation', () => {
  scope(() => {
    const { places: found, snr } = quality(filled(new Functional()), image());
    assert.deepEqual(found, ['x', 'relu', 'hardtanh', 'add', 'cat', '=cat', '=cat', '=cat', 'linear', 'sigmoid']);
    assert.ok(snr > 25, `${snr} dB`);
    const model = prepareQuantization(new Functional(), [image()], { concat: 'shared' });
    assert.ok([...model.quantizers().keys()].includes('parameter_fake_quant.weight'));
    assert.deepEqual(
      places(model as QuantizedModel).filter((name) => name.endsWith('cat')),
      ['cat', '=cat', '=cat', '=cat', '=cat', '=cat', '=cat'],
    );
    model.dispose();
  });
});

test('a network that is a single layer, and a linear layer at top level', () => {
  scope(() => {
    const { places: found, snr } = quality(filled(new nn.Linear(6, 4)), wave([5, 6], 1));
    assert.deepEqual(found, ['input', 'linear']);
    assert.ok(snr > 30, `${snr} dB`);
  });
});

test('depthwise layers with dead channels, whose norms are switched off', () => {
  scope(() => {
    const net = filled(new SmallNet());
    noGrad(() => {
      net.conv2.weight.narrow(0, 0, 3).zero_();
      net.bn2.weight?.narrow(0, 2, 3).zero_();
      net.conv1.weight.narrow(0, 0, 1).zero_();
    });
    for (const target of ['generic-int8', 'tidl-pow2']) assert.ok(quality(net, image(), { target }).snr > 18);
    // Training goes through the norms of dead channels as well.
    const model = prepareQuantization<[Tensor], Tensor>(net, [image()], {}).train();
    model(image()).sum().backward();
    for (const [name, parameter] of model.namedParameters())
      assert.ok(parameter.grad?.isfinite().all().item(), `gradient of ${name}`);
    model.dispose();
  });
});

class Constant extends nn.Module {
  readonly conv = new nn.Conv2d(3, 2, 1);
  forward(x: Tensor): Tensor {
    return this.conv(x.mul(0)).relu();
  }
}

test('constant activations', () => {
  scope(() => {
    assert.ok(quality(filled(new Constant()), image()).snr > 40);
  });
});

test('NaN in calibration data names the layer where it came in', () => {
  scope(() => {
    const model = prepareQuantization<[Tensor], Tensor>(new SmallNet(), [image()], {});
    assert.throws(
      () => model(image().div(0).sub(image().div(0))),
      /^QuantizationError: input: Expected finite values but saw NaN/,
    );
    model.dispose();
  });
});

class Split extends nn.Module {
  readonly conv = new nn.Conv2d(3, 4, 1);
  forward(x: Tensor): Tensor {
    const [a, b] = this.conv(x).chunk(2, 1) as [Tensor, Tensor];
    return cat([b, a.softmax(1)], 1).hardsigmoid();
  }
}

test('results in parts share a range; softmax and sigmoids have theirs by definition', () => {
  scope(() => {
    const net = filled(new Split());
    const model = prepareQuantization(net, [image()], {});
    const softmax = model.quantizers().get('activation_fake_quant.softmax');
    assert.deepEqual([softmax?.scale.item(), softmax?.zero_point.item(), softmax?.observer], [1 / 256, 0, null]);
    model.dispose();
    const { places: found, snr } = quality(net, image());
    assert.deepEqual(found, ['x', 'conv', '=conv', 'softmax', '=conv', 'cat', 'hardsigmoid']);
    assert.ok(snr > 25, `${snr} dB`);
  });
});

class Attention extends nn.Module {
  readonly qkv = new nn.Linear(8, 24);
  readonly norm = new nn.LayerNorm([8]);
  forward(x: Tensor): Tensor {
    const [q, k, v] = this.qkv(this.norm(x)).chunk(3, -1) as [Tensor, Tensor, Tensor];
    return q.matmul(k.transpose(-2, -1)).mul(0.35).softmax(-1).matmul(v).add(x);
  }
}

test('inputs of matrix products are symmetric unless a softmax made them', () => {
  scope(() => {
    const net = filled(new Attention());
    const x = wave([2, 5, 8], 9);
    const model = prepareQuantization(net, [x], {});
    const symmetric = (name: string) => model.quantizers().get(`activation_fake_quant.${name}`)?.scheme.symmetric;
    assert.equal(symmetric('qkv'), true);
    assert.equal(symmetric('softmax'), false);
    assert.equal(symmetric('norm'), false);
    model.dispose();
    assert.ok(quality(net, x).snr > 25);
  });
});

test('ReLU6 belongs to its layer, as a clamp of its own it has a range', () => {
  scope(() => {
    const net = filled(
      new nn.Sequential(new nn.Conv2d(3, 4, 1), new nn.BatchNorm2d(4), new nn.ReLU6(), new nn.ReLU6()),
    );
    assert.deepEqual(quality(net, image()).places, ['input', '_2', '_3']);
  });
});

test('a network with quantisers is not quantised again', () => {
  scope(() => {
    const model = prepareQuantization(new SmallNet(), [image()], {});
    assert.throws(() => prepareQuantization(model, [image()], {}), /has quantisers already/);
    model.dispose();
  });
});

test('the prepared graph is one that exports read: quantisers are nodes', () => {
  scope(() => {
    const model = prepareQuantization<[Tensor], Tensor>(new SmallNet(), [image()], { foldBatchNorm: true });
    calibrateWith(model, [image()]);
    using graph = fx.capture(model, [image()], {
      isLeaf: (module) => fx.isLeafModule(module) || fx.isFakeQuantizer(module),
    });
    const quantizers = graph.nodes.filter((node) => node.kind === 'module' && node.target.includes('fake_quant'));
    assert.equal(quantizers.length, 10 + 4);
    const conv = graph.nodes.find((node) => node.kind === 'call' && node.operator.name === 'aten::conv2d');
    assert.deepEqual(
      fx.inputsOf(conv as fx.Node).map((node) => node.kind),
      // The bias is rounded to the steps of the products by plain operators, which exports compute in advance.
      ['module', 'module', 'call'],
    );
    model.dispose();
  });
});
