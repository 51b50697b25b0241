/** @file Attention within windows of the feature map, as Swin Transformers have it, in both versions. */

import { ArgumentError, arange, fromTypedArray, nn, scope, stack, type Tensor } from '@edgeai/torch';
import { pipe } from '../ops/pipe.ts';
import { relativePositionBias, relativePositionIndex } from './relative-position.ts';

type Pair = readonly [height: number, width: number];

export interface WindowAttentionOptions {
  qkvWeight: Tensor;
  projWeight: Tensor;
  /** Added to the scores, `(1, heads, area, area)`. */
  relativePositionBias: Tensor;
  windowSize: Pair;
  numHeads: number;
  /** By how much the windows are shifted; not in a direction in which one window covers everything. */
  shiftSize: Pair;
  attentionDropout?: number;
  dropout?: number;
  qkvBias?: Tensor | null;
  projBias?: Tensor | null;
  /** Given, scores are cosines times its exponential: version 2. */
  logitScale?: Tensor | null;
  training?: boolean;
}

/** How the feature map is cut: size with padding, and shifts. */
interface Layout {
  readonly batch: number;
  readonly channels: number;
  readonly padded: Pair;
  readonly window: Pair;
  readonly shift: Pair;
}

/** Self-attention among the positions of each window. `(N, H, W, C)` to `(N, H, W, C)`. */
export function shiftedWindowAttention(input: Tensor, options: WindowAttentionOptions): Tensor {
  return scope(() => {
    const [batch = 0, height = 0, width = 0, channels = 0] = input.shape;
    const { windowSize: window, numHeads, training = true } = options;
    const padded = [ceilTo(height, window[0]), ceilTo(width, window[1])] as const;
    const shiftAlong = (side: 0 | 1) => (window[side] >= padded[side] ? 0 : options.shiftSize[side]);
    const layout: Layout = { batch, channels, padded, window, shift: [shiftAlong(0), shiftAlong(1)] };

    const windows = partition(nn.functional.pad(input, [0, 0, 0, padded[1] - width, 0, padded[0] - height]), layout);
    const [count = 0, area = 0] = windows.shape;
    const qkv = nn.functional.linear(windows, options.qkvWeight, qkvBias(options));
    const parts = qkv.reshape([count, area, 3, numHeads, channels / numHeads]).permute([2, 0, 3, 1, 4]);
    const scores = attentionScores(parts.select(0, 0), parts.select(0, 1), options).add(options.relativePositionBias);
    const weights = nn.functional.dropout(
      nn.functional.softmax(masked(scores, layout), -1),
      options.attentionDropout ?? 0,
      {
        training,
      },
    );
    const mixed = weights.matmul(parts.select(0, 2)).transpose(1, 2).reshape([count, area, channels]);
    const projected = nn.functional.linear(mixed, options.projWeight, options.projBias ?? null);
    const dropped = nn.functional.dropout(projected, options.dropout ?? 0, { training });
    return join(dropped, layout).narrow(1, 0, height).narrow(2, 0, width).contiguous();
  });
}

function ceilTo(size: number, multiple: number): number {
  return Math.ceil(size / multiple) * multiple;
}

function isShifted({ shift }: Layout): boolean {
  return shift[0] + shift[1] > 0;
}

/** Shifts in a circle and cuts into windows. `(N · windows, area, C)` */
function partition(x: Tensor, layout: Layout): Tensor {
  const { batch, channels, padded, window, shift } = layout;
  const shifted = isShifted(layout) ? x.roll([-shift[0], -shift[1]], [1, 2]) : x;
  const [rows, columns] = [padded[0] / window[0], padded[1] / window[1]];
  return shifted
    .view([batch, rows, window[0], columns, window[1], channels])
    .permute([0, 1, 3, 2, 4, 5])
    .reshape([batch * rows * columns, window[0] * window[1], channels]);
}

