/** @file Rules for whole blocks: ConvNeXt's block, and YOLO's Focus, which puts pixels into channels. */

import { fx, nn, noGrad, Operator, scope, type Tensor } from '@edgeai/torch';
import { models } from '@edgeai/vision';
import { LiteCNBlock } from '../layers.ts';
import { splitKernel } from '../projection.ts';
import { type GraphSite, likeParametersOf, type Site, type SurgeryRule } from '../rule.ts';

// --- ConvNeXt -----------------------------------------------------------------------------------------------------------------

/** The linear layers become 1×1 convolutions with their weights, the 7×7 kernel is split; norms begin neutral or, after the first two, as the layer norm. */
function liteBlock(module: nn.AnyModule, site: Site): nn.AnyModule {
  const old = module as models.CNBlock;
  const [depthwise, , norm, widen, , narrow] = old.block.children() as [
    nn.Conv2d,
    nn.Module,
    nn.LayerNorm,
    nn.Linear,
    nn.Module,
    nn.Linear,
  ];
  const dim = depthwise.outChannels;
  const made = new LiteCNBlock(dim, old.stochastic_depth.p).to(likeParametersOf(old));
  const conv = (i: number) => made.block.getSubmodule(`${i}.0`) as nn.Conv2d;
  const batchNorm = (i: number) => made.block.getSubmodule(`${i}.1`) as nn.BatchNorm2d;
  noGrad(() =>
    scope(() => {
      const { first, second } = splitKernel(depthwise.weight, dim, 5);
      conv(0).weight.copy_(first.unsqueeze(1));
      conv(1).weight.copy_(second);
      conv(0).bias?.zero_();
      copy(conv(1).bias, depthwise.bias);
      // In the place of the layer norm.
      copy(batchNorm(1).weight, norm.weight);
      copy(batchNorm(1).bias, norm.bias);
      conv(2).weight.copy_(widen.weight.reshape([4 * dim, dim, 1, 1]));
      copy(conv(2).bias, widen.bias);
      conv(3).weight.copy_(narrow.weight.reshape([dim, 4 * dim, 1, 1]));
      copy(conv(3).bias, narrow.bias);
      copy(batchNorm(3).weight, old.layer_scale.reshape([dim]));
    }),
  );
  for (const i of [0, 2, 3]) site.addNorm(batchNorm(i), 'neutral');
  site.addNorm(batchNorm(1), 'normalise');
  return made;
}

function copy(parameter: Tensor | null, value: Tensor | null): void {
  if (parameter !== null && value !== null) parameter.copy_(value);
}

// --- Focus --------------------------------------------------------------------------------------------------------------------

/** Offsets in y and x of the four parts, in Focus's order. */
const PARITIES: readonly (readonly [number, number])[] = [
  [0, 0],
  [1, 0],
  [0, 1],
  [1, 1],
];

/** `cat` of four slicings of the same input, each by two in both directions. */
function focusPattern(): fx.Pattern {
  const x = fx.input('x');
  const part = (i: number) => fx.call('slice', [fx.call('slice', [x], { name: `outer${i}` })], { name: `inner${i}` });
  return fx.call('cat', [[part(0), part(1), part(2), part(3)], 1], { name: 'focus' });
}

/** The parts are the four parities of a map, in Focus's order. */
function isFocus(match: fx.PatternMatch): boolean {
  return PARITIES.every(([y, x], i) => {
    const steps = [match.node(`outer${i}`), match.node(`inner${i}`)].map((node) => sliceOf(node as fx.CallNode));
    const start = (dim: number) => steps.find((step) => step.dim === dim)?.start;
    return steps.every(({ step, toEnd }) => step === 2 && toEnd) && start(2) === y && start(3) === x;
  });
}

function sliceOf(node: fx.CallNode): { dim: number; start: number; step: number; toEnd: boolean } {
  const { dim, start, end, step } = fx.namedArguments(node);
  const [source] = node.args as readonly fx.Node[];
  const shape = source === undefined ? undefined : fx.tensorMeta(source)?.shape;
  const positive = Number(dim) < 0 ? Number(dim) + (shape?.length ?? 4) : Number(dim);
  const size = shape?.[positive] ?? Number.POSITIVE_INFINITY;
  return {
    dim: positive,
    start: Number(start ?? 0),
    step: Number(step),
    toEnd: end === null || end === undefined || Number(end) >= size,
  };
}

const RESHAPE = new Operator('aten::reshape');
const PERMUTE = new Operator('aten::permute');

