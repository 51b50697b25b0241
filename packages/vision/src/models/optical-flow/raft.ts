/**
 * @file RAFT: optical flow by looking up correlations of all pairs of pixels, again and again.
 *
 * Paper: Teed and Deng 2020 (arXiv:2003.12039). Lineage: torchvision's form. Parts: raft-encoder.ts, correlation.ts,
 * raft-update.ts. Weights: raft-weights.ts.
 */

import { ArgumentError, cat, nn, releaseIfOwned, scope, type Tensor } from '@edgeai/torch';
import type { NormLayer } from '../../ops/layer-factory.ts';
import { registerPublished } from '../published-model.ts';
import { requireCount } from '../utils.ts';
import type { WeightsEnum } from '../weights.ts';
import { CorrBlock, type CorrelationBlock } from './correlation.ts';
import { makeCoordsGrid, upsampleFlow } from './grids.ts';
import { FeatureEncoder, type RaftBlock, RaftBottleneckBlock, RaftResidualBlock } from './raft-encoder.ts';
import {
  FlowHead,
  MaskPredictor,
  MotionEncoder,
  RecurrentBlock,
  type RecurrentBlockOptions,
  UpdateBlock,
} from './raft-update.ts';
import { Raft_Large_Weights, Raft_Small_Weights } from './raft-weights.ts';

export interface RaftParts {
  /** Encodes both images; reduces their size to an eighth. */
  readonly featureEncoder: nn.Module;
  /** Encodes the first image: the initial hidden state and the context, side by side. */
  readonly contextEncoder: nn.Module;
  readonly corrBlock: CorrelationBlock;
  readonly updateBlock: UpdateBlock;
  /** `null`: bilinear interpolation. Default `null`. */
  readonly maskPredictor?: nn.Module | null;
}

const REDUCTION = 8;

/**
 * The network. Two images `(N, 3, H, W)` in [-1, 1], sides divisible by 8 and at least 128 (for the usual four levels), to
 * the flow from the first to the second in pixels, `(N, 2, H, W)`, after each update: the last is the best. Training uses all.
 */
export class RAFT extends nn.Module<[image1: Tensor, image2: Tensor, numFlowUpdates?: number], Tensor[]> {
  readonly feature_encoder: nn.Module;
  readonly context_encoder: nn.Module;
  readonly corrBlock: CorrelationBlock;
  readonly update_block: UpdateBlock;
  readonly mask_predictor: nn.Module | null;

  constructor({ featureEncoder, contextEncoder, corrBlock, updateBlock, maskPredictor = null }: RaftParts) {
    super();
    this.feature_encoder = featureEncoder;
    this.context_encoder = contextEncoder;
    this.corrBlock = corrBlock;
    this.update_block = updateBlock;
    this.mask_predictor = maskPredictor;
  }

  /** @throws {ArgumentError} for images of different or impossible sizes */
  forward(image1: Tensor, image2: Tensor, numFlowUpdates = 12): Tensor[] {
    requireCount('numFlowUpdates', numFlowUpdates);
    const [batch, height, width] = gridOf(image1, image2);
    const pyramid = scope(() => {
      const maps = this.feature_encoder(cat([image1, image2], 0));
      requireGrid('featureEncoder', maps, height, width);
      return this.corrBlock.buildPyramid(maps.narrow(0, 0, batch), maps.narrow(0, batch, batch));
    });
    const [initial, context] = this.encodeContext(image1, height, width);
    const start = makeCoordsGrid(batch, height, width, image1.device);

    const predictions: Tensor[] = [];
    let hidden = initial;
    let places = start;
    for (let i = 0; i < numFlowUpdates; i++) {
      const step = scope(() => {
        // Gradients flow through the hidden state only.
        const detached = places.detach();
        const correlations = this.corrBlock.indexPyramid(pyramid, detached);
        const [next, change] = this.update_block(hidden, context, correlations, detached.sub(start));
        const moved = detached.add(change);
        const mask = this.mask_predictor === null ? null : this.mask_predictor(next);
        return { hidden: next, places: moved, flow: upsampleFlow(moved.sub(start), mask, REDUCTION) };
      });
      releaseIfOwned(hidden);
      if (places !== start) releaseIfOwned(places);
      ({ hidden, places } = step);
      predictions.push(step.flow);
    }
    return predictions;
  }

  /** The initial hidden state and the context. */
  private encodeContext(image: Tensor, height: number, width: number): [hidden: Tensor, context: Tensor] {
    return scope(() => {
      const encoded = this.context_encoder(image);
      requireGrid('contextEncoder', encoded, height, width);
      const { hiddenStateSize } = this.update_block;
      const channels = (encoded.shape[1] ?? 0) - hiddenStateSize;
      if (channels <= 0) {
        const wanted = `a result of more than ${hiddenStateSize} channels, the size of the hidden state,`;
        throw ArgumentError.expected('contextEncoder', wanted, encoded.shape);
      }
      return [encoded.narrow(1, 0, hiddenStateSize).tanh(), encoded.narrow(1, hiddenStateSize, channels).relu()];
    });
  }
}

