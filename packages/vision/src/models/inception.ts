/**
 * @file Inception v3: inception blocks with factorised convolutions.
 *
 * Paper: Szegedy et al. 2015 (arXiv:1512.00567). Lineage: torchvision's form, for images of 299×299. Weights:
 * inception-weights.ts. Blocks: inception-blocks.ts.
 */

import { nn, type Tensor } from '@edgeai/torch';
import { makeLayer } from '../ops/layer-factory.ts';
import { pipe } from '../ops/pipe.ts';
import { registerClassifier } from './classifier.ts';
import { defaultBlocks, type InceptionBlocks } from './inception-blocks.ts';
import { transformInput, truncatedNormal } from './inception-common.ts';
import { Inception_V3_Weights } from './inception-weights.ts';
import { requireCount } from './utils.ts';

/** What an Inception v3 with its auxiliary head gives while training, each `(N, numClasses)`. */
export interface InceptionOutputs {
  readonly logits: Tensor;
  readonly auxLogits: Tensor | null;
}

export interface InceptionOptions {
  /** Default 1000. */
  numClasses?: number;
  /** An auxiliary head, which training uses. Default `true`. */
  auxLogits?: boolean;
  /** Expect input normalised with ImageNet's statistics. Default `false`, with published weights `true`. */
  transformInput?: boolean;
  /** Replacements for the blocks. */
  inceptionBlocks?: Partial<InceptionBlocks>;
  /** Initialise with truncated normal distributions. Default `true`. */
  initWeights?: boolean;
  /** Probability of the dropout before the classifier. Default 0.5. */
  dropout?: number;
}

/**
 * The network. `(N, 3, H, W)`, at least 75×75, to `(N, numClasses)`; while training with the auxiliary head to
 * {@link InceptionOutputs}.
 */
export class Inception3 extends nn.Module<[Tensor], Tensor | InceptionOutputs> {
  auxLogits: boolean;
  transformInput: boolean;
  readonly Conv2d_1a_3x3: nn.Module;
  readonly Conv2d_2a_3x3: nn.Module;
  readonly Conv2d_2b_3x3: nn.Module;
  readonly maxpool1: nn.MaxPool2d;
  readonly Conv2d_3b_1x1: nn.Module;
  readonly Conv2d_4a_3x3: nn.Module;
  readonly maxpool2: nn.MaxPool2d;
  readonly Mixed_5b: nn.Module;
  readonly Mixed_5c: nn.Module;
  readonly Mixed_5d: nn.Module;
  readonly Mixed_6a: nn.Module;
  readonly Mixed_6b: nn.Module;
  readonly Mixed_6c: nn.Module;
  readonly Mixed_6d: nn.Module;
  readonly Mixed_6e: nn.Module;
  AuxLogits: nn.Module | null;
  readonly Mixed_7a: nn.Module;
  readonly Mixed_7b: nn.Module;
  readonly Mixed_7c: nn.Module;
  readonly avgpool: nn.AdaptiveAvgPool2d;
  readonly dropout: nn.Dropout;
  readonly fc: nn.Linear;

  constructor(options: InceptionOptions = {}) {
    super();
    const { numClasses = 1000, auxLogits = true, initWeights = true, dropout = 0.5 } = options;
    const { conv, a, b, c, d, e, aux } = { ...defaultBlocks, ...options.inceptionBlocks };
    requireCount('numClasses', numClasses);
    this.auxLogits = auxLogits;
    this.transformInput = options.transformInput ?? false;
    this.Conv2d_1a_3x3 = makeLayer(conv, 3, 32, 3, { stride: 2 });
    this.Conv2d_2a_3x3 = makeLayer(conv, 32, 32, 3);
    this.Conv2d_2b_3x3 = makeLayer(conv, 32, 64, 3, { padding: 1 });
    this.maxpool1 = new nn.MaxPool2d(3, { stride: 2 });
    this.Conv2d_3b_1x1 = makeLayer(conv, 64, 80, 1);
    this.Conv2d_4a_3x3 = makeLayer(conv, 80, 192, 3);
    this.maxpool2 = new nn.MaxPool2d(3, { stride: 2 });
    this.Mixed_5b = makeLayer(a, 192, 32);
    this.Mixed_5c = makeLayer(a, 256, 64);
    this.Mixed_5d = makeLayer(a, 288, 64);
    this.Mixed_6a = makeLayer(b, 288);
    this.Mixed_6b = makeLayer(c, 768, 128);
    this.Mixed_6c = makeLayer(c, 768, 160);
    this.Mixed_6d = makeLayer(c, 768, 160);
    this.Mixed_6e = makeLayer(c, 768, 192);
    this.AuxLogits = auxLogits ? makeLayer(aux, 768, numClasses) : null;
    this.Mixed_7a = makeLayer(d, 768);
    this.Mixed_7b = makeLayer(e, 1280);
    this.Mixed_7c = makeLayer(e, 2048);
    this.avgpool = new nn.AdaptiveAvgPool2d([1, 1]);
    this.dropout = new nn.Dropout(dropout);
    this.fc = new nn.Linear(2048, numClasses);
    // Layers may carry a standard deviation of their own.
    if (initWeights) truncatedNormal(this, (layer) => ('stddev' in layer ? Number(layer.stddev) : 0.1));
  }

  forward(x: Tensor): Tensor | InceptionOutputs {
    const { Conv2d_1a_3x3, Conv2d_2a_3x3, Conv2d_2b_3x3, maxpool1, Conv2d_3b_1x1, Conv2d_4a_3x3, maxpool2 } = this;
    const { Mixed_5b, Mixed_5c, Mixed_5d, Mixed_6a, Mixed_6b, Mixed_6c, Mixed_6d, Mixed_6e } = this;
    const input = this.transformInput ? transformInput(x) : x;
    const stem = [Conv2d_1a_3x3, Conv2d_2a_3x3, Conv2d_2b_3x3, maxpool1, Conv2d_3b_1x1, Conv2d_4a_3x3, maxpool2];
    const middle = [Mixed_5b, Mixed_5c, Mixed_5d, Mixed_6a, Mixed_6b, Mixed_6c, Mixed_6d, Mixed_6e];
    const after6e = pipe(input, ...stem, ...middle);
    const auxLogits = this.training && this.AuxLogits !== null ? this.AuxLogits(after6e) : null;
    const top = pipe(after6e, this.Mixed_7a, this.Mixed_7b, this.Mixed_7c, this.avgpool, this.dropout);
    const logits = pipe(top, (pooled) => pooled.flatten(1), this.fc);
    return this.training && this.auxLogits ? { logits, auxLogits } : logits;
  }

  /** Removes the auxiliary head. */
  dropAuxiliaryHead(): void {
    this.AuxLogits?.dispose();
    this.auxLogits = false;
    this.AuxLogits = null;
  }
}

/** Inception v3. With published weights, `auxLogits: false` removes the auxiliary head after loading. */
export const inception_v3 = registerClassifier('inception_v3', {
  make: (options: InceptionOptions) => new Inception3(options),
  weights: Inception_V3_Weights,
  size: 299,
  defaults: { auxLogits: true, transformInput: false, inceptionBlocks: undefined, initWeights: true, dropout: 0.5 },
  // The checkpoint holds the head, so the network needs it until it is loaded.
  prescribe: (options) => ({ transformInput: true, ...options, auxLogits: true, initWeights: false }),
  finish: (model, { auxLogits = true }) => {
    if (!auxLogits) model.dropAuxiliaryHead();
  },
});
