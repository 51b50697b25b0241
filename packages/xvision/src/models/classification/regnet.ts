/** @file RegNetX of edgeailite: residual blocks with grouped convolutions, under pycls' names (Radosavovic et al. 2020, arXiv:2003.13678). */

import { nn, type Tensor } from '@edgeai/torch';
import { initialise, pipe } from '../../layers/conv.ts';
import { type Backbone, type BackboneOptions, checkStrides, type Tap } from '../backbone.ts';

/** Widths and depths of the four stages. */
export interface RegNetLayout {
  readonly widths: readonly [number, number, number, number];
  readonly depths: readonly [number, number, number, number];
  readonly groupWidth: number;
}

export interface RegNetOptions extends BackboneOptions {
  /** Default 1000. */
  numClasses?: number;
}

const STEM = 32;

function norm(channels: number): nn.BatchNorm2d {
  return new nn.BatchNorm2d(channels);
}

class Stem extends nn.Module {
  readonly conv: nn.Conv2d;
  readonly bn: nn.BatchNorm2d;
  readonly relu1: nn.ReLU;
  declare readonly maxpool?: nn.MaxPool2d;

  constructor(inputs: number, outputs: number, stride: number, fastdown: boolean) {
    super();
    this.conv = new nn.Conv2d(inputs, outputs, 3, { stride, padding: 1, bias: false });
    this.bn = norm(outputs);
    this.relu1 = new nn.ReLU({ inplace: true });
    if (fastdown) this.maxpool = new nn.MaxPool2d(3, { stride: 2, padding: 1 });
  }

  forward(x: Tensor): Tensor {
    const steps = [this.conv, this.bn, this.relu1];
    return pipe(x, ...steps, ...(this.maxpool === undefined ? [] : [this.maxpool]));
  }
}

/** 1×1, grouped 3×3, 1×1. */
class Transform extends nn.Sequential {
  constructor(inputs: number, outputs: number, stride: number, groups: number) {
    super({
      a: new nn.Conv2d(inputs, outputs, 1, { bias: false }),
      a_bn: norm(outputs),
      a_relu: new nn.ReLU({ inplace: true }),
      b: new nn.Conv2d(outputs, outputs, 3, { stride, padding: 1, groups, bias: false }),
      b_bn: norm(outputs),
      b_relu: new nn.ReLU({ inplace: true }),
      c: new nn.Conv2d(outputs, outputs, 1, { bias: false }),
      c_bn: norm(outputs),
    });
  }
}

class Block extends nn.Module {
  readonly f: Transform;
  declare readonly proj?: nn.Conv2d;
  declare readonly bn?: nn.BatchNorm2d;
  readonly relu: nn.ReLU;

  constructor(inputs: number, outputs: number, stride: number, groups: number) {
    super();
    this.f = new Transform(inputs, outputs, stride, groups);
    if (stride !== 1 || inputs !== outputs) {
      this.proj = new nn.Conv2d(inputs, outputs, 1, { stride, bias: false });
      this.bn = norm(outputs);
    }
    this.relu = new nn.ReLU({ inplace: true });
  }

  forward(x: Tensor): Tensor {
    const shortcut = this.proj === undefined || this.bn === undefined ? x : pipe(x, this.proj, this.bn);
    return this.relu(shortcut.add(this.f(x)));
  }
}

/** Stem and four stages: `stem`, `s1` … `s4`. The second stride belongs to the first stage, as in the published networks always 2. */
export function regNetFeatures(layout: RegNetLayout, options: BackboneOptions = {}): Backbone {
  const { inputChannels = 3, fastdown = false } = options;
  const [s0, , s2, s3, s4] = checkStrides(options.strides);
  let total = s0 * (fastdown ? 2 : 1);
  let channels = STEM;
  const named: Record<string, nn.Module> = { stem: new Stem(inputChannels, STEM, s0, fastdown) };
  const taps: Tap[] = [{ channels, stride: total }];
  for (const [i, stride] of [2, s2, s3, s4].entries()) {
    const width = layout.widths[i] ?? 0;
    const blocks: Record<string, nn.Module> = {};
    for (let block = 1; block <= (layout.depths[i] ?? 0); block++) {
      blocks[`b${block}`] = new Block(channels, width, block === 1 ? stride : 1, width / layout.groupWidth);
      channels = width;
    }
    named[`s${i + 1}`] = new nn.Sequential(blocks);
    total *= stride;
    taps.push({ channels, stride: total });
  }
  return { features: new nn.Sequential(named), taps };
}

class Head extends nn.Sequential {
  constructor(inputs: number, numClasses: number) {
    super({
      avgpool: new nn.AdaptiveAvgPool2d(1),
      flatten: new nn.Flatten(),
      fc: new nn.Linear(inputs, numClasses),
    });
  }
}

/** `(N, 3, H, W)` to `(N, numClasses)`. */
export class RegNet extends nn.Module {
  readonly features: nn.Sequential;
  readonly head: Head;

  constructor(layout: RegNetLayout, options: RegNetOptions = {}) {
    super();
    const { features, taps } = regNetFeatures(layout, options);
    this.features = features;
    this.head = new Head(taps.at(-1)?.channels ?? 0, options.numClasses ?? 1000);
    initialise(this);
  }

  forward(x: Tensor): Tensor {
    return this.head(this.features(x));
  }
}

export const REGNETX400MF: RegNetLayout = { widths: [32, 64, 160, 384], depths: [1, 2, 7, 12], groupWidth: 16 };
export const REGNETX800MF: RegNetLayout = { widths: [64, 128, 288, 672], depths: [1, 3, 7, 5], groupWidth: 16 };
export const REGNETX1P6GF: RegNetLayout = { widths: [72, 168, 408, 912], depths: [2, 4, 10, 2], groupWidth: 24 };
export const REGNETX3P2GF: RegNetLayout = { widths: [96, 192, 432, 1008], depths: [2, 6, 15, 2], groupWidth: 48 };
