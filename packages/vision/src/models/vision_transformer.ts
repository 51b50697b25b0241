/**
 * @file The vision transformer: a transformer encoder over patches of the image.
 *
 * Papers: Dosovitskiy et al. 2020 (arXiv:2010.11929); convolutional stem: Xiao et al. 2021 (arXiv:2106.14881). Lineage:
 * torchvision's form. Weights: vision_transformer-weights.ts.
 */

import { ArgumentError, cat, nn, scope, type Tensor } from '@edgeai/torch';
import { type ActivationLayer, makeLayer, type NormLayer } from '../ops/layer-factory.ts';
import { Conv2dNormActivation } from '../ops/misc.ts';
import { pipe } from '../ops/pipe.ts';
import { registerClassifier } from './classifier.ts';
import { MLPBlock } from './transformer-mlp.ts';
import { prescribe, requireCount } from './utils.ts';
import * as weightsOf from './vision_transformer-weights.ts';
import type { WeightsEnum } from './weights.ts';

/** One convolution of a stem that takes the place of the patches. */
export interface ConvStemConfig {
  readonly outChannels: number;
  readonly kernelSize: number;
  readonly stride: number;
  /** Default `nn.BatchNorm2d`. */
  readonly normLayer?: NormLayer;
  /** Default `nn.ReLU`. */
  readonly activationLayer?: ActivationLayer;
}

interface EncoderOptions {
  readonly numHeads: number;
  readonly hiddenDim: number;
  readonly mlpDim: number;
  readonly dropout: number;
  readonly attentionDropout: number;
  readonly normLayer: NormLayer;
}

/** Self-attention and two linear layers, each behind a norm and with a connection around it. `(N, L, hiddenDim)`. */
export class EncoderBlock extends nn.Module {
  readonly ln_1: nn.Module;
  readonly self_attention: nn.MultiheadAttention;
  readonly dropout: nn.Dropout;
  readonly ln_2: nn.Module;
  readonly mlp: nn.Module;

  constructor({ numHeads, hiddenDim, mlpDim, dropout, attentionDropout, normLayer }: EncoderOptions) {
    super();
    this.ln_1 = makeLayer(normLayer, hiddenDim);
    this.self_attention = new nn.MultiheadAttention(hiddenDim, numHeads, {
      dropout: attentionDropout,
      batchFirst: true,
    });
    this.dropout = new nn.Dropout(dropout);
    this.ln_2 = makeLayer(normLayer, hiddenDim);
    this.mlp = new MLPBlock(hiddenDim, mlpDim, dropout);
  }

  forward(input: Tensor): Tensor {
    const attend = (x: Tensor) => this.self_attention(x, x, x, { needWeights: false })[0];
    const attended = pipe(input, this.ln_1, attend, this.dropout, (x) => x.add(input));
    return pipe(attended, this.ln_2, this.mlp, (x) => attended.add(x));
  }
}

/** Adds a learnt embedding of each position, runs the blocks, normalises. `(N, L, hiddenDim)`. */
export class Encoder extends nn.Module {
  readonly pos_embedding: nn.Parameter;
  readonly dropout: nn.Dropout;
  readonly layers: nn.Sequential;
  readonly ln: nn.Module;

  constructor(seqLength: number, numLayers: number, options: EncoderOptions) {
    super();
    this.pos_embedding = nn.Parameter.empty([1, seqLength, options.hiddenDim]);
    nn.init.normal_(this.pos_embedding, 0, 0.02);
    this.dropout = new nn.Dropout(options.dropout);
    const layers: Record<string, nn.Module> = {};
    for (let i = 0; i < numLayers; i++) layers[`encoder_layer_${i}`] = new EncoderBlock(options);
    this.layers = new nn.Sequential(layers);
    this.ln = makeLayer(options.normLayer, options.hiddenDim);
  }

  forward(input: Tensor): Tensor {
    return pipe(input, (x) => x.add(this.pos_embedding), this.dropout, this.layers, this.ln);
  }
}

/** The size of a vision transformer. */
export interface VisionTransformerSize {
  /** Height and width of a patch. */
  readonly patchSize: number;
  readonly numLayers: number;
  readonly numHeads: number;
  readonly hiddenDim: number;
  readonly mlpDim: number;
}

export interface VisionTransformerOptions {
  /** Height and width of the images, a multiple of the patch size. Default 224, with published weights theirs. */
  imageSize?: number;
  /** Default 1000. */
  numClasses?: number;
  /** Probability of the dropouts in the encoder. Default 0. */
  dropout?: number;
  /** Probability of the dropout of the attention weights. Default 0. */
  attentionDropout?: number;
  /** Width of a hidden layer in the head. Default: none. */
  representationSize?: number | null;
  /** Default: layer norm with `eps` 1e-6. */
  normLayer?: NormLayer;
  /** Convolutions instead of patches; together they must shrink the image by the patch size. Default: none. */
  convStemConfigs?: readonly ConvStemConfig[] | null;
}

