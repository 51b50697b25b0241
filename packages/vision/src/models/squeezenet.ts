/**
 * @file SqueezeNet: fire modules, which squeeze the channels before they expand them again.
 *
 * Paper: Iandola et al. 2016 (arXiv:1602.07360); version 1.1 from the authors' repository. Lineage: torchvision's form.
 * Weights: squeezenet-weights.ts.
 */

import { ArgumentError, cat, nn, type Tensor } from '@edgeai/torch';
import { pipe } from '../ops/pipe.ts';
import { registerClassifier } from './classifier.ts';
import { initialiseLayers } from './initialise.ts';
import { SqueezeNet1_0_Weights, SqueezeNet1_1_Weights } from './squeezenet-weights.ts';
import { requireCount } from './utils.ts';
import type { WeightsEnum } from './weights.ts';

/** A 1×1 convolution to few channels, then a 1×1 and a 3×3 convolution side by side. */
export class Fire extends nn.Module {
  readonly inplanes: number;
  readonly squeeze: nn.Conv2d;
  readonly squeeze_activation: nn.ReLU;
  readonly expand1x1: nn.Conv2d;
  readonly expand1x1_activation: nn.ReLU;
  readonly expand3x3: nn.Conv2d;
  readonly expand3x3_activation: nn.ReLU;

  constructor(inplanes: number, squeezePlanes: number, expand1x1Planes: number, expand3x3Planes: number) {
    super();
    this.inplanes = inplanes;
    this.squeeze = new nn.Conv2d(inplanes, squeezePlanes, 1);
    this.squeeze_activation = new nn.ReLU({ inplace: true });
    this.expand1x1 = new nn.Conv2d(squeezePlanes, expand1x1Planes, 1);
    this.expand1x1_activation = new nn.ReLU({ inplace: true });
    this.expand3x3 = new nn.Conv2d(squeezePlanes, expand3x3Planes, 3, { padding: 1 });
    this.expand3x3_activation = new nn.ReLU({ inplace: true });
  }

  forward(x: Tensor): Tensor {
    const squeezed = pipe(x, this.squeeze, this.squeeze_activation);
    return cat(
      [
        pipe(squeezed, this.expand1x1, this.expand1x1_activation),
        pipe(squeezed, this.expand3x3, this.expand3x3_activation),
      ],
      1,
    );
  }
}

/** Planes of a fire module, `'M'` for a pool that halves the resolution. */
type Stage = readonly [inplanes: number, squeeze: number, expand1x1: number, expand3x3: number] | 'M';

interface Version {
  readonly stem: () => nn.Conv2d;
  readonly stages: readonly Stage[];
}

const VERSIONS: Readonly<Record<'1_0' | '1_1', Version>> = {
  '1_0': {
    stem: () => new nn.Conv2d(3, 96, 7, { stride: 2 }),
    stages: [
      ...(['M', [96, 16, 64, 64], [128, 16, 64, 64], [128, 32, 128, 128]] as const),
      ...(['M', [256, 32, 128, 128], [256, 48, 192, 192], [384, 48, 192, 192], [384, 64, 256, 256]] as const),
      ...(['M', [512, 64, 256, 256]] as const),
    ],
  },
  '1_1': {
    stem: () => new nn.Conv2d(3, 64, 3, { stride: 2 }),
    stages: [
      ...(['M', [64, 16, 64, 64], [128, 16, 64, 64]] as const),
      ...(['M', [128, 32, 128, 128], [256, 32, 128, 128]] as const),
      ...(['M', [256, 48, 192, 192], [384, 48, 192, 192], [384, 64, 256, 256], [512, 64, 256, 256]] as const),
    ],
  },
};

export interface SqueezeNetOptions {
  /** Default 1000. */
  numClasses?: number;
  /** Probability of the dropout before the classifier. Default 0.5. */
  dropout?: number;
}

/** The network: `features`, a 1×1 convolution to the classes, global average. `(N, 3, H, W)` to `(N, numClasses)`. */
export class SqueezeNet extends nn.Module {
  readonly numClasses: number;
  readonly features: nn.Sequential;
  readonly classifier: nn.Sequential;

  /** @throws {ArgumentError} for an unknown version */
  constructor(version: '1_0' | '1_1' = '1_0', { numClasses = 1000, dropout = 0.5 }: SqueezeNetOptions = {}) {
    super();
    if (!Object.hasOwn(VERSIONS, version)) throw ArgumentError.expected('version', "'1_0' or '1_1'", version);
    requireCount('numClasses', numClasses);
    this.numClasses = numClasses;
    const { stem, stages } = VERSIONS[version];
    this.features = new nn.Sequential(stem(), new nn.ReLU({ inplace: true }));
    for (const stage of stages) {
      this.features.append(stage === 'M' ? new nn.MaxPool2d(3, { stride: 2, ceilMode: true }) : new Fire(...stage));
    }
    const last = new nn.Conv2d(512, numClasses, 1);
    this.classifier = new nn.Sequential(
      new nn.Dropout(dropout),
      last,
      new nn.ReLU({ inplace: true }),
      new nn.AdaptiveAvgPool2d([1, 1]),
    );
    initialiseLayers(this, {
      conv: (weight, layer) => {
        if (layer === last) nn.init.normal_(weight, 0, 0.01);
        else nn.init.kaimingUniform_(weight);
      },
    });
  }

  forward(x: Tensor): Tensor {
    return pipe(x, this.features, this.classifier, (scores) => scores.flatten(1));
  }
}

function squeezenet(version: '1_0' | '1_1', weights: WeightsEnum) {
  return registerClassifier(`squeezenet${version}`, {
    make: (options: SqueezeNetOptions) => new SqueezeNet(version, options),
    weights,
    defaults: { dropout: 0.5 },
  });
}

/** SqueezeNet 1.0. */
export const squeezenet1_0 = squeezenet('1_0', SqueezeNet1_0_Weights);
/** SqueezeNet 1.1: as accurate as 1.0, for less than half the computation. */
export const squeezenet1_1 = squeezenet('1_1', SqueezeNet1_1_Weights);
