/**
 * @file S3D: inception blocks whose convolutions are separated into space and time.
 *
 * Paper: Xie et al. 2017 (arXiv:1712.04851). Lineage: torchvision's form. Weights: s3d-weights.ts.
 */

import { cat, nn, type Tensor } from '@edgeai/torch';
import type { NormLayer } from '../../ops/layer-factory.ts';
import { Conv3dNormActivation } from '../../ops/misc.ts';
import { pipe } from '../../ops/pipe.ts';
import { requireCount } from '../utils.ts';
import { S3D_Weights } from './s3d-weights.ts';
import { registerVideoClassifier } from './video-classifier.ts';

/** A convolution in space, then one in time, each with norm and activation. */
export class TemporalSeparableConv extends nn.Sequential {
  constructor(
    inPlanes: number,
    outPlanes: number,
    kernel: number,
    stride: number,
    padding: number,
    normLayer: NormLayer,
  ) {
    const shared = { bias: false, normLayer };
    super(
      new Conv3dNormActivation(inPlanes, outPlanes, {
        kernelSize: [1, kernel, kernel],
        stride: [1, stride, stride],
        padding: [0, padding, padding],
        ...shared,
      }),
      new Conv3dNormActivation(outPlanes, outPlanes, {
        kernelSize: [kernel, 1, 1],
        stride: [stride, 1, 1],
        padding: [padding, 0, 0],
        ...shared,
      }),
    );
  }
}

/** Channels of a block: in, of the first branch, inside and out of the second and the third, of the pooling branch. */
export type SepInceptionChannels = readonly [
  inPlanes: number,
  b0: number,
  b1Mid: number,
  b1: number,
  b2Mid: number,
  b2: number,
  b3: number,
];

/** Four branches side by side: 1×1×1, two separable 3×3×3, pooling. */
export class SepInceptionBlock3D extends nn.Module {
  readonly branch0: nn.Module;
  readonly branch1: nn.Sequential;
  readonly branch2: nn.Sequential;
  readonly branch3: nn.Sequential;

  constructor([inPlanes, b0, b1Mid, b1, b2Mid, b2, b3]: SepInceptionChannels, normLayer: NormLayer) {
    super();
    const pointwise = (channels: number) => new Conv3dNormActivation(inPlanes, channels, { kernelSize: 1, normLayer });
    const separable = (middle: number, channels: number) =>
      new nn.Sequential(pointwise(middle), new TemporalSeparableConv(middle, channels, 3, 1, 1, normLayer));
    this.branch0 = pointwise(b0);
    this.branch1 = separable(b1Mid, b1);
    this.branch2 = separable(b2Mid, b2);
    this.branch3 = new nn.Sequential(new nn.MaxPool3d(3, { stride: 1, padding: 1 }), pointwise(b3));
  }

  forward(x: Tensor): Tensor {
    return cat([this.branch0(x), this.branch1(x), this.branch2(x), this.branch3(x)], 1);
  }
}

export interface S3DOptions {
  /** Default 400. */
  numClasses?: number;
  /** Probability of the dropout before the classifier. Default 0.2. */
  dropout?: number;
  /** Default: batch norms with `eps` and `momentum` 0.001. */
  normLayer?: NormLayer;
}

const defaultNorm: NormLayer = (channels: number) => new nn.BatchNorm3d(channels, { eps: 0.001, momentum: 0.001 });

/** The network. `(N, 3, T, H, W)`, at least 14 frames of 224×224, to `(N, numClasses)`. */
export class S3D extends nn.Module {
  readonly features: nn.Sequential;
  readonly avgpool: nn.AvgPool3d;
  readonly classifier: nn.Sequential;

  constructor(options: S3DOptions = {}) {
    super();
    const { numClasses = 400, dropout = 0.2, normLayer = defaultNorm } = options;
    requireCount('numClasses', numClasses);
    const block = (...channels: SepInceptionChannels) => new SepInceptionBlock3D(channels, normLayer);
    const poolSpace = () => new nn.MaxPool3d([1, 3, 3], { stride: [1, 2, 2], padding: [0, 1, 1] });
    this.features = new nn.Sequential(
      new TemporalSeparableConv(3, 64, 7, 2, 3, normLayer),
      poolSpace(),
      new Conv3dNormActivation(64, 64, { kernelSize: 1, normLayer }),
      new TemporalSeparableConv(64, 192, 3, 1, 1, normLayer),
      poolSpace(),
      block(192, 64, 96, 128, 16, 32, 32),
      block(256, 128, 128, 192, 32, 96, 64),
      new nn.MaxPool3d(3, { stride: 2, padding: 1 }),
      block(480, 192, 96, 208, 16, 48, 64),
      block(512, 160, 112, 224, 24, 64, 64),
      block(512, 128, 128, 256, 24, 64, 64),
      block(512, 112, 144, 288, 32, 64, 64),
      block(528, 256, 160, 320, 32, 128, 128),
      new nn.MaxPool3d(2, { stride: 2 }),
      block(832, 256, 160, 320, 32, 128, 128),
      block(832, 384, 192, 384, 48, 128, 128),
    );
    this.avgpool = new nn.AvgPool3d([2, 7, 7], { stride: 1 });
    this.classifier = new nn.Sequential(new nn.Dropout(dropout), new nn.Conv3d(1024, numClasses, 1));
  }

  forward(x: Tensor): Tensor {
    return pipe(x, this.features, this.avgpool, this.classifier, (scores) => scores.mean([2, 3, 4]));
  }
}

/** S3D. */
export const s3d = registerVideoClassifier('s3d', {
  make: (options: S3DOptions) => new S3D(options),
  weights: S3D_Weights,
  defaults: { dropout: 0.2, normLayer: undefined },
});