const defaultNorm: NormLayer = (channels: number) => new nn.LayerNorm(channels, { eps: 1e-6 });

/** The network. `(N, 3, imageSize, imageSize)` to `(N, numClasses)`. */
export class VisionTransformer extends nn.Module {
  readonly imageSize: number;
  readonly patchSize: number;
  readonly hiddenDim: number;
  readonly seqLength: number;
  readonly class_token: nn.Parameter;
  readonly conv_proj: nn.Module;
  readonly encoder: Encoder;
  readonly heads: nn.Sequential;

  /** @throws {ArgumentError} where the patches do not cover the image */
  constructor(size: VisionTransformerSize, options: VisionTransformerOptions = {}) {
    super();
    const { imageSize = 224, numClasses = 1000, dropout = 0, attentionDropout = 0, normLayer = defaultNorm } = options;
    const { patchSize, numLayers, hiddenDim } = size;
    requireCount('numClasses', numClasses);
    if (imageSize % patchSize !== 0) {
      throw ArgumentError.expected('imageSize', `a multiple of the patch size, ${patchSize}`, imageSize);
    }
    this.imageSize = imageSize;
    this.patchSize = patchSize;
    this.hiddenDim = hiddenDim;
    this.conv_proj = makeProjection(patchSize, hiddenDim, options.convStemConfigs ?? null);
    this.seqLength = (imageSize / patchSize) ** 2 + 1;
    this.class_token = nn.Parameter.empty([1, 1, hiddenDim]);
    nn.init.zeros_(this.class_token);
    this.encoder = new Encoder(this.seqLength, numLayers, { ...size, dropout, attentionDropout, normLayer });
    this.heads = makeHeads(hiddenDim, options.representationSize ?? null, numClasses);
    initialise(this);
  }

  /** @throws {ArgumentError} for images of another size */
  forward(x: Tensor): Tensor {
    const [n = 0, , height, width] = x.shape;
    const { imageSize, patchSize, hiddenDim } = this;
    if (height !== imageSize || width !== imageSize) {
      throw ArgumentError.expected('x', `images of ${imageSize}×${imageSize}`, x.shape);
    }
    const patches = (imageSize / patchSize) ** 2;
    const toSequence = (features: Tensor) => features.reshape([n, hiddenDim, patches]).permute([0, 2, 1]);
    const withToken = (sequence: Tensor) => cat([this.class_token.expand([n, -1, -1]), sequence], 1);
    return pipe(x, this.conv_proj, toSequence, withToken, this.encoder, (all) => all.select(1, 0), this.heads);
  }

  /** Takes the keys of old checkpoints, such as `mlp.linear_1.weight`, too. */
  override adaptState(state: nn.StateDict, prefix: string): void {
    nn.renameStateKeys(state, prefix, (key) =>
      key.replace(/\.mlp\.linear_1\./, '.mlp.0.').replace(/\.mlp\.linear_2\./, '.mlp.3.'),
    );
  }
}

/** One convolution whose stride is its size, or a stem and a 1×1 convolution. */
function makeProjection(patchSize: number, hiddenDim: number, stem: readonly ConvStemConfig[] | null): nn.Module {
  if (stem === null) return new nn.Conv2d(3, hiddenDim, patchSize, { stride: patchSize });
  const layers: Record<string, nn.Module> = {};
  let channels = 3;
  for (const [i, { outChannels, ...rest }] of stem.entries()) {
    layers[`conv_bn_relu_${i}`] = new Conv2dNormActivation(channels, outChannels, rest);
    channels = outChannels;
  }
  layers.conv_last = new nn.Conv2d(channels, hiddenDim, 1);
  return new nn.Sequential(layers);
}

function makeHeads(hiddenDim: number, representationSize: number | null, numClasses: number): nn.Sequential {
  if (representationSize === null) return new nn.Sequential({ head: new nn.Linear(hiddenDim, numClasses) });
  return new nn.Sequential({
    pre_logits: new nn.Linear(hiddenDim, representationSize),
    act: new nn.Tanh(),
    head: new nn.Linear(representationSize, numClasses),
  });
}

