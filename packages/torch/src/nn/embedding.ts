/** @file A table of vectors, looked up by index. */

import { noGrad } from '../autograd/modes.ts';
import { scope } from '../core/scope.ts';
import type { Tensor } from '../core/tensor.ts';
import { ArgumentError } from '../errors.ts';
import { checkPaddingIdx, type EmbeddingFunctionOptions, embedding } from './functional/embedding.ts';
import { normal_ } from './init.ts';
import { Module } from './module.ts';
import { type FactoryOptions, Parameter } from './parameter.ts';
import { float, repr } from './repr.ts';

export interface EmbeddingOptions extends EmbeddingFunctionOptions, FactoryOptions {}

/** Rows of a learnt table at int64 indices: `(…)` to `(…, embeddingDim)`. */
export class Embedding extends Module {
  numEmbeddings: number;
  embeddingDim: number;
  paddingIdx: number | null;
  maxNorm: number | null;
  normType: number;
  scaleGradByFreq: boolean;
  sparse: boolean;
  /** `(numEmbeddings, embeddingDim)` */
  weight: Parameter;

  /** @param table what the weight starts as, sharing its data; drawn from the normal distribution if not given */
  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingOptions = {}, table?: Tensor) {
    super();
    const { paddingIdx, dtype, device } = options;
    this.numEmbeddings = numEmbeddings;
    this.embeddingDim = embeddingDim;
    this.paddingIdx = paddingIdx == null ? null : checkPaddingIdx(paddingIdx, numEmbeddings);
    this.maxNorm = options.maxNorm ?? null;
    this.normType = options.normType ?? 2;
    this.scaleGradByFreq = options.scaleGradByFreq ?? false;
    this.sparse = options.sparse ?? false;
    if (table === undefined) {
      this.weight = Parameter.empty([numEmbeddings, embeddingDim], { dtype, device });
      this.resetParameters();
    } else {
      this.weight = new Parameter(table);
    }
  }

  /** An embedding over the rows of a table, frozen unless `freeze: false`. @throws {ArgumentError} */
  static fromPretrained(table: Tensor, options: EmbeddingFunctionOptions & { freeze?: boolean } = {}): Embedding {
    const [rows, columns] = table.shape;
    if (rows === undefined || columns === undefined || table.ndim !== 2) {
      throw new ArgumentError(
        'table',
        `Expected a tensor of two dimensions for table but received shape [${table.shape.join(', ')}]`,
      );
    }
    const made = new Embedding(rows, columns, options, table);
    made.weight.requiresGrad = !(options.freeze ?? true);
    return made;
  }

  resetParameters(): void {
    normal_(this.weight);
    const { paddingIdx } = this;
    if (paddingIdx !== null) noGrad(() => scope(() => void this.weight.select(0, paddingIdx).zero_()));
  }

  forward(input: Tensor): Tensor {
    return embedding(input, this.weight, this);
  }

  override extraRepr(): string {
    let text = `${this.numEmbeddings}, ${this.embeddingDim}`;
    if (this.paddingIdx !== null) text += `, padding_idx=${this.paddingIdx}`;
    if (this.maxNorm !== null) text += `, max_norm=${repr(this.maxNorm)}`;
    if (this.normType !== 2) text += `, norm_type=${float(this.normType)}`;
    if (this.scaleGradByFreq) text += ', scale_grad_by_freq=True';
    if (this.sparse) text += ', sparse=True';
    return text;
  }
}
