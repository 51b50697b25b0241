/**
 * @file GoogLeNet, also called Inception v1: convolutions of several sizes side by side.
 *
 * Paper: Szegedy et al. 2014 (arXiv:1409.4842). Lineage: torchvision's form, with batch norms and, as the checkpoint needs it, a
 * 3×3 convolution in the branch that is called 5×5. Weights: googlenet-weights.ts.
 */

import { adaptiveAvgPool2d, cat, nn, type Tensor } from '@edgeai/torch';
import { type LayerFactory, makeLayer } from '../ops/layer-factory.ts';
import { pipe } from '../ops/pipe.ts';
import { registerClassifier } from './classifier.ts';
import { GoogLeNet_Weights } from './googlenet-weights.ts';
import { BasicConv2d, type ConvBlock, transformInput, truncatedNormal } from './inception-common.ts';
import { requireCount } from './utils.ts';

/** Channels of an inception block's branches, in the order of the constructor's arguments. */
export type InceptionChannels = readonly [
  inChannels: number,
  ch1x1: number,
  ch3x3red: number,
  ch3x3: number,
  ch5x5red: number,
  ch5x5: number,
  poolProj: number,
];

/** Four branches side by side: 1×1, two of 1×1 and 3×3, pool and 1×1. */
export class Inception extends nn.Module {
  readonly branch1: nn.Module;
  readonly branch2: nn.Sequential;
  readonly branch3: nn.Sequential;
  readonly branch4: nn.Sequential;

  constructor(...[inChannels, ch1x1, ch3x3red, ch3x3, ch5x5red, ch5x5, poolProj]: InceptionChannels) {
    super();
    this.branch1 = new BasicConv2d(inChannels, ch1x1, 1);
    this.branch2 = new nn.Sequential(
      new BasicConv2d(inChannels, ch3x3red, 1),
      new BasicConv2d(ch3x3red, ch3x3, 3, { padding: 1 }),
    );
    this.branch3 = new nn.Sequential(
      new BasicConv2d(inChannels, ch5x5red, 1),
      new BasicConv2d(ch5x5red, ch5x5, 3, { padding: 1 }),
    );
    this.branch4 = new nn.Sequential(
      new nn.MaxPool2d(3, { stride: 1, padding: 1, ceilMode: true }),
      new BasicConv2d(inChannels, poolProj, 1),
    );
  }

  forward(x: Tensor): Tensor {
    return cat([this.branch1(x), this.branch2(x), this.branch3(x), this.branch4(x)], 1);
  }
}

/** A classifier halfway through the network, used in training only. */
export class InceptionAux extends nn.Module {
  readonly conv: nn.Module;
  readonly fc1: nn.Linear;
  readonly fc2: nn.Linear;
  readonly dropout: nn.Dropout;

  constructor(inChannels: number, numClasses: number, options: { dropout?: number } = {}) {
    super();
    this.conv = new BasicConv2d(inChannels, 128, 1);
    this.fc1 = new nn.Linear(2048, 1024);
    this.fc2 = new nn.Linear(1024, numClasses);
    this.dropout = new nn.Dropout(options.dropout ?? 0.7);
  }

  forward(x: Tensor): Tensor {
    const pool = (features: Tensor) => adaptiveAvgPool2d(features, [4, 4]);
    const relu = (features: Tensor) => nn.functional.relu(features, { inplace: true });
    return pipe(x, pool, this.conv, (features) => features.flatten(1), this.fc1, relu, this.dropout, this.fc2);
  }
}

/** What makes the parts of a GoogLeNet. */
export interface GoogLeNetBlocks {
  readonly conv: ConvBlock;
  readonly inception: LayerFactory<[...InceptionChannels]>;
  readonly aux: LayerFactory<[inChannels: number, numClasses: number, options: { dropout: number }]>;
}

/** What a GoogLeNet with auxiliary heads gives while training, each `(N, numClasses)`. */
export interface GoogLeNetOutputs {
  readonly logits: Tensor;
  readonly auxLogits2: Tensor | null;
  readonly auxLogits1: Tensor | null;
}

export interface GoogLeNetOptions {
  /** Default 1000. */
  numClasses?: number;
  /** Auxiliary heads, which training uses. Default `true`, with published weights `false`. */
  auxLogits?: boolean;
  /** Expect input normalised with ImageNet's statistics. Default `false`, with published weights `true`. */
  transformInput?: boolean;
  /** Initialise with a truncated normal distribution. Default `true`. */
  initWeights?: boolean;
  /** Replacements for the blocks. */
  blocks?: Partial<GoogLeNetBlocks>;
  /** Probability of the dropout before the classifier. Default 0.2. */
  dropout?: number;
  /** Probability of the dropout in the auxiliary heads. Default 0.7. */
  dropoutAux?: number;
}

/**
 * The network. `(N, 3, H, W)`, at least 15×15, to `(N, numClasses)`; while training with auxiliary heads to
 * {@link GoogLeNetOutputs}.
 */
