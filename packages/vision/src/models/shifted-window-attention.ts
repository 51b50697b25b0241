/** @file Attention within windows of images or videos, as Swin Transformers have it, in both versions. */

import { ArgumentError, arange, cat, fromTypedArray, fx, nn, scope, stack, type Tensor } from '@edgeai/torch';
import { pipe } from '../ops/pipe.ts';
import { relativePositionBias, relativePositionIndex } from './relative-position.ts';

/** A size or shift along each dimension: height and width, or time, height and width. */
export type WindowSize = readonly number[];

export interface WindowAttentionOptions {
  qkvWeight: Tensor;
  projWeight: Tensor;
  /** Added to the scores, `(1, heads, area, area)`. */
  relativePositionBias: Tensor;
  windowSize: WindowSize;
  numHeads: number;
  /** By how much the windows are shifted; not in a direction in which one window covers everything. */
  shiftSize: WindowSize;
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
  readonly padded: WindowSize;
  readonly window: WindowSize;
  readonly shift: WindowSize;
}

/** Self-attention among the positions of each window. `(N, H, W, C)` to `(N, H, W, C)`; likewise with time. */
export function shiftedWindowAttention(input: Tensor, options: WindowAttentionOptions): Tensor {
  return scope(() => {
    const [batch = 0, ...size] = input.shape;
    const channels = size.pop() ?? 0;
    const { windowSize: window, numHeads, training = true } = options;
    const padded = size.map((length, i) => ceilTo(length, window[i] ?? 1));
    const shift = options.shiftSize.map((by, i) => ((window[i] ?? 1) >= (padded[i] ?? 1) ? 0 : by));
    const layout: Layout = { batch, channels, padded, window, shift };

    const margins = size.map((length, i) => [0, (padded[i] ?? length) - length]);
    const windows = partition(nn.functional.pad(input, [0, 0, ...margins.toReversed().flat()]), layout);
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
    return size.reduce((map, length, i) => map.narrow(i + 1, 0, length), join(dropped, layout)).contiguous();
  });
}

function ceilTo(size: number, multiple: number): number {
  return Math.ceil(size / multiple) * multiple;
}

function product(sizes: WindowSize): number {
  return sizes.reduce((all, size) => all * size, 1);
}

function isShifted({ shift }: Layout): boolean {
  return shift.some((by) => by > 0);
}

/** Numbers of windows along each dimension. */
function windowCounts({ padded, window }: Layout): number[] {
  return padded.map((size, i) => size / (window[i] ?? 1));
}

/** Numbers of windows and sizes of windows by turns, as a map is viewed before it is cut. */
function interleaved(layout: Layout): number[] {
  return windowCounts(layout).flatMap((count, i) => [count, layout.window[i] ?? 1]);
}

/** The dimensions of a map, from `first` on. */
function dimensions({ padded }: Layout, first: number): number[] {
  return padded.map((_, i) => first + i);
}

/** Shifts in a circle and cuts into windows. `(N · windows, area, C)` */
function partition(x: Tensor, layout: Layout): Tensor {
  const { batch, channels, window, shift } = layout;
  const back = shift.map((by) => -by);
  const shifted = isShifted(layout) ? x.roll(back, dimensions(layout, 1)) : x;
  const across = shift.map((_, i) => 1 + 2 * i);
  const inside = across.map((dimension) => dimension + 1);
  return shifted
    .view([batch, ...interleaved(layout), channels])
    .permute([0, ...across, ...inside, 2 * shift.length + 1])
    .reshape([batch * product(windowCounts(layout)), product(window), channels]);
}

/** Undoes {@link partition}. */
function join(x: Tensor, layout: Layout): Tensor {
  const { batch, channels, padded, window, shift } = layout;
  const dims = shift.length;
  const byTurns = shift.flatMap((_, i) => [1 + i, 1 + dims + i]);
  const map = x
    .view([batch, ...windowCounts(layout), ...window, channels])
    .permute([0, ...byTurns, 2 * dims + 1])
    .reshape([batch, ...padded, channels]);
  return isShifted(layout) ? map.roll(shift, dimensions(layout, 1)) : map;
}

/** Version 2 has no bias for keys. */
function qkvBias({ qkvBias: bias = null, logitScale = null }: WindowAttentionOptions): Tensor | null {
  if (bias === null || logitScale === null) return bias;
  const length = bias.numel() / 3;
  return cat([bias.narrow(0, 0, length), bias.newZeros([length]), bias.narrow(0, 2 * length, length)], 0);
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
  const [count = 0, heads = 0, area = 0] = scores.shape;
  const windows = product(windowCounts(layout));
  const across = layout.shift.map((_, i) => 2 * i);
  const inside = across.map((dimension) => dimension + 1);
  const regions = fromTypedArray(regionOfEach(layout), interleaved(layout))
    .permute([...across, ...inside])
    .reshape([windows, area]);
  const apart = regions.unsqueeze(1).sub(regions.unsqueeze(2)).ne(0);
  const mask = apart.to({ dtype: scores.dtype, device: scores.device }).mul(-100);
  return scores
    .view([count / windows, windows, heads, area, area])
    .add(mask.unsqueeze(1).unsqueeze(0))
    .view([-1, heads, area, area]);
}

