/** @file Module: traversal, modes, hooks, conversion, printing, and who releases what a call makes. */

import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { inspect } from 'node:util';
import {
  ArgumentError,
  keep,
  memory,
  nn,
  ones,
  randn,
  scope,
  type Tensor,
  TorchError,
  tensor,
  zeros,
} from '../index.ts';
import { expectNoLeaks } from '../runtime/memory.ts';

class Block extends nn.Module {
  readonly conv: nn.Conv2d;
  readonly bn: nn.BatchNorm2d;
  readonly downsample: nn.Sequential | null;

  constructor(channels: number, downsample: nn.Sequential | null = null) {
    super();
    this.conv = new nn.Conv2d(channels, channels, 3, { padding: 1 });
    this.bn = new nn.BatchNorm2d(channels);
    this.downsample = downsample;
  }

  forward(input: Tensor): Tensor {
    const shortcut = this.downsample === null ? input : this.downsample(input);
    return this.bn(this.conv(input)).add(shortcut).relu();
  }
}

class Tied extends nn.Module {
  readonly encoder = new nn.Linear(3, 3);
  readonly decoder = new nn.Linear(3, 3);
  readonly again: nn.Linear;

  constructor() {
    super();
    this.decoder.weight.dispose();
    this.decoder.weight = this.encoder.weight;
    this.again = this.encoder;
  }

  forward(input: Tensor): Tensor {
    return this.decoder(this.encoder(input));
  }
}

describe('a module', () => {
  it('finds its children, parameters and buffers in the order of assignment', () => {
    using block = new Block(2, new nn.Sequential(new nn.Conv2d(2, 2, 1, { bias: false })));
    assert.deepEqual(
      Array.from(block.namedModules(), ([path]) => path),
      ['', 'conv', 'bn', 'downsample', 'downsample.0'],
    );
    assert.deepEqual(
      Array.from(block.namedParameters(), ([path]) => path),
      ['conv.weight', 'conv.bias', 'bn.weight', 'bn.bias', 'downsample.0.weight'],
    );
    assert.deepEqual(
      Array.from(block.namedBuffers(), ([path]) => path),
      ['bn.running_mean', 'bn.running_var', 'bn.num_batches_tracked'],
    );
    assert.equal(block.children().length, 3);
    assert.equal(block.getSubmodule('downsample.0'), block.downsample?.at(0));
    assert.equal(block.getSubmodule(''), block);
    assert.throws(() => block.getSubmodule('downsample.1'), /No module '1' in path 'downsample.1'; children there: 0/);
  });

  it('counts what is shared once among parameters, and under every name in the state', () => {
    using tied = new Tied();
    assert.deepEqual(
      Array.from(tied.namedParameters(), ([path]) => path),
      ['encoder.weight', 'encoder.bias', 'decoder.bias'],
    );
    assert.deepEqual(
      Array.from(tied.namedModules(), ([path]) => path),
      ['', 'encoder', 'decoder'],
    );
    assert.deepEqual(Object.keys(tied.stateDict()), [
      'encoder.weight',
      'encoder.bias',
      'decoder.weight',
      'decoder.bias',
      'again.weight',
      'again.bias',
    ]);
    scope(() =>
      tied(ones([1, 3]))
        .sum()
        .backward(),
    );
    scope(() => assert.notEqual(tied.encoder.weight.grad, null));
  });

  it('is callable and an instance of its class', () => {
    using layer = new nn.Linear(2, 2);
    assert.equal(typeof layer, 'function');
    assert.ok(layer instanceof nn.Linear && layer instanceof nn.Module);
  });

  it('may have children named like properties of functions', () => {
    const odd = new nn.ModuleDict({ name: new nn.Identity(), length: new nn.Identity() });
    assert.deepEqual(
      Array.from(odd.namedChildren(), ([name]) => name),
      ['name', 'length'],
    );
  });

  it('switches mode with all below', () => {
    using block = new Block(2);
    assert.ok(block.modules().every(({ training }) => training));
    assert.equal(block.eval(), block);
    assert.ok(block.modules().every(({ training }) => !training));
    block.train();
    assert.ok(block.bn.training);
  });

  it('lets a module decide about its mode', () => {
    class Frozen extends nn.BatchNorm2d {
      override setTraining(): void {
        super.setTraining(false);
      }
    }
    using net = new nn.Sequential(new Frozen(2), new nn.ReLU());
    net.train();
    assert.deepEqual(
      net.children().map(({ training }) => training),
      [false, true],
    );
  });

  it('freezes and clears gradients', () =>
    scope(() => {
      using layer = new nn.Linear(2, 1);
      layer(ones([1, 2]))
        .sum()
        .backward();
      layer.zeroGrad({ setToNone: false });
      assert.deepEqual(layer.weight.grad?.toArray(), [[0, 0]]);
      layer.zeroGrad();
      assert.equal(layer.weight.grad, null);
      layer.requiresGrad_(false);
      assert.equal(layer(ones([1, 2])).requiresGrad, false);
    }));

  it('applies a function to the children first', () => {
    using net = new nn.Sequential(new nn.Linear(1, 1), new nn.Sequential(new nn.ReLU()));
    const names: string[] = [];
    net.apply((module) => names.push(module.constructor.name));
    assert.deepEqual(names, ['Linear', 'ReLU', 'Sequential', 'Sequential']);
  });

  it('prints as in PyTorch', () => {
    using net = new nn.Sequential(new nn.Linear(2, 3), new nn.Sequential(new nn.ReLU({ inplace: true })));
    const text = `Sequential(
  (0): Linear(in_features=2, out_features=3, bias=True)
  (1): Sequential(
    (0): ReLU(inplace=True)
  )
)`;
    assert.equal(String(net), text);
    assert.equal(inspect(net), text);
  });
});

