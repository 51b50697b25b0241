/** @file Attention of multiscale vision transformers: queries, keys and values are pooled in time and space first. */

import { ArgumentError, cat, einsum, fx, nn, scope, type Tensor, tensor } from '@edgeai/torch';
import { makeLayer, type NormLayer } from '../../ops/layer-factory.ts';

/** Time, height and width of the grid that a sequence of tokens covers. */
export type Grid = readonly [time: number, height: number, width: number];

/** A kernel or stride in time, height and width; empty for none. */
export type PoolSize = readonly number[];

/** The product of the sizes: above 1 where a kernel or stride does something. */
export function volume(size: PoolSize): number {
  return size.reduce((product, value) => product * value, 1);
}

/** A size that is not empty. @throws {ArgumentError} unless there are three numbers */
export function tripleOf(name: string, [time, height, width, ...more]: PoolSize): [number, number, number] {
  if (time === undefined || height === undefined || width === undefined || more.length > 0)
    throw ArgumentError.expected(name, 'three numbers', [time, height, width, ...more]);
  return [time, height, width];
}

/** Inserts a dimension of size 1 at `at` where there is one dimension less than `dims`. */
export const unsqueezed = fx.wrap('_unsqueeze', (x: Tensor, dims: number, at: number) =>
  x.ndim === dims - 1 ? x.unsqueeze(at) : x,
);

/** Takes the dimension out again, where there were not `dims` of them before. */
const squeezed = fx.wrap('_squeeze', (x: Tensor, dims: number, at: number) => (x.ndim > dims ? x.squeeze(at) : x));

/** The class token, and the rest. */
const splitFirst = fx.wrap('tensor_split', (x: Tensor): [Tensor, Tensor] => [
  x.narrow(2, 0, 1),
  x.narrow(2, 1, (x.shape[2] ?? 1) - 1),
]);

/** Queries, keys and values. */
const unbind = fx.wrap('unbind', (x: Tensor): [Tensor, Tensor, Tensor] => [
  x.select(2, 0),
  x.select(2, 1),
  x.select(2, 2),
]);

/**
 * Pools tokens on their grid, all but the class token in front, then normalises. `(N, heads, 1 + tokens, C)` or
 * `(N, 1 + tokens, C)`; returns the new grid too.
 */
export class Pool extends nn.Module<[Tensor, Grid], [Tensor, Grid]> {
  readonly pool: nn.Module;
  readonly norm_act: nn.Sequential | null;

  constructor(pool: nn.Module, norm: nn.Module | null) {
    super();
    this.pool = pool;
    this.norm_act = norm === null ? null : new nn.Sequential(norm);
  }

  forward(x: Tensor, grid: Grid): [Tensor, Grid] {
    if (x.ndim !== 3 && x.ndim !== 4) throw ArgumentError.expected('x', 'three or four dimensions', x.shape);
    const tokens = unsqueezed(x, 4, 1);
    const [batch = 0, heads = 0, , channels = 0] = tokens.shape;
    const [classToken, others] = splitFirst(tokens);
    const map = others.transpose(2, 3).reshape([batch * heads, channels, ...grid]);
    const pooled = this.pool(map.contiguous());
    const rest = pooled.reshape([batch, heads, channels, -1]).transpose(2, 3);
    const joined = cat([classToken, rest], 2);
    const result = this.norm_act === null ? joined : this.norm_act(joined);
    return [squeezed(result, x.ndim, 1), tripleOf('grid', pooled.shape.slice(2))];
  }
}

/** Embeddings of `length` offsets, interpolated where the table has another number. */
function embeddingsFor(table: Tensor, length: number): Tensor {
  if (table.shape[0] === length) return table;
  const rows = table.transpose(0, 1).unsqueeze(0);
  return nn.functional.interpolate(rows, { size: length, mode: 'linear' }).squeeze(0).transpose(0, 1);
}

