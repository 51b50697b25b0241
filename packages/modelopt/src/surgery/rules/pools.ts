/** @file Rules that split large pooling windows into small ones, only where the result is the same to the last bit or rounding. */

import { fx, nn } from '@edgeai/torch';
import { exactly, type GraphSite, type ModuleRewrite, type SurgeryRule } from '../rule.ts';

/** Windows of this size and more are split. */
const LARGE = 5;

interface Window {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  readonly ceilMode: boolean;
}

interface Stage {
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
}

const isLarge = (kernel: readonly number[]) => Math.max(...kernel) >= LARGE;
const pair = (value: unknown): number[] => {
  const list = [value].flat() as number[];
  return list.length === 1 ? [list[0] as number, list[0] as number] : list;
};

/** What no split handles; undefined where nothing stands in the way. */
function obstacle({ kernel, stride, padding, dilation, ceilMode }: Window): string | undefined {
  if ([kernel, stride, padding].some(([a, b]) => a !== b)) return 'only square windows, strides and paddings are split';
  if (dilation.some((step) => step !== 1)) return 'a dilated window has no split';
  return ceilMode ? 'rounding sizes up (ceilMode) would count other windows after a split' : undefined;
}

/**
 * Windows of 3 with stride 1, then one of 3 or 2 with the whole stride. Each takes its share of the padding; positions in the
 * padding only repeat what their neighbours see, so the maxima are the same.
 */
export function splitMax(window: Window): Stage[] | string {
  const refused = obstacle(window);
  if (refused !== undefined) return refused;
  const [kernel = 1] = window.kernel;
  let [padding = 0] = window.padding;
  const stages: Stage[] = [];
  let left = kernel;
  while (left > 3) {
    const share = Math.min(1, padding);
    stages.push({ kernel: 3, stride: 1, padding: share });
    padding -= share;
    left -= 2;
  }
  return [...stages, { kernel: left, stride: window.stride[0] ?? 1, padding }];
}

/** Windows that tile: an average of equally many averages. There are such only for divisible sizes and strides, without padding. */
export function splitAverage(window: Window): Stage[] | string {
  const refused = obstacle(window);
  if (refused !== undefined) return refused;
  const [kernel = 1] = window.kernel;
  const [stride = 1] = window.stride;
  if (window.padding[0] !== 0) return 'an average over padding is no average of averages';
  const stages: Stage[] = [];
  let leftKernel = kernel;
  let leftStride = stride;
  while (leftKernel > 3) {
    const factor = [3, 2].find((size) => leftKernel % size === 0 && leftStride % size === 0);
    if (factor === undefined)
      return `an average over ${kernel}×${kernel} with stride ${stride} is no average of averages over windows of 2 or 3`;
    stages.push({ kernel: factor, stride: factor, padding: 0 });
    leftKernel /= factor;
    leftStride /= factor;
  }
  return leftKernel === 1 ? stages : [...stages, { kernel: leftKernel, stride: leftStride, padding: 0 }];
}

function chain(stages: readonly Stage[] | string, make: (stage: Stage) => nn.Module): nn.Module | string {
  return typeof stages === 'string' ? stages : new nn.Sequential(...stages.map(make));
}

const maxPool = ({ kernel, ...rest }: Stage) => new nn.MaxPool2d(kernel, rest);
const averagePool = ({ kernel, ...rest }: Stage) => new nn.AvgPool2d(kernel, rest);

const maxModules: ModuleRewrite = {
  matches: (module) => exactly(nn.MaxPool2d)(module) && isLarge(pair((module as nn.MaxPool2d).kernelSize)),
  replace: (module) => {
    const { kernelSize, stride, padding, dilation, ceilMode, returnIndices } = module as nn.MaxPool2d;
    if (returnIndices) return 'positions of maxima (returnIndices) are lost in a split';
    const window = { kernel: pair(kernelSize), stride: pair(stride), padding: pair(padding), dilation: pair(dilation) };
    return chain(splitMax({ ...window, ceilMode }), maxPool);
  },
};

const averageModules: ModuleRewrite = {
  matches: (module) => exactly(nn.AvgPool2d)(module) && isLarge(pair((module as nn.AvgPool2d).kernelSize)),
  replace: (module) => {
    const { kernelSize, stride, padding, ceilMode, divisorOverride } = module as nn.AvgPool2d;
    if (divisorOverride !== null) return 'a sum with a divisor of its own (divisorOverride) is no average';
    const window = { kernel: pair(kernelSize), stride: pair(stride), padding: pair(padding), dilation: [1, 1] };
    return chain(splitAverage({ ...window, ceilMode }), averagePool);
  },
};

/** The window of a functional pool, by the names of the schema. */
function windowOf(node: fx.CallNode): Window {
  const named = fx.namedArguments(node);
  const kernel = pair(named.kernel_size);
  const given = [named.stride].flat();
  return {
    kernel,
    stride: given.length === 0 ? kernel : pair(named.stride),
    padding: pair(named.padding),
    dilation: named.dilation === undefined ? [1, 1] : pair(named.dilation),
    ceilMode: named.ceil_mode === true,
  };
}

function functional(operator: string, split: typeof splitMax, make: (stage: Stage) => nn.Module) {
  const large = (node: fx.CallNode) =>
    isLarge(windowOf(node).kernel) && fx.namedArguments(node).divisor_override == null;
  return {
    pattern: () => new fx.PatternMatcher(fx.call(operator, [fx.input('x')], { where: large })),
    replace: (match: fx.PatternMatch, before: fx.Node, { target, freshPath }: GraphSite) => {
      const made = chain(split(windowOf(match.output as fx.CallNode)), make);
      if (typeof made === 'string') return made;
      const path = freshPath(match.output.path);
      return fx.insertModule(target, made, { path, args: [match.node('x')], before }) as fx.Node;
    },
  };
}

export const poolRules: readonly SurgeryRule[] = [
  {
    id: 'break_maxpool2d_with_kernel_size_greater_than_equal_to_5',
    summary: 'max pool of 5×5 and more → chain of 3×3 (and 2×2) max pools, equal in every element',
    preserves: 'exact',
    weights: 'none',
    burden: 'accelerators pool windows of up to 3×3',
    modules: maxModules,
    graph: [functional('max_pool2d', splitMax, maxPool)],
  },
  {
    id: 'break_avgpool2d_with_kernel_size_greater_than_equal_to_5',
    summary:
      'average pool of 5×5 and more → chain of 3×3 and 2×2 average pools, where their windows tile; refused elsewhere',
    preserves: 'exact',
    weights: 'none',
    burden: 'accelerators pool windows of up to 3×3',
    modules: averageModules,
    graph: [functional('avg_pool2d', splitAverage, averagePool)],
  },
];
