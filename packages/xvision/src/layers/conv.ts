/** @file The convolution blocks that every edgeailite network is made of: conv, norm, activation, plain and depthwise separable. */

import { ArgumentError, nn } from '@edgeai/torch';
import { models, ops } from '@edgeai/vision';

/** Makes an activation. */
export type Activation = () => nn.Module;

/** The activation of all edgeailite networks unless told otherwise. */
export const relu: Activation = () => new nn.ReLU();

/** How the channels of a spatial convolution are grouped: each by itself, or in groups of this many. */
export type GroupSize = 'depthwise' | number;

export interface ConvNormActOptions {
  /** Default 1. */
  stride?: number;
  /** Default: what keeps the size at stride 1 with an odd kernel. */
  padding?: number;
  /** Default 1. */
  dilation?: number;
  /** Default 1. */
  groups?: number;
  /** Default `false`. */
  bias?: boolean;
  /** Batch normalisation. Default `true`. */
  norm?: boolean;
  /** `null` for none. Default ReLU. */
  activation?: Activation | null;
}

/** Convolution, batch norm, activation: children `0`, `1`, `2`, without gaps where one is left out. `(N, C, H, W)`. */
export class ConvNormAct2d extends nn.Sequential {
  readonly outChannels: number;

  constructor(inChannels: number, outChannels: number, kernelSize: number, options: ConvNormActOptions = {}) {
    const { stride = 1, dilation = 1, groups = 1, bias = false, norm = true, activation = relu } = options;
    const padding = options.padding ?? Math.floor((kernelSize - 1) / 2) * dilation;
    const layers: nn.Module[] = [
      new nn.Conv2d(inChannels, outChannels, kernelSize, { stride, padding, dilation, groups, bias }),
    ];
    if (norm) layers.push(new nn.BatchNorm2d(outChannels));
    if (activation !== null) layers.push(activation());
    super(...layers);
    this.outChannels = outChannels;
  }
}

/**
 * The number of groups of a spatial convolution over `channels`. Group sizes that do not divide the channels give the next smaller
 * number of groups that does, so that any number of classes can be built.
 *
 * @throws {ArgumentError} for a group size below 1
 */
export function groupCount(channels: number, groupSize: GroupSize): number {
  if (groupSize === 'depthwise') return channels;
  if (!Number.isInteger(groupSize) || groupSize < 1)
    throw ArgumentError.expected('groupSize', "'depthwise' or a whole number of at least 1", groupSize);
  let groups = Math.max(1, Math.floor(channels / groupSize));
  while (channels % groups !== 0) groups--;
  return groups;
}

export interface SeparableOptions extends Omit<ConvNormActOptions, 'groups' | 'norm' | 'activation' | 'bias'> {
  /** Default `'depthwise'`. */
  groupSize?: GroupSize;
  /** Batch norm after the spatial and after the pointwise convolution. Default both. */
  norm?: readonly [spatial: boolean, pointwise: boolean];
  /** Activation after each; `null` for none. Default ReLU after both. */
  activation?: readonly [spatial: Activation | null, pointwise: Activation | null];
}

/** A grouped k×k convolution, then a 1×1: children `0` and `1`, each a {@link ConvNormAct2d}. */
export class ConvDWSepNormAct2d extends nn.Sequential {
  readonly outChannels: number;

  constructor(inChannels: number, outChannels: number, kernelSize: number, options: SeparableOptions = {}) {
    const { groupSize = 'depthwise', norm = [true, true], activation = [relu, relu], ...geometry } = options;
    super(
      new ConvNormAct2d(inChannels, inChannels, kernelSize, {
        ...geometry,
        groups: groupCount(inChannels, groupSize),
        norm: norm[0],
        activation: activation[0],
      }),
      new ConvNormAct2d(inChannels, outChannels, 1, { norm: norm[1], activation: activation[1] }),
    );
    this.outChannels = outChannels;
  }
}

/** The widths of all edgeailite networks: the nearest multiple of 8, never more than a tenth below. */
export function divisibleBy8(channels: number): number {
  return models.makeDivisible(channels, 8);
}

/** How all edgeailite networks begin: convolutions as He et al. 2015 (arXiv:1502.01852), linear layers near zero. */
export function initialise(model: nn.AnyModule): void {
  models.initialiseLayers(model, { conv: models.kaimingFanOut, linear: models.normalWith(0.01) });
}

export const { pipe } = ops;