/** The embedding of each offset between `queries` and `keys` positions along one axis, `(queries, keys, C)`. */
function relativeEmbeddings(table: Tensor, queries: number, keys: number): Tensor {
  const queryStep = Math.fround(Math.max(keys / queries, 1));
  const keyStep = Math.fround(Math.max(queries / keys, 1));
  // In single precision, then rounded towards zero, as the checkpoints were trained.
  const offsets = Array.from({ length: queries * keys }, (_, i) => {
    const [query, key] = [Math.floor(i / keys), i % keys];
    return Math.trunc(Math.fround(Math.fround(query * queryStep) - Math.fround((key + (1 - keys)) * keyStep)));
  });
  const embeddings = embeddingsFor(table, 2 * Math.max(queries, keys) - 1);
  return embeddings.indexSelect(0, tensor(offsets, { dtype: 'int64' }).to(table.device)).view([queries, keys, -1]);
}

interface RelativeTables {
  readonly height: Tensor;
  readonly width: Tensor;
  readonly time: Tensor;
}

/** Adds to the scores of all but the class token what queries make of the offsets along each axis. */
function withRelativePositions(
  scores: Tensor,
  queries: Tensor,
  [qt, qh, qw]: Grid,
  [kt, kh, kw]: Grid,
  tables: RelativeTables,
): Tensor {
  const [batch = 0, heads = 0, count = 0, channels = 0] = queries.shape;
  const q = queries.narrow(2, 1, count - 1).reshape([batch, heads, qt, qh, qw, channels]);
  const byHeight = einsum('bythwc,hkc->bythwk', [q, relativeEmbeddings(tables.height, qh, kh)]);
  const byWidth = einsum('bythwc,wkc->bythwk', [q, relativeEmbeddings(tables.width, qw, kw)]);
  const rows = batch * heads * qh * qw;
  const byTime = q
    .permute([2, 0, 1, 3, 4, 5])
    .reshape([qt, rows, channels])
    .matmul(relativeEmbeddings(tables.time, qt, kt).transpose(1, 2))
    .transpose(0, 1)
    .view([batch, heads, qh, qw, qt, kt])
    .permute([0, 1, 4, 2, 3, 5]);
  const all = byHeight
    .unsqueeze(5)
    .unsqueeze(-1)
    .add(byWidth.unsqueeze(5).unsqueeze(5))
    .add(byTime.unsqueeze(-1).unsqueeze(-1))
    .reshape([batch, heads, qt * qh * qw, kt * kh * kw]);
  return scores.add(nn.functional.pad(all, [1, 0, 1, 0]));
}

const addRelativePositions = fx.wrap('_add_rel_pos', withRelativePositions);

export interface MultiscaleAttentionOptions {
  /** Grid of the tokens that come in. */
  readonly inputSize: Grid;
  readonly embedDim: number;
  readonly outputDim: number;
  readonly numHeads: number;
  readonly kernelQ: PoolSize;
  readonly kernelKv: PoolSize;
  readonly strideQ: PoolSize;
  readonly strideKv: PoolSize;
  /** Add the pooled queries to the result. */
  readonly residualPool: boolean;
  /** Also for the class token. */
  readonly residualWithClsEmbed: boolean;
  /** Learn embeddings of offsets, one table an axis. */
  readonly relPosEmbed: boolean;
  /** Probability of the dropout of the result. */
  readonly dropout: number;
  readonly normLayer: NormLayer;
}

/** Self-attention with pooled queries, keys and values. `(N, 1 + tokens, embedDim)`; returns the queries' grid too. */
export class MultiscaleAttention extends nn.Module<[Tensor, Grid], [Tensor, Grid]> {
  readonly outputDim: number;
  readonly numHeads: number;
  readonly headDim: number;
  readonly residualPool: boolean;
  readonly residualWithClsEmbed: boolean;
  readonly qkv: nn.Linear;
  readonly project: nn.Sequential;
  readonly pool_q: Pool | null;
  readonly pool_k: Pool | null;
  readonly pool_v: Pool | null;
  readonly rel_pos_h: nn.Parameter | null;
  readonly rel_pos_w: nn.Parameter | null;
  readonly rel_pos_t: nn.Parameter | null;