/** Undoes {@link partition}. */
function join(x: Tensor, layout: Layout): Tensor {
  const { batch, channels, padded, window, shift } = layout;
  const [rows, columns] = [padded[0] / window[0], padded[1] / window[1]];
  const map = x
    .view([batch, rows, columns, window[0], window[1], channels])
    .permute([0, 1, 3, 2, 4, 5])
    .reshape([batch, padded[0], padded[1], channels]);
  return isShifted(layout) ? map.roll([shift[0], shift[1]], [1, 2]) : map;
}

/** Version 2 has no bias for keys. */
function qkvBias({ qkvBias: bias = null, logitScale = null }: WindowAttentionOptions): Tensor | null {
  if (bias === null || logitScale === null) return bias;
  const copy = bias.clone();
  const length = copy.numel() / 3;
  copy.narrow(0, length, length).zero_();
  return copy;
}

function attentionScores(q: Tensor, k: Tensor, { logitScale = null }: WindowAttentionOptions): Tensor {
  if (logitScale === null) return q.mul((q.shape[3] ?? 1) ** -0.5).matmul(k.transpose(-2, -1));
  const unit = (x: Tensor) => nn.functional.normalize(x, { dim: -1 });
  const cosines = unit(q).matmul(unit(k).transpose(-2, -1));
  return cosines.mul(logitScale.clamp({ max: Math.log(100) }).exp());
}

/** Keeps positions apart that only the shift in a circle has made neighbours. */
function masked(scores: Tensor, layout: Layout): Tensor {
  if (!isShifted(layout)) return scores;
  const { padded, window } = layout;
  const [count = 0, heads = 0, area = 0] = scores.shape;
  const [rows, columns] = [padded[0] / window[0], padded[1] / window[1]];
  const windows = rows * columns;
  const regions = fromTypedArray(regionOfEach(layout), [rows, window[0], columns, window[1]])
    .permute([0, 2, 1, 3])
    .reshape([windows, area]);
  const apart = regions.unsqueeze(1).sub(regions.unsqueeze(2)).ne(0);
  const mask = apart.to({ dtype: scores.dtype, device: scores.device }).mul(-100);
  return scores
    .view([count / windows, windows, heads, area, area])
    .add(mask.unsqueeze(1).unsqueeze(0))
    .view([-1, heads, area, area]);
}

/** For each position of the shifted map the part of the image that it comes from. */
function regionOfEach({ padded, window, shift }: Layout): Float32Array {
  const part = (position: number, side: 0 | 1) => {
    if (shift[side] === 0 || position >= padded[side] - shift[side]) return 2;
    return position >= padded[side] - window[side] ? 1 : 0;
  };
  const [height, width] = padded;
  return Float32Array.from(
    { length: height * width },
    (_, i) => part(Math.floor(i / width), 0) * 3 + part(i % width, 1),
  );
}

export interface ShiftedWindowAttentionOptions {
  /** Default `true`. */
  qkvBias?: boolean;
  /** Default `true`. */
  projBias?: boolean;
  /** Probability of the dropout of the attention weights. Default 0. */
  attentionDropout?: number;
  /** Probability of the dropout of the result. Default 0. */
  dropout?: number;
}

/** Attention within windows, with a learnt bias for each offset. `(N, H, W, dim)`. */
export class ShiftedWindowAttention extends nn.Module {
  readonly windowSize: Pair;
  readonly shiftSize: Pair;
  readonly numHeads: number;
  readonly attentionDropout: number;
  readonly dropout: number;
  readonly qkv: nn.Linear;
  readonly proj: nn.Linear;
  relative_position_bias_table!: nn.Parameter;
  readonly relative_position_index: nn.Buffer;

  /** @throws {ArgumentError} unless sizes have two numbers and the heads share `dim` evenly */
  constructor(
    dim: number,
    windowSize: Pair,
    shiftSize: Pair,
    numHeads: number,
    { qkvBias = true, projBias = true, attentionDropout = 0, dropout = 0 }: ShiftedWindowAttentionOptions = {},
  ) {
    super();
    if (windowSize.length !== 2) throw ArgumentError.expected('windowSize', 'two numbers', windowSize);
    if (shiftSize.length !== 2) throw ArgumentError.expected('shiftSize', 'two numbers', shiftSize);
    if (dim % numHeads !== 0) throw ArgumentError.expected('dim', `a multiple of ${numHeads} heads`, dim);
    this.windowSize = windowSize;
    this.shiftSize = shiftSize;
    this.numHeads = numHeads;
    this.attentionDropout = attentionDropout;
    this.dropout = dropout;
    this.qkv = new nn.Linear(dim, dim * 3, { bias: qkvBias });
    this.proj = new nn.Linear(dim, dim, { bias: projBias });
    this.defineBiasTable();
    this.relative_position_index = nn.Buffer.from(scope(() => relativePositionIndex(...windowSize).flatten()));
  }

