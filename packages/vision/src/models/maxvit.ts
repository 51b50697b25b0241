/**
 * @file MaxViT: in each block a convolution, attention within windows, and attention across a grid.
 *
 * Paper: Tu et al. 2022 (arXiv:2204.01697). Lineage: torchvision's form. Attention: maxvit-attention.ts. Weights:
 * maxvit-weights.ts.
 */

import { ArgumentError, nn, type Tensor } from '@edgeai/torch';
import { type ActivationLayer, makeLayer, type NormLayer } from '../ops/layer-factory.ts';
import { Conv2dNormActivation, SqueezeExcitation } from '../ops/misc.ts';
import { pipe } from '../ops/pipe.ts';
import { StochasticDepth } from '../ops/stochastic-depth.ts';
import { registerClassifier } from './classifier.ts';
import { initialiseLayers, normalWith } from './initialise.ts';
import { type Pair, PartitionAttentionLayer } from './maxvit-attention.ts';
import { MaxVit_T_Weights } from './maxvit-weights.ts';
import { prescribe, requireCount } from './utils.ts';

/** After a 3×3 convolution with stride 2. */
const halved = ([height, width]: Pair): Pair => [Math.floor((height - 1) / 2) + 1, Math.floor((width - 1) / 2) + 1];

/** What all layers of a network share. */
interface LayerOptions {
  /** Of the convolutions. */
  normLayer: NormLayer;
  activationLayer: ActivationLayer;
  /** Channels of squeeze and excitation, and inside the convolutions, by the output channels. */
  squeezeRatio: number;
  expansionRatio: number;
  headDim: number;
  mlpRatio: number;
  mlpDropout: number;
  attentionDropout: number;
  partitionSize: number;
}

/** Widens, filters each channel by itself, weighs the channels, narrows; with a connection around that averages at stride 2. */
export class MBConv extends nn.Module {
  readonly proj: nn.Module;
  readonly stochastic_depth: nn.Module;
  readonly layers: nn.Sequential;

  constructor(
    inChannels: number,
    outChannels: number,
    stride: number,
    options: Pick<LayerOptions, 'normLayer' | 'activationLayer' | 'squeezeRatio' | 'expansionRatio'>,
    stochasticDepthProb = 0,
  ) {
    super();
    const { normLayer, activationLayer, squeezeRatio, expansionRatio } = options;
    if (stride === 1 && inChannels === outChannels) this.proj = new nn.Identity();
    else {
      const conv = new nn.Conv2d(inChannels, outChannels, 1);
      const average = new nn.AvgPool2d(3, { stride, padding: 1 });
      this.proj = stride === 2 ? new nn.Sequential(average, conv) : new nn.Sequential(conv);
    }
    const width = Math.trunc(outChannels * expansionRatio);
    this.stochastic_depth =
      stochasticDepthProb > 0 ? new StochasticDepth(stochasticDepthProb, 'row') : new nn.Identity();
    const shared = { normLayer, activationLayer, inplace: null };
    this.layers = new nn.Sequential({
      pre_norm: makeLayer(normLayer, inChannels),
      conv_a: new Conv2dNormActivation(inChannels, width, { kernelSize: 1, ...shared }),
      conv_b: new Conv2dNormActivation(width, width, { stride, groups: width, ...shared }),
      squeeze_excitation: new SqueezeExcitation(width, Math.trunc(outChannels * squeezeRatio), { activation: nn.SiLU }),
      conv_c: new nn.Conv2d(width, outChannels, 1),
    });
  }

  forward(x: Tensor): Tensor {
    const around = this.proj(x);
    return pipe(x, this.layers, this.stochastic_depth, (result) => around.add(result));
  }
}

/** A convolution and both kinds of attention. */
export class MaxVitLayer extends nn.Module {
  readonly layers: nn.Sequential;

  constructor(
    inChannels: number,
    outChannels: number,
    stride: number,
    gridSize: Pair,
    options: LayerOptions,
    stochasticDepthProb: number,
  ) {
    super();
    const attention = (partitionType: 'window' | 'grid') =>
      new PartitionAttentionLayer(outChannels, {
        ...options,
        normLayer: nn.LayerNorm,
        partitionType,
        gridSize,
        stochasticDepthProb,
      });
    this.layers = new nn.Sequential({
      MBconv: new MBConv(inChannels, outChannels, stride, options, stochasticDepthProb),
      window_attention: attention('window'),
      grid_attention: attention('grid'),
    });
  }

  forward(x: Tensor): Tensor {
    return this.layers(x);
  }
}

/** Layers of one width; the first one halves the resolution. */
export class MaxVitBlock extends nn.Module {
  readonly gridSize: Pair;
  readonly layers: nn.ModuleList<MaxVitLayer>;

  /** @param stochasticDepth probability of each layer: as many as there are layers */
  constructor(
    inChannels: number,
    outChannels: number,
    inputGridSize: Pair,
    options: LayerOptions,
    stochasticDepth: readonly number[],
  ) {
    super();
    this.gridSize = halved(inputGridSize);
    this.layers = new nn.ModuleList<MaxVitLayer>();
    for (const [i, probability] of stochasticDepth.entries()) {
      const [channels, stride] = i === 0 ? [inChannels, 2] : [outChannels, 1];
      this.layers.append(new MaxVitLayer(channels, outChannels, stride, this.gridSize, options, probability));
    }
  }

  forward(x: Tensor): Tensor {
    return pipe(x, ...this.layers);
  }
}

/** The size of a MaxViT. */
export interface MaxVitSize {
  readonly stemChannels: number;
  /** Side of the windows and of the grids. */
  readonly partitionSize: number;
  /** Channels of each block. */
  readonly blockChannels: readonly number[];
  /** Layers of each block. */
  readonly blockLayers: readonly number[];
  readonly headDim: number;
}