describe('to()', () => {
  it('converts floating-point tensors and their gradients in place, and nothing else', () =>
    scope(() => {
      using block = new Block(2);
      const { weight } = block.conv;
      block(randn([1, 2, 4, 4]))
        .sum()
        .backward();
      assert.equal(block.to('float64'), block);
      assert.equal(block.conv.weight, weight);
      assert.equal(weight.dtype, 'float64');
      assert.equal(weight.requiresGrad, true);
      assert.equal(weight.grad?.dtype, 'float64');
      assert.equal(block.bn.running_mean?.dtype, 'float64');
      assert.equal(block.bn.num_batches_tracked?.dtype, 'int64');
      assert.equal(block(randn([1, 2, 4, 4], { dtype: 'float64' })).dtype, 'float64');
    }));

  it('changes the memory format of weights of four dimensions', () => {
    using block = new Block(2);
    block.to({ memoryFormat: 'channels_last' });
    assert.equal(block.conv.weight.isContiguous({ memoryFormat: 'channels_last' }), true);
    assert.equal(block.conv.weight.isContiguous(), false);
  });

  it('leaves nothing behind', async () => {
    using block = new Block(2);
    await expectNoLeaks(() => block.to({ dtype: 'float64', device: 'cpu' }));
  });
});

describe('hooks', () => {
  it('see and replace arguments and results, until removed', () =>
    scope(() => {
      using layer = new nn.Identity();
      const seen: string[] = [];
      const removeBefore = layer.registerForwardPreHook((module, [x]) => {
        seen.push(`before ${module.constructor.name}`);
        return [(x as Tensor).add(1)];
      });
      const removeAfter = layer.registerForwardHook((_, [x], output) => {
        seen.push(`after ${(x as Tensor).item()}`);
        return (output as Tensor).mul(10);
      });
      assert.equal(layer(zeros([1])).item(), 10);
      assert.deepEqual(seen, ['before Identity', 'after 1']);
      removeBefore();
      removeAfter();
      assert.equal(layer(zeros([1])).item(), 0);
      assert.equal(seen.length, 2);
    }));

  it('that only look change nothing', () =>
    scope(() => {
      using layer = new nn.ReLU();
      layer.registerForwardPreHook(() => undefined);
      layer.registerForwardHook(() => undefined);
      assert.equal(layer(ones([1])).item(), 1);
    }));
});

describe('a call', () => {
  it('releases what forward makes, apart from the result', async () => {
    using block = new Block(2);
    const input = randn([1, 2, 4, 4]);
    await expectNoLeaks(() => block(input).dispose());
    await expectNoLeaks(() => block(input), 1);
    assert.ok(input.isAlive);
    input.dispose();
  });

  it('releases everything when forward throws', async () => {
    class Failing extends nn.Module {
      forward(input: Tensor): Tensor {
        return input.add(1).matmul(ones([7, 7]));
      }
    }
    const failing = new Failing();
    const input = ones([2, 2]);
    await expectNoLeaks(() => assert.throws(() => failing(input), TorchError));
    input.dispose();
  });

  it('keeps what forward puts aside', () =>
    scope(() => {
      class Remembering extends nn.Module {
        last: { value: Tensor } | undefined;
        forward(input: Tensor): Tensor {
          this.last = { value: keep(input.mul(2)) };
          return input.mul(3);
        }
      }
      const module = new Remembering();
      module(ones([1]));
      assert.equal(module.last?.value.item(), 2);
      module.last?.value.dispose();
    }));

  it('may return structures', () =>
    scope(() => {
      class Two extends nn.Module<[Tensor], { out: Tensor; more: Tensor[] }> {
        forward(input: Tensor): { out: Tensor; more: Tensor[] } {
          return { out: input.add(1), more: [input.add(2)] };
        }
      }
      const { out, more } = new Two()(zeros([1]));
      assert.equal(out.item(), 1);
      assert.equal(more[0]?.item(), 2);
    }));

  it('may change its argument in place', () =>
    scope(() => {
      const input = ones([1]).neg();
      assert.equal(new nn.ReLU({ inplace: true })(input), input);
      assert.equal(input.item(), 0);
    }));

  it('leaves parameters alive, also those made inside a scope', () => {
    const layer = scope(() => new nn.Linear(2, 2));
    scope(() => layer(ones([1, 2])));
    assert.ok(layer.weight.isAlive);
    const before = memory().tensors;
    layer.dispose();
    assert.equal(memory().tensors, before - 2);
  });

  it('refuses a layer of the wrong shape with the numbers', () =>
    scope(() => {
      using bn = new nn.BatchNorm2d(3);
      assert.throws(
        () => bn(ones([2, 3])),
        (error) => error instanceof ArgumentError && /BatchNorm2d.*\[2, 3\]/.test(error.message),
      );
    }));
});

test('a module in a private field can be called, whatever the code is compiled to', () => {
  const layer = new nn.Linear(2, 2);
  const x = tensor([[1, 2]], { dtype: 'float32' });
  const call = (layer as unknown as { call(self: unknown, x: unknown): { toArray(): unknown } }).call(undefined, x);
  assert.deepEqual(call.toArray(), layer(x).toArray());
  assert.deepEqual(Object.keys(layer.stateDict()), ['weight', 'bias']);
});
