/** @file MaxViT's attention within windows, and across a grid that spans the whole feature map. */

import { ArgumentError, fx, nn, scope, type Tensor } from '@edgeai/torch';
import { type ActivationLayer, makeLayer, type NormLayer } from '../ops/layer-factory.ts';
import { pipe } from '../ops/pipe.ts';
import { StochasticDepth } from '../ops/stochastic-depth.ts';
import { relativePositionIndex } from './relative-position.ts';

export type Pair = readonly [height: number, width: number];

/** Attention of a square's positions to one another, with a learnt bias for each offset. `(N, squares, area, featDim)`. */
export class RelativePositionalMultiHeadAttention extends nn.Module {
  readonly numHeads: number;
  readonly headDim: number;
  readonly area: number;
  readonly scaleFactor: number;
  readonly to_qkv: nn.Linear;
  readonly merge: nn.Linear;
  readonly relative_position_bias_table: nn.Parameter;
  readonly relative_position_index: nn.Buffer;

  /**
   * @param maxSeqLen positions in a square
   * @throws {ArgumentError} unless `featDim` is a multiple of `headDim`
   */
  constructor(featDim: number, headDim: number, maxSeqLen: number) {
    super();
    if (featDim % headDim !== 0) throw ArgumentError.expected('featDim', `a multiple of ${headDim}`, featDim);
    const side = Math.floor(Math.sqrt(maxSeqLen));
    this.numHeads = featDim / headDim;
    this.headDim = headDim;
    this.area = maxSeqLen;
    this.to_qkv = new nn.Linear(featDim, featDim * 3);
    this.scaleFactor = featDim ** -0.5;
    this.merge = new nn.Linear(featDim, featDim);
    this.relative_position_bias_table = nn.Parameter.empty([(2 * side - 1) ** 2, this.numHeads]);
    this.relative_position_index = nn.Buffer.from(relativePositionIndex(side, side));
    nn.init.truncNormal_(this.relative_position_bias_table, 0, 0.02);
  }

  forward(x: Tensor): Tensor {
    const { numHeads, headDim, area } = this;
    const [batch = 0, squares = 0, positions = 0, channels = 0] = x.shape;
    const toHeads = (part: Tensor) =>
      part.reshape([batch, squares, positions, numHeads, headDim]).permute([0, 1, 3, 2, 4]);
    const [q, k, v] = this.to_qkv(x).chunk(3, -1).map(toHeads);
    if (q === undefined || k === undefined || v === undefined)
      throw ArgumentError.expected('x', '4 dimensions', x.shape);
    const scores = dotProducts(q, k.mul(this.scaleFactor));
    const biases = rowsOf(this.relative_position_bias_table, this.relative_position_index).view([area, area, -1]);
    const bias = biases.permute([2, 0, 1]).contiguous().unsqueeze(0);
    const weights = nn.functional.softmax(scores.add(bias), -1);
    const mixed = mix(weights, v).permute([0, 1, 3, 2, 4]).reshape([batch, squares, positions, channels]);
    return this.merge(mixed);
  }
}

const rowsOf = fx.wrap('getitem', (table: Tensor, index: Tensor) => scope(() => table.indexSelect(0, index.flatten())));
const dotProducts = fx.wrap('einsum', (q: Tensor, k: Tensor) => q.matmul(k.transpose(-2, -1)));
const mix = fx.wrap('einsum', (weights: Tensor, v: Tensor) => weights.matmul(v));

/** Exchanges two dimensions. */
export class SwapAxes extends nn.Module {
  readonly a: number;
  readonly b: number;

  constructor(a: number, b: number) {
    super();
    this.a = a;
    this.b = b;
  }

  forward(x: Tensor): Tensor {
    return x.swapaxes(this.a, this.b);
  }
}

/** Cuts `(N, C, H, W)` into squares of side `p`: `(N, squares, p · p, C)`. */
export class WindowPartition extends nn.Module<[Tensor, number], Tensor> {
  forward(x: Tensor, p: number): Tensor {
    const [batch = 0, channels = 0, height = 0, width = 0] = x.shape;
    const [rows, columns] = [Math.floor(height / p), Math.floor(width / p)];
    return x
      .reshape([batch, channels, rows, p, columns, p])
      .permute([0, 2, 4, 3, 5, 1])
      .reshape([batch, rows * columns, p * p, channels]);
  }
}