/** For each position of the shifted map the part of the image or video that it comes from. */
function regionOfEach({ padded, window, shift }: Layout): Float32Array {
  const parts = padded.map((size, i) => {
    const [cut = 0, by = 0] = [window[i], shift[i]];
    return Array.from({ length: size }, (_, position): number => {
      if (by === 0 || position >= size - by) return 2;
      return position >= size - cut ? 1 : 0;
    });
  });
  const regions = parts.reduce((all, along) => all.flatMap((region) => along.map((part) => region * 3 + part)), [0]);
  return Float32Array.from(regions);
}

const attendInWindows = fx.wrap('shifted_window_attention', shiftedWindowAttention);
const attendInVolumes = fx.wrap('shifted_window_attention_3d', shiftedWindowAttention);

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

/** Attention within windows of images, with a learnt bias for each offset. `(N, H, W, dim)`. */
export class ShiftedWindowAttention extends nn.Module {
  readonly windowSize: WindowSize;
  readonly shiftSize: WindowSize;
  readonly numHeads: number;
  readonly attentionDropout: number;
  readonly dropout: number;
  readonly qkv: nn.Linear;
  readonly proj: nn.Linear;
  relative_position_bias_table!: nn.Parameter;
  readonly relative_position_index: nn.Buffer;

  /** @throws {ArgumentError} unless sizes have a number for each dimension and the heads share `dim` evenly */
  constructor(
    dim: number,
    windowSize: WindowSize,
    shiftSize: WindowSize,
    numHeads: number,
    { qkvBias = true, projBias = true, attentionDropout = 0, dropout = 0 }: ShiftedWindowAttentionOptions = {},
  ) {
    super();
    for (const [name, sizes] of Object.entries({ windowSize, shiftSize }))
      if (sizes.length !== this.dims) throw ArgumentError.expected(name, `${this.dims} numbers`, sizes);
    if (dim % numHeads !== 0) throw ArgumentError.expected('dim', `a multiple of ${numHeads} heads`, dim);
    this.windowSize = windowSize;
    this.shiftSize = shiftSize;
    this.numHeads = numHeads;
    this.attentionDropout = attentionDropout;
    this.dropout = dropout;
    this.qkv = new nn.Linear(dim, dim * 3, { bias: qkvBias });
    this.proj = new nn.Linear(dim, dim, { bias: projBias });
    this.defineBiasTable();
    this.relative_position_index = nn.Buffer.from(scope(() => this.positionIndex()));
  }

  forward(x: Tensor): Tensor {
    return this.attend(x, null);
  }

  /** Dimensions of a window. */
  protected get dims(): number {
    return 2;
  }

  protected positionIndex(): Tensor {
    return relativePositionIndex(...this.windowSize).flatten();
  }

  /** The windows that a feature map is cut into. */
  protected windowFor(_x: Tensor): WindowSize {
    return this.windowSize;
  }

  protected defineBiasTable(): void {
    const table = nn.Parameter.empty([product(this.windowSize.map((size) => 2 * size - 1)), this.numHeads]);
    nn.init.truncNormal_(table, 0, 0.02);
    this.relative_position_bias_table = table;
  }

  /** The biases of all offsets, `(offsets, heads)`. */
  protected biasTable(): Tensor {
    return this.relative_position_bias_table;
  }

  protected relativePositionBias(window: WindowSize): Tensor {
    return relativePositionBias(this.biasTable(), this.relative_position_index, product(window));
  }

  protected attend(x: Tensor, logitScale: Tensor | null): Tensor {
    const { qkv, proj, shiftSize, numHeads, attentionDropout, dropout, training } = this;
    const windowSize = this.windowFor(x);
    const attention = this.dims === 2 ? attendInWindows : attendInVolumes;
    const bias = this.relativePositionBias(windowSize);
    const sizes = { windowSize, shiftSize, numHeads, attentionDropout, dropout, training };
    const weights = { qkvWeight: qkv.weight, projWeight: proj.weight, qkvBias: qkv.bias, projBias: proj.bias };
    return attention(x, { ...sizes, ...weights, relativePositionBias: bias, logitScale });
  }
}

/** Version 2: cosine attention with a learnt scale, and biases that a small network computes from the offsets. */
export class ShiftedWindowAttentionV2 extends ShiftedWindowAttention {
  readonly logit_scale: nn.Parameter;
  relative_coords_table!: nn.Buffer;
  readonly cpb_mlp: nn.Sequential;

  constructor(
    dim: number,
    windowSize: WindowSize,
    shiftSize: WindowSize,
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
    return this.attend(x, this.logit_scale);
  }

  /** The offsets themselves on a logarithmic scale, `(1, 2 · height − 1, 2 · width − 1, 2)`. */
  protected override defineBiasTable(): void {
    const [height = 0, width = 0] = this.windowSize;
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

  protected override relativePositionBias(window: WindowSize): Tensor {
    return super.relativePositionBias(window).sigmoid().mul(16);
  }
}