function initialise(model: VisionTransformer): void {
  const zeroBias = ({ bias }: nn.Conv2d | nn.Linear) => {
    if (bias !== null) nn.init.zeros_(bias);
  };
  const { conv_proj, heads } = model;
  const projection = conv_proj instanceof nn.Conv2d ? conv_proj : conv_proj.getSubmodule('conv_last');
  if (projection instanceof nn.Conv2d) {
    const { fanIn } = nn.init.calculateFanInAndFanOut(projection.weight);
    if (projection === conv_proj) nn.init.truncNormal_(projection.weight, 0, Math.sqrt(1 / fanIn));
    else nn.init.normal_(projection.weight, 0, Math.sqrt(2 / projection.outChannels));
    zeroBias(projection);
  }
  for (const [name, layer] of heads.namedChildren()) {
    if (!(layer instanceof nn.Linear)) continue;
    if (name === 'head') nn.init.zeros_(layer.weight);
    else nn.init.truncNormal_(layer.weight, 0, Math.sqrt(1 / layer.inFeatures));
    zeroBias(layer);
  }
}

export interface InterpolateEmbeddingsOptions {
  /** Default `bicubic`. */
  interpolationMode?: 'nearest' | 'bilinear' | 'bicubic';
  /** Leave out the head. Default `false`. */
  resetHeads?: boolean;
}

/**
 * Fits the embeddings of positions in a state dict to another image size, so that it can be loaded into a network for that size.
 * A state dict that fits already is returned as it is.
 *
 * @throws {ArgumentError} where the embeddings do not belong to a square of patches
 */
export function interpolateEmbeddings(
  imageSize: number,
  patchSize: number,
  state: nn.StateDict,
  { interpolationMode = 'bicubic', resetHeads = false }: InterpolateEmbeddingsOptions = {},
): nn.StateDict {
  const KEY = 'encoder.pos_embedding';
  const embedding = state[KEY];
  const [n, length = 0, hiddenDim = 0] = embedding?.shape ?? [];
  const side = Math.sqrt(length - 1);
  if (embedding === undefined || n !== 1 || !Number.isInteger(side)) {
    throw ArgumentError.expected('state', `embeddings of a square of patches at ${KEY}`, embedding?.shape);
  }
  const newSide = Math.floor(imageSize / patchSize);
  if (newSide === side) return state;
  const fitted = scope(() => {
    const grid = embedding
      .narrow(1, 1, length - 1)
      .permute([0, 2, 1])
      .reshape([1, hiddenDim, side, side]);
    const alignCorners = interpolationMode === 'nearest' ? {} : { alignCorners: true };
    const size = [newSide, newSide] as const;
    const resized = nn.functional.interpolate(grid, { size, mode: interpolationMode, ...alignCorners });
    const sequence = resized.reshape([1, hiddenDim, newSide ** 2]).permute([0, 2, 1]);
    return cat([embedding.narrow(1, 0, 1), sequence], 1);
  });
  const kept = Object.entries(state).filter(([key]) => !(resetHeads && key.startsWith('heads')));
  return { ...Object.fromEntries(kept), [KEY]: fitted };
}

type SizeNumbers = readonly [patch: number, layers: number, heads: number, hidden: number, mlp: number];

function vit(name: string, [patchSize, numLayers, numHeads, hiddenDim, mlpDim]: SizeNumbers, weights: WeightsEnum) {
  const size = { patchSize, numLayers, numHeads, hiddenDim, mlpDim };
  return registerClassifier(name, {
    make: (options: VisionTransformerOptions) => new VisionTransformer(size, options),
    weights,
    defaults: {
      imageSize: 224,
      dropout: 0,
      attentionDropout: 0,
      representationSize: null,
      normLayer: undefined,
      convStemConfigs: null,
    },
    prescribe: (options, { meta, name: entry }) => prescribe(options, 'imageSize', meta.minSize[0], entry),
  });
}

/** Base, patches of 16×16. */
export const vit_b_16 = vit('vit_b_16', [16, 12, 12, 768, 3072], weightsOf.ViT_B_16_Weights);
/** Base, patches of 32×32. */
export const vit_b_32 = vit('vit_b_32', [32, 12, 12, 768, 3072], weightsOf.ViT_B_32_Weights);
/** Large, patches of 16×16. */
export const vit_l_16 = vit('vit_l_16', [16, 24, 16, 1024, 4096], weightsOf.ViT_L_16_Weights);
/** Large, patches of 32×32. */
export const vit_l_32 = vit('vit_l_32', [32, 24, 16, 1024, 4096], weightsOf.ViT_L_32_Weights);
/** Huge, patches of 14×14. */
export const vit_h_14 = vit('vit_h_14', [14, 32, 16, 1280, 5120], weightsOf.ViT_H_14_Weights);