/** Undoes {@link WindowPartition}. */
export class WindowDepartition extends nn.Module<[Tensor, number, number, number], Tensor> {
  forward(x: Tensor, p: number, rows: number, columns: number): Tensor {
    const [batch = 0, , , channels = 0] = x.shape;
    return x
      .reshape([batch, rows, columns, p, p, channels])
      .permute([0, 5, 1, 3, 2, 4])
      .reshape([batch, channels, rows * p, columns * p]);
  }
}

export interface PartitionAttentionOptions {
  headDim: number;
  /** Side of the windows, or of the grid. */
  partitionSize: number;
  /** Attention among neighbours, or among positions spread evenly over the map. */
  partitionType: 'window' | 'grid';
  /** Size of the feature map. */
  gridSize: Pair;
  /** Width of the hidden layer by the channels. */
  mlpRatio: number;
  activationLayer: ActivationLayer;
  /** Before the attention. */
  normLayer: NormLayer;
  attentionDropout: number;
  mlpDropout: number;
  stochasticDepthProb: number;
}

/** Attention and two linear layers, each behind a norm and with a connection around it. `(N, C, H, W)`. */
export class PartitionAttentionLayer extends nn.Module {
  /** Side of the squares that the map is cut into. */
  readonly p: number;
  readonly gridSize: Pair;
  readonly partition_op: WindowPartition;
  readonly departition_op: WindowDepartition;
  readonly partition_swap: nn.Module;
  readonly departition_swap: nn.Module;
  readonly attn_layer: nn.Sequential;
  readonly mlp_layer: nn.Sequential;
  readonly stochastic_dropout: StochasticDepth;

  /** @throws {ArgumentError} for an unknown type of partition, or a map that the squares do not cover */
  constructor(inChannels: number, options: PartitionAttentionOptions) {
    super();
    const { headDim, partitionSize, partitionType, gridSize, mlpRatio, activationLayer, normLayer } = options;
    if (partitionType !== 'window' && partitionType !== 'grid') {
      throw ArgumentError.expected('partitionType', "'window' or 'grid'", partitionType);
    }
    this.p = partitionType === 'window' ? partitionSize : Math.floor(gridSize[0] / partitionSize);
    if (gridSize[0] % this.p !== 0 || gridSize[1] % this.p !== 0) {
      throw ArgumentError.expected('gridSize', `multiples of ${this.p}`, gridSize);
    }
    this.gridSize = gridSize;
    const swap = () => (partitionType === 'grid' ? new SwapAxes(-2, -3) : new nn.Identity());
    this.partition_op = new WindowPartition();
    this.departition_op = new WindowDepartition();
    this.partition_swap = swap();
    this.departition_swap = swap();
    this.attn_layer = new nn.Sequential(
      makeLayer(normLayer, inChannels),
      new RelativePositionalMultiHeadAttention(inChannels, headDim, partitionSize ** 2),
      new nn.Dropout(options.attentionDropout),
    );
    this.mlp_layer = new nn.Sequential(
      new nn.LayerNorm(inChannels),
      new nn.Linear(inChannels, inChannels * mlpRatio),
      makeLayer(activationLayer),
      new nn.Linear(inChannels * mlpRatio, inChannels),
      new nn.Dropout(options.mlpDropout),
    );
    this.stochastic_dropout = new StochasticDepth(options.stochasticDepthProb, 'row');
  }

  forward(x: Tensor): Tensor {
    const { p, gridSize, stochastic_dropout } = this;
    const residual = (layer: nn.Module) => (squares: Tensor) =>
      pipe(squares, layer, stochastic_dropout, (result) => squares.add(result));
    return pipe(
      x,
      (map) => this.partition_op(map, p),
      this.partition_swap,
      residual(this.attn_layer),
      residual(this.mlp_layer),
      this.departition_swap,
      (squares) => this.departition_op(squares, p, gridSize[0] / p, gridSize[1] / p),
    );
  }
}
