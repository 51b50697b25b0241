/** @file The loss of semantic segmentation: cross entropy over the pixels whose class is known. */

import { ArgumentError, nn, rand, type Tensor, tensor } from '@edgeai/torch';

export interface SegmentationLossOptions {
  /** Weight of each class. Default: all alike. */
  weight?: readonly number[] | null;
  /** The label of pixels that do not count; negative ones never do. Default 255. */
  ignoreIndex?: number;
  /**
   * What the sum is divided by: `'valid'` the (weights of the) pixels that count; `'labelled'` all pixels with a label of at least 0,
   * ignored ones too, and unweighted, as edgeailite does, which makes the loss smaller the more is ignored. Default `'valid'`.
   */
  normalisation?: 'valid' | 'labelled';
  /** How often the class weights are used: edgeailite draws for each batch, 0.2. Default 1. */
  weightProbability?: number;
}

/** `loss(logits, labels)`: `(N, classes, H, W)`, and labels `(N, 1, H, W)` or `(N, H, W)` of any type, to a scalar. */
export class SegmentationLoss extends nn.Module<[Tensor, Tensor]> {
  readonly displayName = 'CrossEntropyLoss';
  readonly better = 'lower';
  readonly #weight: Tensor | null;
  readonly #options: Required<Omit<SegmentationLossOptions, 'weight'>>;

  constructor(options: SegmentationLossOptions = {}) {
    super();
    const { weight = null, ignoreIndex = 255, normalisation = 'valid', weightProbability = 1 } = options;
    this.#weight = weight === null ? null : new nn.Buffer(tensor([...weight], { dtype: 'float32' }));
    this.#options = { ignoreIndex, normalisation, weightProbability };
  }

  /** @throws {ArgumentError} when labels and logits do not have one size, or a class has no weight */
  forward(logits: Tensor, labels: Tensor): Tensor {
    const [batch = 0, classes = 0, height = 0, width = 0] = logits.shape;
    if (labels.numel() !== batch * height * width)
      throw ArgumentError.expected('labels', `[${batch}, 1, ${height}, ${width}]`, labels.shape);
    if (this.#weight !== null && this.#weight.numel() !== classes)
      throw ArgumentError.expected('weight', `${classes} numbers, one a class`, this.#weight.shape);
    const { ignoreIndex, normalisation, weightProbability } = this.#options;
    const flat = labels.reshape([batch, height, width]).to('int64');
    const negative = flat.lt(0);
    const target = flat.maskedFill(negative, ignoreIndex);
    const weighted = this.#weight !== null && (weightProbability >= 1 || rand([1]).item() < weightProbability);
    const weight = weighted ? (this.#weight as Tensor).to(logits.device) : null;
    if (normalisation === 'valid') return nn.functional.crossEntropy(logits, target, { weight, ignoreIndex });
    const sum = nn.functional.crossEntropy(logits, target, { weight, ignoreIndex, reduction: 'sum' });
    return sum.div(negative.logicalNot().sum());
  }
}