  forward(x: Tensor): Tensor {
    return this.attend(x, this.relativePositionBias(), null);
  }

  protected defineBiasTable(): void {
    const [height, width] = this.windowSize;
    const table = nn.Parameter.empty([(2 * height - 1) * (2 * width - 1), this.numHeads]);
    nn.init.truncNormal_(table, 0, 0.02);
    this.relative_position_bias_table = table;
  }

  /** The biases of all offsets, `(offsets, heads)`. */
  protected biasTable(): Tensor {
    return this.relative_position_bias_table;
  }

  protected relativePositionBias(): Tensor {
    const [height, width] = this.windowSize;
    return relativePositionBias(this.biasTable(), this.relative_position_index, height * width);
  }

  protected attend(x: Tensor, bias: Tensor, logitScale: Tensor | null): Tensor {
    const { qkv, proj, windowSize, shiftSize, numHeads, attentionDropout, dropout, training } = this;
    const sizes = { windowSize, shiftSize, numHeads, attentionDropout, dropout, training };
    const weights = { qkvWeight: qkv.weight, projWeight: proj.weight, qkvBias: qkv.bias, projBias: proj.bias };
    return shiftedWindowAttention(x, { ...sizes, ...weights, relativePositionBias: bias, logitScale });
  }
}

/** Version 2: cosine attention with a learnt scale, and biases that a small network computes from the offsets. */
export class ShiftedWindowAttentionV2 extends ShiftedWindowAttention {
  readonly logit_scale: nn.Parameter;
  relative_coords_table!: nn.Buffer;
  readonly cpb_mlp: nn.Sequential;

  constructor(
    dim: number,
    windowSize: Pair,
    shiftSize: Pair,
    numHeads: number,
    options: ShiftedWindowAttentionOptions = {},
  ) {
    super(dim, windowSize, shiftSize, numHeads, options);
    this.logit_scale = nn.Parameter.empty([numHeads, 1, 1]);
    nn.init.constant_(this.logit_scale, Math.log(10));
    this.cpb_mlp = new nn.Sequential(
      new nn.Linear(2, 512),
      new nn.ReLU({ inplace: true }),
      new nn.Linear(512, numHeads, { bias: false }),
    );
    const { bias } = this.qkv;
    if (bias === null) return;
    scope(() => {
      nn.init.zeros_(bias.detach().narrow(0, dim, dim));
    });
  }

  override forward(x: Tensor): Tensor {
    return this.attend(x, this.relativePositionBias(), this.logit_scale);
  }

  /** The offsets themselves on a logarithmic scale, `(1, 2 · height − 1, 2 · width − 1, 2)`. */
  protected override defineBiasTable(): void {
    const [height, width] = this.windowSize;
    const table = scope(() => {
      const offsets = (size: number) => arange(-(size - 1), size, 1, { dtype: 'float32' }).div(size - 1);
      const shape = [2 * height - 1, 2 * width - 1];
      const grid = [offsets(height).unsqueeze(1).expand(shape), offsets(width).unsqueeze(0).expand(shape)];
      const scaled = stack(grid, 2).unsqueeze(0).mul(8);
      return scaled.sign().mul(scaled.abs().add(1).log2()).div(3);
    });
    this.relative_coords_table = nn.Buffer.from(table);
  }

  protected override biasTable(): Tensor {
    return pipe(this.relative_coords_table, this.cpb_mlp, (biases) => biases.view([-1, this.numHeads]));
  }

  protected override relativePositionBias(): Tensor {
    return super.relativePositionBias().sigmoid().mul(16);
  }
}