export class GoogLeNet extends nn.Module<[Tensor], Tensor | GoogLeNetOutputs> {
  auxLogits: boolean;
  transformInput: boolean;
  readonly conv1: nn.Module;
  readonly maxpool1: nn.MaxPool2d;
  readonly conv2: nn.Module;
  readonly conv3: nn.Module;
  readonly maxpool2: nn.MaxPool2d;
  readonly inception3a: nn.Module;
  readonly inception3b: nn.Module;
  readonly maxpool3: nn.MaxPool2d;
  readonly inception4a: nn.Module;
  readonly inception4b: nn.Module;
  readonly inception4c: nn.Module;
  readonly inception4d: nn.Module;
  readonly inception4e: nn.Module;
  readonly maxpool4: nn.MaxPool2d;
  readonly inception5a: nn.Module;
  readonly inception5b: nn.Module;
  aux1: nn.Module | null;
  aux2: nn.Module | null;
  readonly avgpool: nn.AdaptiveAvgPool2d;
  readonly dropout: nn.Dropout;
  readonly fc: nn.Linear;

  constructor(options: GoogLeNetOptions = {}) {
    super();
    const { numClasses = 1000, auxLogits = true, initWeights = true, dropout = 0.2, dropoutAux = 0.7 } = options;
    const { conv = BasicConv2d, inception = Inception, aux = InceptionAux } = options.blocks ?? {};
    requireCount('numClasses', numClasses);
    const block = (...channels: InceptionChannels) => makeLayer(inception, ...channels);
    const pool = (size: number) => new nn.MaxPool2d(size, { stride: 2, ceilMode: true });
    this.auxLogits = auxLogits;
    this.transformInput = options.transformInput ?? false;
    this.conv1 = makeLayer(conv, 3, 64, 7, { stride: 2, padding: 3 });
    this.maxpool1 = pool(3);
    this.conv2 = makeLayer(conv, 64, 64, 1);
    this.conv3 = makeLayer(conv, 64, 192, 3, { padding: 1 });
    this.maxpool2 = pool(3);
    this.inception3a = block(192, 64, 96, 128, 16, 32, 32);
    this.inception3b = block(256, 128, 128, 192, 32, 96, 64);
    this.maxpool3 = pool(3);
    this.inception4a = block(480, 192, 96, 208, 16, 48, 64);
    this.inception4b = block(512, 160, 112, 224, 24, 64, 64);
    this.inception4c = block(512, 128, 128, 256, 24, 64, 64);
    this.inception4d = block(512, 112, 144, 288, 32, 64, 64);
    this.inception4e = block(528, 256, 160, 320, 32, 128, 128);
    this.maxpool4 = pool(2);
    this.inception5a = block(832, 256, 160, 320, 32, 128, 128);
    this.inception5b = block(832, 384, 192, 384, 48, 128, 128);
    this.aux1 = auxLogits ? makeLayer(aux, 512, numClasses, { dropout: dropoutAux }) : null;
    this.aux2 = auxLogits ? makeLayer(aux, 528, numClasses, { dropout: dropoutAux }) : null;
    this.avgpool = new nn.AdaptiveAvgPool2d([1, 1]);
    this.dropout = new nn.Dropout(dropout);
    this.fc = new nn.Linear(1024, numClasses);
    if (initWeights) truncatedNormal(this, () => 0.01);
  }

  forward(x: Tensor): Tensor | GoogLeNetOutputs {
    const { conv1, maxpool1, conv2, conv3, maxpool2, inception3a, inception3b, maxpool3, inception4a } = this;
    const { inception4b, inception4c, inception4d, inception4e, maxpool4, inception5a, inception5b } = this;
    const input = this.transformInput ? transformInput(x) : x;
    const stem = [conv1, maxpool1, conv2, conv3, maxpool2];
    const after4a = pipe(input, ...stem, inception3a, inception3b, maxpool3, inception4a);
    const first = this.training && this.aux1 !== null ? this.aux1(after4a) : null;
    const after4d = pipe(after4a, inception4b, inception4c, inception4d);
    const second = this.training && this.aux2 !== null ? this.aux2(after4d) : null;
    const top = pipe(after4d, inception4e, maxpool4, inception5a, inception5b, this.avgpool);
    const logits = pipe(top, (pooled) => pooled.flatten(1), this.dropout, this.fc);
    // The names are exchanged, as in torchvision: `auxLogits2` comes from the first head.
    return this.training && this.auxLogits ? { logits, auxLogits2: first, auxLogits1: second } : logits;
  }

  /** Removes the auxiliary heads. */
  dropAuxiliaryHeads(): void {
    this.aux1?.dispose();
    this.aux2?.dispose();
    this.auxLogits = false;
    this.aux1 = null;
    this.aux2 = null;
  }
}

/** GoogLeNet. The published weights have no use for the auxiliary heads; `auxLogits: true` keeps them, untrained. */
export const googlenet = registerClassifier('googlenet', {
  make: (options: GoogLeNetOptions) => new GoogLeNet(options),
  weights: GoogLeNet_Weights,
  defaults: {
    auxLogits: true,
    transformInput: false,
    initWeights: true,
    blocks: undefined,
    dropout: 0.2,
    dropoutAux: 0.7,
  },
  // The checkpoint holds the heads, so the network needs them until it is loaded.
  prescribe: (options) => ({ transformInput: true, ...options, auxLogits: true, initWeights: false }),
  finish: (model, { auxLogits = false }) => {
    if (!auxLogits) model.dropAuxiliaryHeads();
  },
});