function asPermutation(match: fx.PatternMatch, before: fx.Node, { target }: GraphSite): fx.Node | string | undefined {
  if (!isFocus(match)) return undefined;
  const x = match.node('x');
  const meta = fx.tensorMeta(x);
  if (meta === undefined) return 'the shape of the input is not known';
  const [batch = 1, channels = 1, height = 1, width = 1] = meta.shape;
  if (height % 2 !== 0 || width % 2 !== 0) return 'an image of odd size has no such form';
  const { path, modulePath } = match.output;
  const { dtype } = meta;
  // Whatever batch comes: −1 leaves it to the operator.
  const add = (operator: Operator, name: string, args: readonly fx.Argument[], shape: readonly number[]) =>
    target.graph.add(
      { kind: 'call', operator, path: path.replace(/[^.]*$/, name), args, meta: { shape, dtype }, modulePath },
      before,
    );
  const half = [height / 2, width / 2] as const;
  const split = [channels, half[0], 2, half[1], 2];
  const pixels = add(RESHAPE, 'reshape', [x, [-1, ...split]], [batch, ...split]);
  const moved = add(PERMUTE, 'permute', [pixels, [0, 5, 3, 1, 2, 4]], [batch, 2, 2, channels, ...half]);
  return add(RESHAPE, 'reshape', [moved, [-1, 4 * channels, ...half]], [batch, 4 * channels, ...half]);
}

/** Focus and the convolution after it are one convolution of twice the kernel, stride and padding. */
function asConvolution(match: fx.PatternMatch, before: fx.Node, { target }: GraphSite): fx.Node | string | undefined {
  if (!isFocus(match)) return undefined;
  const conv = match.module('conv', nn.Conv2d);
  const { kernelSize, stride, padding, groups } = conv;
  if (groups !== 1 || conv.paddingMode !== 'zeros' || conv.dilation.some((step) => step !== 1) || padding === 'same')
    return 'only an ordinary convolution after Focus takes it in';
  const twice = (sizes: readonly number[]) => sizes.map((size) => 2 * size) as unknown as readonly [number, number];
  const channels = conv.inChannels / 4;
  const made = new nn.Conv2d(channels, conv.outChannels, twice(kernelSize), {
    stride: twice(stride),
    padding: padding === 'valid' ? 0 : twice(padding),
    bias: conv.bias !== null,
    ...likeParametersOf(conv),
  });
  made.training = conv.training;
  noGrad(() =>
    scope(() => {
      PARITIES.forEach(([y, x], i) => {
        const part = conv.weight.narrow(1, i * channels, channels);
        const height = kernelSize[0] ?? 1;
        const width = kernelSize[1] ?? 1;
        const taps = made.weight.reshape([conv.outChannels, channels, height, 2, width, 2]);
        taps.select(5, x).select(3, y).copy_(part);
      });
      copy(made.bias, conv.bias);
    }),
  );
  const { target: path } = match.node('conv') as fx.ModuleNode;
  target.setSubmodule(path, made);
  return fx.insertModule(target, made, { path, args: [match.node('x')], before }) as fx.Node;
}

export const blockRules: readonly SurgeryRule[] = [
  {
    id: 'replace_CNBlock',
    summary: "ConvNeXt's block → depthwise 5×5 and 3×3, two 1×1 convolutions, batch norms and ReLUs",
    preserves: 'retrain',
    weights: 'carried over, the 7×7 kernel projected; layer scale becomes the scale of the last norm',
    burden: 'layer norms, GELU and permutations between convolutions',
    modules: { matches: (module) => module instanceof models.CNBlock, replace: liteBlock },
  },
  {
    id: 'focus_to_strided_conv',
    summary: 'Focus slicing and the convolution after it → one convolution of twice the kernel with stride 2',
    preserves: 'exact',
    weights: 'kept, in another order',
    burden: 'slices with steps do not run on accelerators',
    graph: [
      {
        pattern: () => new fx.PatternMatcher(fx.module(nn.Conv2d, [focusPattern()], { name: 'conv' })),
        replace: asConvolution,
      },
    ],
  },
  {
    id: 'focus_to_optimized_focus',
    summary: 'Focus slicing → reshape and permute',
    preserves: 'exact',
    weights: 'none',
    burden: 'slices with steps do not run on accelerators',
    graph: [{ pattern: () => new fx.PatternMatcher(focusPattern()), replace: asPermutation }],
  },
];
