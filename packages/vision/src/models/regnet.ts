/**
 * @file RegNet: residual networks whose widths follow a simple rule.
 *
 * Paper: Radosavovic et al. 2020 (arXiv:2003.13678). Lineage: torchvision's form. The rule: regnet-params.ts. Weights:
 * regnet-weights.ts.
 */

import { nn, type Tensor } from '@edgeai/torch';
import { type ActivationLayer, type LayerFactory, makeLayer, type NormLayer } from '../ops/layer-factory.ts';
import { Conv2dNormActivation, SqueezeExcitation } from '../ops/misc.ts';
import { pipe } from '../ops/pipe.ts';
import { registerClassifier } from './classifier.ts';
import { initialiseLayers, normalWith } from './initialise.ts';
import { type BlockParams, blockParams, type InitParams } from './regnet-params.ts';
import * as weightsOf from './regnet-weights.ts';
import { requireCount, roundHalfEven } from './utils.ts';
import type { WeightsEnum } from './weights.ts';

/** The layers that all parts of the network use. */
export interface RegNetLayers {
  readonly normLayer: NormLayer;
  readonly activationLayer: ActivationLayer;
}

/** A 3×3 convolution that halves the resolution. */
export class SimpleStemIN extends Conv2dNormActivation {
  constructor(widthIn: number, widthOut: number, layers: RegNetLayers) {
    super(widthIn, widthOut, { stride: 2, ...layers });
  }
}

export interface BlockOptions extends RegNetLayers {
  readonly groupWidth: number;
  readonly bottleneckMultiplier: number;
  readonly seRatio: number | null;
}

/** 1×1, 3×3 in groups, optionally squeeze and excitation, 1×1. */
export class BottleneckTransform extends nn.Sequential {
  constructor(widthIn: number, widthOut: number, stride: number, options: BlockOptions) {
    const { normLayer, activationLayer, groupWidth, bottleneckMultiplier, seRatio } = options;
    const width = roundHalfEven(widthOut * bottleneckMultiplier);
    const groups = Math.floor(width / groupWidth);
    const layers: Record<string, nn.Module> = {
      a: new Conv2dNormActivation(widthIn, width, { kernelSize: 1, normLayer, activationLayer }),
      b: new Conv2dNormActivation(width, width, { stride, groups, normLayer, activationLayer }),
    };
    if (seRatio !== null && seRatio !== 0) {
      layers.se = new SqueezeExcitation(width, roundHalfEven(seRatio * widthIn), { activation: activationLayer });
    }
    layers.c = new Conv2dNormActivation(width, widthOut, { kernelSize: 1, normLayer, activationLayer: null });
    super(layers);
  }
}

/** A bottleneck with a connection around it, which is a projection where shapes differ. */
export class ResBottleneckBlock extends nn.Module {
  readonly proj: nn.Module | null;
  readonly f: nn.Module;
  readonly activation: nn.Module;

  constructor(widthIn: number, widthOut: number, stride: number, options: BlockOptions) {
    super();
    const { normLayer, activationLayer } = options;
    this.proj =
      widthIn === widthOut && stride === 1
        ? null
        : new Conv2dNormActivation(widthIn, widthOut, { kernelSize: 1, stride, normLayer, activationLayer: null });
    this.f = new BottleneckTransform(widthIn, widthOut, stride, options);
    this.activation = makeLayer(activationLayer, { inplace: true });
  }

  forward(x: Tensor): Tensor {
    const around = this.proj === null ? x : this.proj(x);
    return this.activation(around.add(this.f(x)));
  }
}

/** Makes the blocks of a RegNet. */
export type RegNetBlock = LayerFactory<[widthIn: number, widthOut: number, stride: number, options: BlockOptions]>;

export interface RegNetOptions {
  /** Default 1000. */
  numClasses?: number;
  /** Channels of the stem. Default 32. */
  stemWidth?: number;
  /** Default {@link SimpleStemIN}. */
  stemType?: LayerFactory<[widthIn: number, widthOut: number, layers: RegNetLayers]>;
  /** Default {@link ResBottleneckBlock}. */
  blockType?: RegNetBlock;
  /** Default `nn.BatchNorm2d`. */
  normLayer?: NormLayer;
  /** Default `nn.ReLU`. */
  activation?: ActivationLayer;
}

/** The network: stem, stages, global average, linear. `(N, 3, H, W)` to `(N, numClasses)`. */
export class RegNet extends nn.Module {
  readonly stem: nn.Module;
  readonly trunk_output: nn.Sequential;
  readonly avgpool: nn.AdaptiveAvgPool2d;
  readonly fc: nn.Linear;

  constructor(params: BlockParams, options: RegNetOptions = {}) {
    super();
    const { numClasses = 1000, stemWidth = 32, stemType = SimpleStemIN, blockType = ResBottleneckBlock } = options;
    const layers = { normLayer: options.normLayer ?? nn.BatchNorm2d, activationLayer: options.activation ?? nn.ReLU };
    requireCount('numClasses', numClasses);
    requireCount('stemWidth', stemWidth);
    this.stem = makeLayer(stemType, 3, stemWidth, layers);
    const stages: Record<string, nn.Module> = {};
    let width = stemWidth;
    for (const [i, widthOut] of params.widths.entries()) {
      stages[`block${i + 1}`] = makeStage(blockType, params, i, width, layers);
      width = widthOut;
    }
    this.trunk_output = new nn.Sequential(stages);
    this.avgpool = new nn.AdaptiveAvgPool2d([1, 1]);
    this.fc = new nn.Linear(width, numClasses);
    initialiseLayers(this, {
      conv: (weight, { outChannels }) => {
        // The kernel is square.
        const [, , height = 1, kernelWidth = 1] = weight.shape;
        nn.init.normal_(weight, 0, Math.sqrt(2 / (height * kernelWidth * outChannels)));
      },
      // Only squeeze and excitation has any.
      convBias: 'keep',
      linear: normalWith(0.01),
    });
  }

