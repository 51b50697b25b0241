/** @file One number from a dense prediction and its target: which pixels count, and in which order errors are formed and averaged. */

import { ArgumentError, nn, type Tensor, tensor, zeros } from '@edgeai/torch';
import type { ErrorFunction } from './errors.ts';

/**
 * - `element`: the mean of the errors of all channels of all pixels that count
 * - `pixel`: the mean of one error a pixel
 * - `mean`: the error of the mean prediction against the mean target
 */
export type Reduction = 'element' | 'pixel' | 'mean';

export interface ChannelRange {
  readonly from: number;
  readonly to: number;
  readonly weight: number;
}

export interface DenseLossDefinition {
  /** Shown in logs and tables. */
  readonly displayName: string;
  readonly error: ErrorFunction;
  readonly reduction: Reduction;
  /** The square root of the mean. */
  readonly squareRoot?: boolean;
  /** With fewer elements that count, the value is not a number. */
  readonly minElements?: number;
  /** Ranges of channels that count by themselves, with their weights. Default: all channels at once. */
  readonly ranges?: readonly ChannelRange[];
}

export interface DenseLossOptions {
  /** Pixels whose target is 0 in every channel are unknown and do not count. Default `true`. */
  sparse?: boolean;
}

/**
 * A loss or metric over dense maps: `loss(prediction, target)` with `(N, C, H, W)` each gives a scalar; NaN where no pixel
 * counts. Smaller is better.
 */
export class DenseLoss extends nn.Module<[Tensor, Tensor]> {
  readonly displayName: string;
  readonly better = 'lower';
  readonly sparse: boolean;
  readonly #definition: DenseLossDefinition;

  constructor(definition: DenseLossDefinition, { sparse = true }: DenseLossOptions = {}) {
    super();
    this.displayName = definition.displayName;
    this.sparse = sparse;
    this.#definition = definition;
  }

  /** @throws {ArgumentError} unless both have one shape of four dimensions */
  forward(prediction: Tensor, target: Tensor): Tensor {
    if (prediction.ndim !== 4 || prediction.shape.join() !== target.shape.join())
      throw ArgumentError.expected('target', `the prediction's shape [${prediction.shape}]`, target.shape);
    const { ranges } = this.#definition;
    if (ranges === undefined) return this.#one(prediction, target);
    const parts = ranges.map(({ from, to, weight }) =>
      this.#one(prediction.narrow(1, from, to - from), target.narrow(1, from, to - from)).mul(weight),
    );
    return parts.reduce((sum, part) => sum.add(part));
  }

  #one(prediction: Tensor, target: Tensor): Tensor {
    const { error, reduction, squareRoot = false, minElements = 0 } = this.#definition;
    const known = this.sparse ? target.abs().sum(1, true).ne(0) : null;
    let errors: Tensor;
    if (reduction === 'pixel') {
      const all = error(prediction, target);
      errors = known === null ? all : all.maskedSelect(known);
    } else {
      const chosen = (map: Tensor) => (known === null ? map.reshape([-1]) : map.maskedSelect(known.expandAs(map)));
      const [x, y] = [chosen(prediction), chosen(target)];
      if (x.numel() === 0 || x.numel() < minElements) return notANumber(prediction);
      errors = reduction === 'mean' ? error(x.mean(), y.mean()) : error(x, y);
    }
    const mean = errors.mean();
    return squareRoot ? mean.sqrt() : mean;
  }

  override extraRepr(): string {
    return `${this.displayName}, sparse=${this.sparse}`;
  }
}

/** A scalar of the prediction's type and device; gradients through it are zero. */
function notANumber(like: Tensor): Tensor {
  const nan = tensor(Number.NaN).to(like.dtype).to(like.device);
  return like.requiresGrad ? like.sum().mul(zeros([]).to(like.device)).detach().add(nan) : nan;
}