/** Batch, and the size of the feature maps. */
function gridOf(image1: Tensor, image2: Tensor): [batch: number, height: number, width: number] {
  const [batch = 0, , height = 0, width = 0] = image1.shape;
  if (image1.ndim !== 4) throw ArgumentError.expected('image1', 'four dimensions', image1.shape);
  if (image1.shape.join() !== image2.shape.join())
    throw ArgumentError.expected('image2', `the shape of image1, [${image1.shape.join(', ')}],`, image2.shape);
  if (height % REDUCTION !== 0 || width % REDUCTION !== 0)
    throw ArgumentError.expected('image1', `sides divisible by ${REDUCTION}`, image1.shape);
  return [batch, height / REDUCTION, width / REDUCTION];
}

function requireGrid(part: string, map: Tensor, height: number, width: number): void {
  const [actualHeight, actualWidth] = map.shape.slice(-2);
  if (actualHeight !== height || actualWidth !== width)
    throw ArgumentError.expected(part, `a result of ${height}×${width}, an eighth of the image,`, map.shape);
}

/** Parts to use instead of the usual ones. */
export interface RaftOptions extends Partial<RaftParts> {
  /** Not an option of optical flow. */
  numClasses?: never;
}

/** What makes RAFT large or small. */
interface Variant {
  readonly block: RaftBlock;
  readonly featureLayers: readonly number[];
  readonly contextLayers: readonly number[];
  readonly contextNorm: NormLayer | null;
  readonly radius: number;
  readonly corrLayers: readonly number[];
  readonly flowLayers: readonly number[];
  readonly motionChannels: number;
  readonly hiddenSize: number;
  readonly recurrent: Pick<RecurrentBlockOptions, 'kernelSize' | 'padding'>;
  readonly headSize: number;
  readonly mask: boolean;
}

function build(variant: Variant, given: RaftOptions): RAFT {
  const { block, contextLayers, hiddenSize } = variant;
  const featureEncoder =
    given.featureEncoder ?? new FeatureEncoder({ block, layers: variant.featureLayers, normLayer: nn.InstanceNorm2d });
  const contextEncoder =
    given.contextEncoder ?? new FeatureEncoder({ block, layers: contextLayers, normLayer: variant.contextNorm });
  const corrBlock = given.corrBlock ?? new CorrBlock({ numLevels: 4, radius: variant.radius });
  const updateBlock = given.updateBlock ?? makeUpdateBlock(variant, corrBlock);
  const maskPredictor = given.maskPredictor ?? (variant.mask ? new MaskPredictor(hiddenSize, 256) : null);
  return new RAFT({ featureEncoder, contextEncoder, corrBlock, updateBlock, maskPredictor });
}

function makeUpdateBlock(variant: Variant, corrBlock: CorrelationBlock): UpdateBlock {
  const { corrLayers, flowLayers, motionChannels, contextLayers, hiddenSize, recurrent, headSize } = variant;
  const motion = new MotionEncoder({
    inChannelsCorr: corrBlock.outChannels,
    corrLayers,
    flowLayers,
    outChannels: motionChannels,
  });
  const contextChannels = (contextLayers[contextLayers.length - 1] ?? 0) - hiddenSize;
  const unit = new RecurrentBlock({ inputSize: motionChannels + contextChannels, hiddenSize, ...recurrent });
  return new UpdateBlock(motion, unit, new FlowHead(hiddenSize, headSize));
}

function raft(name: string, variant: Variant, weights: WeightsEnum) {
  return registerPublished(name, {
    make: (options: RaftOptions) => build(variant, options),
    weights,
    task: 'optical_flow',
    module: 'optical_flow',
    inputShapes: [
      [1, 3, 512, 512],
      [1, 3, 512, 512],
    ],
    defaultOptions: {
      featureEncoder: undefined,
      contextEncoder: undefined,
      corrBlock: undefined,
      updateBlock: undefined,
      maskPredictor: undefined,
    },
  });
}

/** RAFT as in the paper. */
export const raft_large = raft(
  'raft_large',
  {
    block: RaftResidualBlock,
    featureLayers: [64, 64, 96, 128, 256],
    contextLayers: [64, 64, 96, 128, 256],
    contextNorm: nn.BatchNorm2d,
    radius: 4,
    corrLayers: [256, 192],
    flowLayers: [128, 64],
    motionChannels: 128,
    hiddenSize: 128,
    recurrent: {},
    headSize: 256,
    mask: true,
  },
  Raft_Large_Weights,
);
/** A RAFT of a fifth of the parameters, whose flow is interpolated to full size. */
export const raft_small = raft(
  'raft_small',
  {
    block: RaftBottleneckBlock,
    featureLayers: [32, 32, 64, 96, 128],
    contextLayers: [32, 32, 64, 96, 160],
    contextNorm: null,
    radius: 3,
    corrLayers: [96],
    flowLayers: [64, 32],
    motionChannels: 82,
    hiddenSize: 96,
    recurrent: { kernelSize: [3], padding: [1] },
    headSize: 128,
    mask: false,
  },
  Raft_Small_Weights,
);
