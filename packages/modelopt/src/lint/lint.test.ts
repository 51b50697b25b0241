/** @file For each rule a network that breaks it and one that keeps it, and what is said of it. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cat, fx, nn, scope, type Tensor, zeros } from '@edgeai/torch';
import { models, ops } from '@edgeai/vision';
import { surgeryRules } from '../surgery/rules/index.ts';
import {
  type DeviceProfile,
  deviceProfile,
  deviceProfiles,
  type Finding,
  hasSeverity,
  lintGraph,
  lintModel,
} from './index.ts';
import { ruleKinds } from './rules.ts';

const am68a = deviceProfile('AM68A');

function net(forward: (x: Tensor) => Tensor): nn.Module {
  class Net extends nn.Module {
    forward(x: Tensor): Tensor {
      return forward(x);
    }
  }
  return new Net();
}

const conv = (inputs: number, kernel: number | [number, number], options = {}) =>
  new nn.Conv2d(inputs, inputs, kernel, options);

interface Example {
  rule: string;
  bad: () => nn.AnyModule;
  good?: () => nn.AnyModule;
  shape?: number[];
  why: RegExp;
  mendedBy?: string;
  target?: string;
}

const EXAMPLES: Example[] = [
  {
    rule: 'operators',
    bad: () => net((x) => x.roll([1], [2])),
    good: () => net((x) => x.matmul(x.transpose(-1, -2))),
    why: /no roll/,
  },
  {
    rule: 'activations',
    bad: () => new nn.Hardswish(),
    good: () => new nn.ReLU6(),
    why: /hardswish is not among relu/,
    mendedBy: 'hardswish_to_relu',
    target: 'am62a',
  },
  {
    rule: 'convolutionKernels',
    bad: () => conv(8, 9, { padding: 4 }),
    good: () => conv(8, [1, 5]),
    why: /kernels of 9×9/,
    mendedBy: 'break_conv2d_with_kernel_size_greater_than_7',
  },
  {
    rule: 'convolutionStrides',
    bad: () => conv(8, 6, { stride: 2, padding: 2 }),
    good: () => conv(8, 16, { stride: 16 }),
    why: /stride 2 does not go with even kernels/,
    mendedBy: 'replace_conv_k_size_6_to_k_size_5',
  },
  {
    rule: 'convolutionStrides',
    bad: () => conv(8, 3, { stride: 3 }),
    why: /3×3 with stride 3 does not run/,
    target: 'am62a',
  },
  {
    rule: 'convolutionDilation',
    bad: () => conv(8, 3, { stride: 2, dilation: 2 }),
    good: () => conv(8, 3, { dilation: 2 }),
    why: /stride 1 only/,
  },
  {
    rule: 'depthwiseKernels',
    bad: () => conv(8, 9, { groups: 8, padding: 4 }),
    good: () => conv(8, 5, { groups: 8, stride: 2 }),
    why: /depthwise 9×9 with stride 1×1/,
    mendedBy: 'break_conv2d_with_kernel_size_greater_than_7',
  },
  {
    rule: 'transposedConvolution',
    bad: () => new nn.ConvTranspose2d(8, 4, 3, { stride: 3 }),
    good: () => new nn.ConvTranspose2d(8, 4, 4, { stride: 2 }),
    why: /need kernels of 2, 3, 4, stride 2/,
  },
  {
    rule: 'pools',
    bad: () => new nn.MaxPool2d(5, { stride: 1, padding: 2 }),
    good: () => new nn.MaxPool2d(3, { stride: 2, padding: 1 }),
    why: /kernels of 5×5 are not among 1, 2, 3/,
    mendedBy: 'break_maxpool2d_with_kernel_size_greater_than_equal_to_5',
  },
  {
    rule: 'globalPool',
    bad: () => new nn.AdaptiveAvgPool2d(1),
    good: () => new nn.AdaptiveAvgPool2d(1),
    shape: [1, 8, 64, 64],
    why: /4096 elements, more than 1024/,
  },
  {
    rule: 'normalization',
    bad: () => new nn.GroupNorm(2, 8),
    good: () => new nn.Sequential(conv(8, 3), new nn.BatchNorm2d(8)),
    why: /no group_norm/,
    mendedBy: 'groupnorm_to_batchnorm',
  },
  {
    rule: 'resize',
    bad: () => net((x) => nn.functional.interpolate(x, { size: [64, 64], mode: 'bilinear', alignCorners: false })),
    good: () => net((x) => nn.functional.interpolate(x, { scaleFactor: 2, mode: 'bilinear', alignCorners: false })),
    why: /told a size, not scales/,
    mendedBy: 'convert_resize_params_size_to_scale',
  },
  {
    rule: 'softmaxAxis',
    bad: () => new nn.Softmax(1),
    good: () => new nn.Softmax(-1),
    why: /axis -3 is not among -1, -2/,
  },
  {
    rule: 'concatAxis',
    bad: () => net((x) => cat([x, x.relu()], 0)),
    good: () => net((x) => cat([x, x.relu()], 1)),
    why: /axis -4/,
  },
  {
    rule: 'slices',
    bad: () => net((x) => x.slice(2, 0, null, 3)),
    good: () =>
      net((x) =>
        cat(
          [0, 1].flatMap((i) => [0, 1].map((j) => x.slice(2, i, null, 2).slice(3, j, null, 2))),
          1,
        ),
      ),
    why: /steps of 3/,
  },
  {
    rule: 'elementwiseShapes',
    bad: () => net((x) => x.add(x.mean([-1], { keepdim: true }))),
    good: () => net((x) => x.mul(x.mean([2, 3], { keepdim: true }))),
    why: /1×8×32×32 and 1×8×32×1/,
  },
  {
    rule: 'ranks',
    bad: () => net((x) => x.reshape([1, 2, 4, 4, 8, 32]).permute([5, 0, 1, 2, 3, 4])),
    good: () => net((x) => x.reshape([1, 2, 4, 4, 8, 32]).permute([0, 1, 3, 5, 2, 4])),
    why: /last of six dimensions/,
  },
  { rule: 'padding', bad: () => new nn.ReflectionPad2d(1), good: () => new nn.ZeroPad2d(1), why: /only zeros/ },
  {
    rule: 'argmaxAxis',
    bad: () => net((x) => x.argmax(3, true)),
    good: () => net((x) => x.argmax(1, true)),
    why: /needs axis -3/,
  },
  {
    rule: 'channelGates',
    bad: () => new ops.SqueezeExcitation(8, 4),
    good: () => net((x) => x.mul(x.relu())),
    why: /a gate scales each channel/,
    mendedBy: 'squeeze_and_excite_to_identity',
  },
  { rule: 'batchSize', bad: () => conv(8, 3), shape: [4, 8, 32, 32], why: /the batch is 4, not 1/ },
  {
    rule: 'moduleReuse',
    bad: () => {
      const relu = new nn.ReLU();
      return new nn.Sequential(relu, conv(8, 3), relu);
    },
    good: () => new nn.Sequential(new nn.ReLU(), conv(8, 3), new nn.ReLU()),
    why: /called 2 times/,
    target: 'tda4vm',
  },
];

function lint(model: nn.AnyModule, shape: readonly number[], profile: DeviceProfile): Finding[] {
  return scope(() => lintModel(model, [zeros([...shape])], profile));
}

describe('rules', () => {
  for (const { rule, bad, good, shape = [1, 8, 32, 32], why, mendedBy = null, target = 'am68a' } of EXAMPLES) {
    it(`${rule} says why, and who mends it`, () => {
      const profile = deviceProfile(target);
      const finding = lint(bad(), shape, profile).find((found) => found.rule === rule);
      assert.match(finding?.why ?? 'no finding', why);
      assert.equal(finding?.mendedBy, mendedBy);
      if (good === undefined) return;
      const other = lint(good(), [1, 8, 32, 32], profile).filter((found) => found.rule === rule);
      assert.deepEqual(other, []);
    });
  }

  it('deformableConvolution speaks of kernels and strides, whatever library the operator is from', () => {
    scope(() => {
      using graph = fx.capture(new nn.ReLU(), [zeros([1, 8, 32, 32])]);
      const [node] = graph.nodes.filter((found) => found.kind === 'call');
      assert.ok(node !== undefined);
      const place = { node, output: [1, 8, 32, 32], moduleCalls: 1, mergesPatches: false };
      const check = (kernel: number[], stride: number[]) =>
        ruleKinds.deformableConvolution(
          { ...place, operation: { kind: 'deformConv', kernel, stride } },
          { kernel: 3, stride: 1 },
        );
      assert.equal(check([3, 3], [1, 1]), null);
      assert.match(check([3, 3], [2, 2])?.why ?? '', /kernels of 3×3 and stride 1/);
    });
  });

  it('have an example each', () => {
    const shown = new Set([...EXAMPLES.map(({ rule }) => rule), 'deformableConvolution']);
    assert.deepEqual([...shown].sort(), Object.keys(ruleKinds).sort());
  });

  it('name surgery rules that exist', () => {
    const ids = new Set(surgeryRules.map(({ id }) => id));
    for (const { mendedBy } of EXAMPLES) if (mendedBy !== undefined) assert.ok(ids.has(mendedBy), mendedBy);
  });
});

describe('networks', () => {
  it('that are made for the device have no findings; others say where and what', () => {
    using resnet = models.resnet18();
    for (const profile of deviceProfiles)
      if (profile.name !== 'tda4vm') assert.deepEqual(lint(resnet, [1, 3, 224, 224], profile), [], profile.name);
    assert.equal(hasSeverity(lint(resnet, [1, 3, 224, 224], deviceProfile('tda4vm')), 'warning'), false);
    using mobile = models.mobilenet_v3_small();
    const findings = lint(mobile, [1, 3, 224, 224], deviceProfile('am62a'));
    const gates = findings.filter(({ rule }) => rule === 'channelGates');
    assert.equal(gates.length, 9);
    const plane = findings.find(({ rule }) => rule === 'globalPool');
    assert.deepEqual(plane, {
      rule: 'globalPool',
      severity: 'error',
      node: plane?.node,
      where: 'features.1.block.1.avgpool',
      what: 'adaptive_avg_pool2d 56×56 → 1×1',
      why: 'a plane of 56×56 has 3136 elements, more than 1024',
      mendedBy: 'squeeze_and_excite_to_identity',
    });
    assert.ok(hasSeverity(findings, 'error'));
  });

  it('are looked into when they come as a graph, whose nodes are named', () => {
    const model = new nn.Sequential(conv(8, 9), new nn.ReLU()).eval();
    scope(() => {
      using graph = fx.capture(model, [zeros([1, 8, 32, 32])]);
      const [finding] = lintGraph(graph, am68a);
      assert.equal(finding?.node, graph.nodes.find((node) => node.kind === 'module')?.name);
      assert.equal(finding?.what, 'convolution 9×9 8→8');
    });
  });

  it('targets go by name', () => {
    assert.equal(deviceProfile('TDA4VM').name, 'tda4vm');
    assert.throws(() => deviceProfile('x'), /Expected generic-int8, tda4vm, .* for target/);
  });
});
