/**
 * @file VGG: plain stacks of 3×3 convolutions.
 *
 * Paper: Simonyan and Zisserman 2014 (arXiv:1409.1556), configurations A, B, D and E. Lineage: torchvision's form, with optional
 * batch norms and an average before the classifier. Weights: vgg-weights.ts.
 */

import { nn, type Tensor } from '@edgeai/torch';
import { pipe } from '../ops/pipe.ts';
import { registerClassifier } from './classifier.ts';
import { initialiseLayers, kaimingFanOut, normalWith } from './initialise.ts';
import { requireCount } from './utils.ts';
import * as weightsOf from './vgg-weights.ts';
import type { WeightsEnum } from './weights.ts';

/** Channels of each convolution, `'M'` for a pool that halves the resolution. */
export type VGGLayers = readonly (number | 'M')[];

const A: VGGLayers = [64, 'M', 128, 'M', 256, 256, 'M', 512, 512, 'M', 512, 512, 'M'];
const B: VGGLayers = [64, 64, 'M', 128, 128, 'M', 256, 256, 'M', 512, 512, 'M', 512, 512, 'M'];
const D: VGGLayers = [64, 64, 'M', 128, 128, 'M', 256, 256, 256, 'M', 512, 512, 512, 'M', 512, 512, 512, 'M'];
const E: VGGLayers = [
  ...[64, 64, 'M', 128, 128, 'M', 256, 256, 256, 256, 'M'],
  ...[512, 512, 512, 512, 'M', 512, 512, 512, 512, 'M'],
] as VGGLayers;

/** The convolutional part of a VGG. */
export function makeLayers(layers: VGGLayers, { batchNorm = false }: { batchNorm?: boolean } = {}): nn.Sequential {
  const made = new nn.Sequential();
  let inChannels = 3;
  for (const channels of layers) {
    if (channels === 'M') {
      made.append(new nn.MaxPool2d(2, { stride: 2 }));
      continue;
    }
    made.append(new nn.Conv2d(inChannels, channels, 3, { padding: 1 }));
    if (batchNorm) made.append(new nn.BatchNorm2d(channels));
    made.append(new nn.ReLU({ inplace: true }));
    inChannels = channels;
  }
  return made;
}

export interface VGGOptions {
  /** Default 1000. */
  numClasses?: number;
  /** Initialise as the paper does, rather than as the layers do by themselves. Default `true`. */
  initWeights?: boolean;
  /** Probability of the dropouts after the two hidden layers of the classifier. Default 0.5. */
  dropout?: number;
}

/** The network: `features`, a 7×7 average, three linear layers. `(N, 3, H, W)`, at least 32×32, to `(N, numClasses)`. */
export class VGG extends nn.Module {
  readonly features: nn.Module;
  readonly avgpool: nn.AdaptiveAvgPool2d;
  readonly classifier: nn.Sequential;

  /** @param features gives 512 channels */
  constructor(features: nn.Module, { numClasses = 1000, initWeights = true, dropout = 0.5 }: VGGOptions = {}) {
    super();
    requireCount('numClasses', numClasses);
    this.features = features;
    this.avgpool = new nn.AdaptiveAvgPool2d([7, 7]);
    this.classifier = new nn.Sequential(
      new nn.Linear(512 * 7 * 7, 4096),
      new nn.ReLU({ inplace: true }),
      new nn.Dropout(dropout),
      new nn.Linear(4096, 4096),
      new nn.ReLU({ inplace: true }),
      new nn.Dropout(dropout),
      new nn.Linear(4096, numClasses),
    );
    if (initWeights) initialiseLayers(this, { conv: kaimingFanOut, linear: normalWith(0.01) });
  }

  forward(x: Tensor): Tensor {
    return pipe(x, this.features, this.avgpool, (pooled) => pooled.flatten(1), this.classifier);
  }
}

function vgg(name: string, layers: VGGLayers, batchNorm: boolean, weights: WeightsEnum) {
  return registerClassifier(name, {
    make: (options: VGGOptions) => new VGG(makeLayers(layers, { batchNorm }), options),
    weights,
    defaults: { initWeights: true, dropout: 0.5 },
    prescribe: (options) => ({ ...options, initWeights: false }),
  });
}

/** VGG-11, configuration A. */
export const vgg11 = vgg('vgg11', A, false, weightsOf.VGG11_Weights);
/** VGG-11 with batch norms. */
export const vgg11_bn = vgg('vgg11_bn', A, true, weightsOf.VGG11_BN_Weights);
/** VGG-13, configuration B. */
export const vgg13 = vgg('vgg13', B, false, weightsOf.VGG13_Weights);
/** VGG-13 with batch norms. */
export const vgg13_bn = vgg('vgg13_bn', B, true, weightsOf.VGG13_BN_Weights);
/** VGG-16, configuration D. */
export const vgg16 = vgg('vgg16', D, false, weightsOf.VGG16_Weights);
/** VGG-16 with batch norms. */
export const vgg16_bn = vgg('vgg16_bn', D, true, weightsOf.VGG16_BN_Weights);
/** VGG-19, configuration E. */
export const vgg19 = vgg('vgg19', E, false, weightsOf.VGG19_Weights);
/** VGG-19 with batch norms. */
export const vgg19_bn = vgg('vgg19_bn', E, true, weightsOf.VGG19_BN_Weights);