export interface MaxVitOptions {
  /** Height and width of the images, which are equal. Default 224×224. */
  inputSize?: Pair;
  /** Probability of leaving out the last layer; it grows linearly from 0 at the first. Default 0.2. */
  stochasticDepthProb?: number;
  /** Of the convolutions. Default: batch norms with `eps` 0.001 and `momentum` 0.99. */
  normLayer?: NormLayer;
  /** Default `nn.GELU`. */
  activationLayer?: ActivationLayer;
  /** Default 0.25. */
  squeezeRatio?: number;
  /** Default 4. */
  expansionRatio?: number;
  /** Width of the hidden layers by the channels. Default 4. */
  mlpRatio?: number;
  /** Probability of the dropout after the linear layers. Default 0. */
  mlpDropout?: number;
  /** Probability of the dropout after the attention. Default 0. */
  attentionDropout?: number;
  /** Default 1000. */
  numClasses?: number;
}

const defaultNorm: NormLayer = (channels: number) => new nn.BatchNorm2d(channels, { eps: 0.001, momentum: 0.99 });

/** The network: stem, blocks, classifier. `(N, 3, ...inputSize)` to `(N, numClasses)`. */
export class MaxVit extends nn.Module {
  readonly stem: nn.Sequential;
  readonly partitionSize: number;
  readonly blocks: nn.ModuleList<MaxVitBlock>;
  readonly classifier: nn.Sequential;

  /** @throws {ArgumentError} for an input size that the partitions do not cover at each block */
  constructor(size: MaxVitSize, options: MaxVitOptions = {}) {
    super();
    const { stemChannels, partitionSize, blockChannels, blockLayers, headDim } = size;
    const { inputSize = [224, 224], stochasticDepthProb = 0.2, numClasses = 1000 } = options;
    const { normLayer = defaultNorm, activationLayer = () => new nn.GELU() } = options;
    const { squeezeRatio = 0.25, expansionRatio = 4, mlpRatio = 4, mlpDropout = 0, attentionDropout = 0 } = options;
    requireCount('numClasses', numClasses);
    requireInputSize(inputSize, blockChannels.length, partitionSize);
    const layerOptions: LayerOptions = {
      ...{ normLayer, activationLayer, squeezeRatio, expansionRatio, headDim },
      ...{ mlpRatio, mlpDropout, attentionDropout, partitionSize },
    };
    this.stem = new nn.Sequential(
      new Conv2dNormActivation(3, stemChannels, { stride: 2, normLayer, activationLayer, bias: false, inplace: null }),
      new Conv2dNormActivation(stemChannels, stemChannels, { normLayer: null, activationLayer: null, bias: true }),
    );
    this.partitionSize = partitionSize;
    this.blocks = new nn.ModuleList<MaxVitBlock>();
    const total = blockLayers.reduce((sum, count) => sum + count, 0);
    const probability = (i: number) => (total === 1 ? 0 : i * (stochasticDepthProb / (total - 1)));
    let grid = halved(inputSize);
    let channels = stemChannels;
    let position = 0;
    for (const [i, outChannels] of blockChannels.entries()) {
      const depths = Array.from({ length: blockLayers[i] ?? 0 }, () => probability(position++));
      const block = new MaxVitBlock(channels, outChannels, grid, layerOptions, depths);
      this.blocks.append(block);
      grid = block.gridSize;
      channels = outChannels;
    }
    this.classifier = new nn.Sequential(
      new nn.AdaptiveAvgPool2d(1),
      new nn.Flatten(),
      new nn.LayerNorm(channels),
      new nn.Linear(channels, channels),
      new nn.Tanh(),
      new nn.Linear(channels, numClasses, { bias: false }),
    );
    initialiseLayers(this, { conv: normalWith(0.02), linear: normalWith(0.02) });
  }

  forward(x: Tensor): Tensor {
    return pipe(x, this.stem, ...this.blocks, this.classifier);
  }
}

function requireInputSize(inputSize: Pair, blocks: number, partitionSize: number): void {
  // The grid's attention is laid out for squares.
  if (inputSize[0] !== inputSize[1]) throw ArgumentError.expected('inputSize', 'equal height and width', inputSize);
  let grid = halved(inputSize);
  for (let block = 0; block < blocks; block++) {
    grid = halved(grid);
    if (grid.some((side) => side % partitionSize !== 0)) {
      const wanted = `a size of which block ${block} sees a multiple of ${partitionSize}, not ${grid.join('×')}`;
      throw ArgumentError.expected('inputSize', wanted, inputSize);
    }
  }
}

const TINY: MaxVitSize = {
  stemChannels: 64,
  partitionSize: 7,
  blockChannels: [64, 128, 256, 512],
  blockLayers: [2, 2, 5, 2],
  headDim: 32,
};

/** MaxViT Tiny. */
export const maxvit_t = registerClassifier('maxvit_t', {
  make: (options: MaxVitOptions) => new MaxVit(TINY, options),
  weights: MaxVit_T_Weights,
  defaults: {
    inputSize: [224, 224],
    stochasticDepthProb: 0.2,
    normLayer: undefined,
    activationLayer: undefined,
    squeezeRatio: 0.25,
    expansionRatio: 4,
    mlpRatio: 4,
    mlpDropout: 0,
    attentionDropout: 0,
  },
  prescribe: (options, { meta: { minSize }, name }) => {
    const asked = options.inputSize;
    const same = asked?.length === 2 && asked[0] === minSize[0] && asked[1] === minSize[1];
    return prescribe(same ? { ...options, inputSize: minSize } : options, 'inputSize', minSize, name);
  },
});
