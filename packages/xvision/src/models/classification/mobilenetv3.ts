/**
 * @file MobileNetV3 of edgeailite: torchvision's blocks with strides to choose; the lite form has no squeeze and excitation and ReLU
 * throughout (Howard et al. 2019, arXiv:1905.02244).
 */

import { nn, type Tensor } from '@edgeai/torch';
import { models, ops } from '@edgeai/vision';
import { initialise, pipe } from '../../layers/conv.ts';
import { type BackboneOptions, checkStrides } from '../backbone.ts';

export interface MobileNetV3Options extends Omit<BackboneOptions, 'fastdown'> {
  /** Default 1000. */
  numClasses?: number;
}

/** What distinguishes the registered names. */
export interface MobileNetV3Variant {
  readonly architecture: 'large' | 'small';
  readonly lite: boolean;
  /** Width when none is asked for. */
  readonly width: number;
  readonly reducedTail: boolean;
}

const norm = (channels: number) => new nn.BatchNorm2d(channels, { eps: 0.001, momentum: 0.01 });

/** Which of the five strides a block takes the place of: the blocks that halve the resolution, in order. */
function stridesOfBlocks(strides: readonly number[], halving: readonly boolean[], from: number): number[] {
  let next = from;
  return halving.map((halves) => (halves ? (strides[next++] ?? 2) : 1));
}

/** `(N, 3, H, W)` to `(N, numClasses)`. */
export class MobileNetV3 extends nn.Module {
  readonly features: nn.Sequential;
  readonly classifier: nn.Sequential;

  constructor(variant: MobileNetV3Variant, options: MobileNetV3Options = {}) {
    super();
    const { inputChannels = 3, numClasses = 1000, widthMult = variant.width } = options;
    const strides = checkStrides(options.strides);
    const { architecture, lite, reducedTail } = variant;
    const config = models.mobileNetV3Config(architecture, { widthMult, reducedTail });
    const settings = config.invertedResidualSetting;
    const blockStrides = stridesOfBlocks(
      strides,
      settings.map((setting) => setting.stride === 2),
      1,
    );
    const activationLayer = lite ? nn.ReLU : nn.Hardswish;
    const shared = { normLayer: norm, activationLayer };
    this.features = new nn.Sequential(
      new ops.Conv2dNormActivation(inputChannels, settings[0]?.inputChannels ?? 0, { stride: strides[0], ...shared }),
    );
    for (const [i, setting] of settings.entries()) {
      const { useSe, activation, ...rest } = setting;
      this.features.append(
        new models.MobileNetV3InvertedResidual(
          {
            ...rest,
            stride: blockStrides[i] ?? 1,
            useSe: useSe && !lite,
            activation: lite ? 'RE' : activation,
          },
          norm,
        ),
      );
    }
    const last = settings.at(-1)?.outChannels ?? 0;
    this.features.append(new ops.Conv2dNormActivation(last, 6 * last, { kernelSize: 1, ...shared }));
    this.classifier = new nn.Sequential(
      new nn.Linear(6 * last, config.lastChannel),
      new activationLayer({ inplace: true }),
      new nn.Dropout(0.2, { inplace: true }),
      new nn.Linear(config.lastChannel, numClasses),
    );
    initialise(this);
  }

  forward(x: Tensor): Tensor {
    return pipe(x, this.features, (map) => map.mean([2, 3]), this.classifier);
  }
}