  constructor(options: MultiscaleAttentionOptions) {
    super();
    const { embedDim, outputDim, numHeads, dropout, normLayer } = options;
    this.outputDim = outputDim;
    this.numHeads = numHeads;
    this.headDim = Math.floor(outputDim / numHeads);
    this.residualPool = options.residualPool;
    this.residualWithClsEmbed = options.residualWithClsEmbed;
    this.qkv = new nn.Linear(embedDim, 3 * outputDim);
    this.project = new nn.Sequential(new nn.Linear(outputDim, outputDim));
    if (dropout > 0) this.project.append(new nn.Dropout(dropout, { inplace: true }));
    this.pool_q = makePool(this.headDim, options.kernelQ, options.strideQ, normLayer);
    this.pool_k = makePool(this.headDim, options.kernelKv, options.strideKv, normLayer);
    this.pool_v = makePool(this.headDim, options.kernelKv, options.strideKv, normLayer);
    const [spatial, temporal] = tableLengths(options);
    const table = (length: number) => (options.relPosEmbed ? embeddingTable(length, this.headDim) : null);
    this.rel_pos_h = table(spatial);
    this.rel_pos_w = table(spatial);
    this.rel_pos_t = table(temporal);
  }

  forward(x: Tensor, grid: Grid): [Tensor, Grid] {
    const [batch = 0, count = 0] = x.shape;
    const parts = this.qkv(x).reshape([batch, count, 3, this.numHeads, this.headDim]).transpose(1, 3);
    const [queries, keys, values] = unbind(parts);
    const pooled = (tokens: Tensor, pool: Pool | null): [Tensor, Grid] =>
      pool === null ? [tokens, grid] : pool(tokens, grid);
    const [k, keyGrid] = pooled(keys, this.pool_k);
    const [v] = pooled(values, this.pool_v);
    const [q, queryGrid] = pooled(queries, this.pool_q);
    const mixed = scope(() => this.weights(q, queryGrid, k, keyGrid).matmul(v));
    const summed = this.residualPool ? addQueries(mixed, q, this.residualWithClsEmbed) : mixed;
    const result = this.project(summed.transpose(1, 2).reshape([batch, -1, this.outputDim]));
    return [result, queryGrid];
  }

  /** How much each query takes of each key's value. */
  private weights(q: Tensor, queryGrid: Grid, k: Tensor, keyGrid: Grid): Tensor {
    const scores = q.mul(1 / Math.sqrt(this.headDim)).matmul(k.transpose(2, 3));
    const { rel_pos_h: height, rel_pos_w: width, rel_pos_t: time } = this;
    const tables = height !== null && width !== null && time !== null ? { height, width, time } : null;
    return (tables === null ? scores : addRelativePositions(scores, q, queryGrid, keyGrid, tables)).softmax(-1);
  }
}

const addQueries = fx.wrap('_add_shortcut', (x: Tensor, q: Tensor, withClassToken: boolean): Tensor => {
  const rest = (x.shape[2] ?? 0) - 1;
  return x.add(withClassToken ? q : nn.functional.pad(q.narrow(2, 1, rest), [0, 0, 1, 0]));
});

/** Pools each channel by a convolution of its own; `null` where neither kernel nor stride do anything. */
function makePool(channels: number, kernel: PoolSize, stride: PoolSize, normLayer: NormLayer): Pool | null {
  if (volume(kernel) <= 1 && volume(stride) <= 1) return null;
  const [time, height, width] = tripleOf('kernel', kernel);
  const padding: [number, number, number] = [Math.floor(time / 2), Math.floor(height / 2), Math.floor(width / 2)];
  const conv = new nn.Conv3d(channels, channels, [time, height, width], {
    stride: tripleOf('stride', stride),
    padding,
    groups: channels,
    bias: false,
  });
  return new Pool(conv, makeLayer(normLayer, channels));
}

/** Numbers of offsets in space and in time. */
function tableLengths({
  inputSize,
  strideQ,
  strideKv,
}: MultiscaleAttentionOptions): [spatial: number, temporal: number] {
  const [time, height, width] = inputSize;
  const size = Math.max(height, width);
  const reduced = (stride: PoolSize) => Math.floor(size / (stride[1] ?? 1));
  return [2 * Math.max(reduced(strideQ), reduced(strideKv)) - 1, 2 * time - 1];
}

function embeddingTable(length: number, channels: number): nn.Parameter {
  const table = nn.Parameter.empty([length, channels]);
  nn.init.truncNormal_(table, 0, 0.02);
  return table;
}