  forward(x: Tensor): Tensor {
    return pipe(x, this.stem, this.trunk_output, this.avgpool, (pooled) => pooled.flatten(1), this.fc);
  }
}

/** Blocks of one width; the first one halves the resolution. */
function makeStage(
  block: RegNetBlock,
  params: BlockParams,
  stage: number,
  widthIn: number,
  layers: RegNetLayers,
): nn.Sequential {
  const { seRatio } = params;
  const of = (list: readonly number[]) => list[stage] ?? 1;
  const options = {
    ...layers,
    groupWidth: of(params.groupWidths),
    bottleneckMultiplier: of(params.bottleneckMultipliers),
    seRatio,
  };
  const width = of(params.widths);
  const blocks: Record<string, nn.Module> = {};
  for (let i = 0; i < of(params.depths); i++) {
    const [channels, stride] = i === 0 ? [widthIn, of(params.strides)] : [width, 1];
    blocks[`block${stage + 1}-${i}`] = makeLayer(block, channels, width, stride, options);
  }
  return new nn.Sequential(blocks);
}

function regnet(name: string, params: InitParams, weights: WeightsEnum, size?: number) {
  return registerClassifier(name, {
    make: (options: RegNetOptions) => new RegNet(blockParams(params), options),
    weights,
    ...(size === undefined ? {} : { size }),
    defaults: {
      stemWidth: 32,
      stemType: undefined,
      blockType: undefined,
      normLayer: undefined,
      activation: undefined,
    },
  });
}

type Numbers = readonly [depth: number, w0: number, wa: number, wm: number, groupWidth: number];

/** RegNets of kind X are plain. */
function regnetX(name: string, [depth, w0, wa, wm, groupWidth]: Numbers, weights: WeightsEnum) {
  return regnet(`regnet_x_${name}`, { depth, w0, wa, wm, groupWidth }, weights);
}

/** RegNets of kind Y have squeeze and excitation. */
function regnetY(name: string, [depth, w0, wa, wm, groupWidth]: Numbers, weights: WeightsEnum, size?: number) {
  return regnet(`regnet_y_${name}`, { depth, w0, wa, wm, groupWidth, seRatio: 0.25 }, weights, size);
}

/** RegNetY of 0.4 GMACs. */
export const regnet_y_400mf = regnetY('400mf', [16, 48, 27.89, 2.09, 8], weightsOf.RegNet_Y_400MF_Weights);
/** RegNetY of 0.8 GMACs. */
export const regnet_y_800mf = regnetY('800mf', [14, 56, 38.84, 2.4, 16], weightsOf.RegNet_Y_800MF_Weights);
/** RegNetY of 1.6 GMACs. */
export const regnet_y_1_6gf = regnetY('1_6gf', [27, 48, 20.71, 2.65, 24], weightsOf.RegNet_Y_1_6GF_Weights);
/** RegNetY of 3.2 GMACs. */
export const regnet_y_3_2gf = regnetY('3_2gf', [21, 80, 42.63, 2.66, 24], weightsOf.RegNet_Y_3_2GF_Weights);
/** RegNetY of 8 GMACs. */
export const regnet_y_8gf = regnetY('8gf', [17, 192, 76.82, 2.19, 56], weightsOf.RegNet_Y_8GF_Weights);
/** RegNetY of 16 GMACs. */
export const regnet_y_16gf = regnetY('16gf', [18, 200, 106.23, 2.48, 112], weightsOf.RegNet_Y_16GF_Weights);
/** RegNetY of 32 GMACs. */
export const regnet_y_32gf = regnetY('32gf', [20, 232, 115.89, 2.53, 232], weightsOf.RegNet_Y_32GF_Weights);
/** RegNetY of 128 GMACs at 224×224, for images of 384×384. */
export const regnet_y_128gf = regnetY('128gf', [27, 456, 160.83, 2.52, 264], weightsOf.RegNet_Y_128GF_Weights, 384);
/** RegNetX of 0.4 GMACs. */
export const regnet_x_400mf = regnetX('400mf', [22, 24, 24.48, 2.54, 16], weightsOf.RegNet_X_400MF_Weights);
/** RegNetX of 0.8 GMACs. */
export const regnet_x_800mf = regnetX('800mf', [16, 56, 35.73, 2.28, 16], weightsOf.RegNet_X_800MF_Weights);
/** RegNetX of 1.6 GMACs. */
export const regnet_x_1_6gf = regnetX('1_6gf', [18, 80, 34.01, 2.25, 24], weightsOf.RegNet_X_1_6GF_Weights);
/** RegNetX of 3.2 GMACs. */
export const regnet_x_3_2gf = regnetX('3_2gf', [25, 88, 26.31, 2.25, 48], weightsOf.RegNet_X_3_2GF_Weights);
/** RegNetX of 8 GMACs. */
export const regnet_x_8gf = regnetX('8gf', [23, 80, 49.56, 2.88, 120], weightsOf.RegNet_X_8GF_Weights);
/** RegNetX of 16 GMACs. */
export const regnet_x_16gf = regnetX('16gf', [22, 216, 55.59, 2.1, 128], weightsOf.RegNet_X_16GF_Weights);
/** RegNetX of 32 GMACs. */
export const regnet_x_32gf = regnetX('32gf', [23, 320, 69.86, 2.0, 168], weightsOf.RegNet_X_32GF_Weights);
