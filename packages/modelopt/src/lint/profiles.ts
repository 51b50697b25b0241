/**
 * @file Devices as data: which rules hold on each, how much they matter, and their numbers.
 *
 * From TI's documentation of the supported operators of TIDL (releases 9 to 11). MMA v1: TDA4VM; v2: AM62A, AM67A, AM68A
 * (TDA4AL, TDA4VE), AM69A (TDA4VH).
 */

import type { RuleKind, RuleParameters } from './rules.ts';

/** An error does not run on the accelerator, a warning runs badly, a hint is worth knowing. */
export type Severity = 'error' | 'warning' | 'hint';

/** A rule of a profile: its kind, how much it matters, its numbers. */
export type ProfileRule = {
  [Kind in RuleKind]: { readonly rule: Kind; readonly severity: Severity } & RuleParameters[Kind];
}[RuleKind];

export interface DeviceProfile {
  readonly name: string;
  readonly summary: string;
  readonly rules: readonly ProfileRule[];
}

/** ReLUs and what a clip can express. */
const CLIPS = ['relu', 'relu6', 'hardtanh', 'clamp', 'prelu', 'leaky_relu'];
/** What tables can compute besides. */
const TABLES = ['sigmoid', 'tanh', 'hardsigmoid', 'hardswish', 'elu', 'mish', 'gelu', 'silu'];
const ARITHMETIC = ['linear', 'addmm', 'matmul', 'bmm', 'mm'];

const generic: DeviceProfile = {
  name: 'generic-int8',
  summary: 'a device that computes in 8 bits: nothing forbidden, what quantises or runs badly is told',
  rules: [
    { rule: 'activations', severity: 'warning', allowed: CLIPS },
    { rule: 'normalization', severity: 'warning', allowed: [] },
    { rule: 'channelGates', severity: 'warning' },
    { rule: 'convolutionKernels', severity: 'warning', kernels: squares(1, 2, 3, 4, 5, 6, 7) },
    { rule: 'pools', severity: 'warning', kernels: [1, 2, 3, 4], strides: [1, 2, 3, 4] },
    { rule: 'resize', severity: 'warning', modes: ['nearest', 'bilinear'], bySize: false },
    { rule: 'ranks', severity: 'warning', largest: 6 },
    { rule: 'batchSize', severity: 'hint', size: 1 },
  ],
};

function squares(...sizes: readonly number[]): [number, number][] {
  return sizes.map((size) => [size, size]);
}

/** Kernels that are validated: squares and the two halves of separable ones. */
const KERNELS: readonly (readonly [number, number])[] = [
  ...squares(1, 3, 5, 7),
  ...[3, 5, 7].flatMap((size): [number, number][] => [
    [1, size],
    [size, 1],
  ]),
  // Even ones run with stride 1, which another rule says; 11×11 with stride 4.
  ...squares(2, 4, 6, 11),
];

const DEPTHWISE = [
  [1, 3, [1]],
  [3, 3, [1, 2]],
  [5, 5, [1, 2]],
  [7, 7, [1, 2]],
] as const;
const DEPTHWISE_V1 = [
  [3, 3, [1, 2]],
  [5, 5, [1]],
  [7, 7, [1]],
] as const;

interface Differences {
  readonly tables: boolean;
  readonly depthwise: RuleParameters['depthwiseKernels']['kernels'];
  readonly not: readonly (readonly [number, number])[];
  readonly extra?: readonly ProfileRule[];
}

function tidl(name: string, summary: string, { tables, depthwise, not, extra = [] }: Differences): DeviceProfile {
  const others = [
    'gather',
    'index_select',
    'scatter',
    'topk',
    'grid_sampler',
    'amax',
    'amin',
    'pixel_shuffle',
    'pixel_unshuffle',
  ];
  return {
    name,
    summary,
    rules: [
      { rule: 'operators', severity: 'error', allowed: [...ARITHMETIC, ...others] },
      { rule: 'activations', severity: 'error', allowed: [...CLIPS, ...TABLES] },
      ...(tables ? [] : [{ rule: 'activations', severity: 'warning', allowed: CLIPS } as const]),
      { rule: 'convolutionKernels', severity: 'error', kernels: KERNELS },
      { rule: 'convolutionStrides', severity: 'error', largestAtStride2: 7, atStride4: [11], not },
      { rule: 'convolutionDilation', severity: 'error' },
      { rule: 'depthwiseKernels', severity: 'error', kernels: depthwise },
      { rule: 'transposedConvolution', severity: 'error', kernels: [2, 3, 4], stride: 2 },
      { rule: 'deformableConvolution', severity: 'error', kernel: 3, stride: 1 },
      { rule: 'pools', severity: 'error', kernels: [1, 2, 3], strides: [1, 2] },
      { rule: 'globalPool', severity: 'error', largestPlane: 1024 },
      { rule: 'normalization', severity: 'error', allowed: ['layer_norm'] },
      { rule: 'resize', severity: 'error', modes: ['nearest', 'bilinear'], bySize: false },
      { rule: 'softmaxAxis', severity: 'error', axes: [-1, -2] },
      { rule: 'concatAxis', severity: 'error', axes: [-1, -2, -3] },
      { rule: 'slices', severity: 'error' },
      { rule: 'elementwiseShapes', severity: 'error' },
      { rule: 'ranks', severity: 'error', largest: 6 },
      { rule: 'padding', severity: 'error' },
      { rule: 'argmaxAxis', severity: 'error', axis: -3 },
      { rule: 'channelGates', severity: 'warning' },
      { rule: 'batchSize', severity: 'error', size: 1 },
      ...extra,
    ],
  };
}

/** All profiles. */
export const deviceProfiles: readonly DeviceProfile[] = [
  generic,
  tidl('tda4vm', 'TDA4VM, AM68PA: MMA v1, symmetric 8 bits with powers of two as scales', {
    tables: true,
    depthwise: DEPTHWISE_V1,
    not: [],
    extra: [
      { rule: 'activations', severity: 'hint', allowed: ['relu', 'relu6', 'hardtanh', 'clamp'] },
      { rule: 'moduleReuse', severity: 'hint' },
    ],
  }),
  tidl('am62a', 'AM62A: MMA v2 without tables for activations', { tables: false, depthwise: DEPTHWISE, not: [[3, 3]] }),
  tidl('am67a', 'AM67A: MMA v2', { tables: true, depthwise: DEPTHWISE, not: [[3, 3]] }),
  tidl('am68a', 'AM68A, TDA4AL, TDA4VE, TDA4VL: MMA v2', { tables: true, depthwise: DEPTHWISE, not: [] }),
  tidl('am69a', 'AM69A, TDA4VH: MMA v2, four cores', { tables: true, depthwise: DEPTHWISE, not: [] }),
];
