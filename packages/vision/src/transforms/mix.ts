/** @file Mixup and CutMix: transforms of whole batches that blend each image with its neighbour, and their targets likewise. */

import { ArgumentError, data, isFloatingPoint, nn, ops, scope, type Tensor, tensor } from '@edgeai/torch';
import { checkProbability } from './containers.ts';
import { drawInteger, drawUnit } from './random.ts';
import { getDimensions } from './size.ts';

export interface MixOptions {
  /** Probability that a batch is mixed. Default 0.5. */
  p?: number;
  /** Both parameters of the beta distribution that the share is drawn from. Default 1. */
  alpha?: number;
  /** Change the given batch. Default false. */
  inplace?: boolean;
}

/** A batch of images with targets that are shares of classes, [batch, classes]. */
export type MixedBatch = [images: Tensor, targets: Tensor];

abstract class Mix extends nn.Module<[Tensor, Tensor], MixedBatch> {
  readonly numClasses: number;
  readonly p: number;
  readonly alpha: number;
  readonly inplace: boolean;

  constructor(numClasses: number, options: MixOptions = {}) {
    super();
    if (!Number.isInteger(numClasses) || numClasses < 1)
      throw ArgumentError.expected('numClasses', 'a whole number of at least 1', numClasses);
    this.numClasses = numClasses;
    this.p = checkProbability(options.p ?? 0.5);
    this.alpha = options.alpha ?? 1;
    if (!(this.alpha > 0)) throw ArgumentError.expected('alpha', 'a number above 0', this.alpha);
    this.inplace = options.inplace ?? false;
  }

  /**
   * @param images float batch [batch, channels, height, width]
   * @param targets class indices, int64 [batch]
   */
  forward(images: Tensor, targets: Tensor): MixedBatch {
    checkBatch(images, targets);
    const batch = this.inplace ? images : images.clone();
    const shares = targets.oneHot(this.numClasses).to(batch.dtype);
    if (drawUnit() >= this.p) return [batch, shares];
    // Pairs by shifting the batch by one: cheaper than shuffling, and as good after a shuffled loader.
    return [batch, mixTargets(shares, this.mix(batch, this.alpha))];
  }

  /** Mixes each image's neighbour into it, in place. @returns the share of the image in the result */
  protected abstract readonly mix: (batch: Tensor, alpha: number) => number;

  override extraRepr(): string {
    return `numClasses=${this.numClasses}, p=${this.p}, alpha=${this.alpha}, inplace=${this.inplace}`;
  }
}

/** @internal Shares of classes, mixed in place as the images were. @param lambda an image's own share */
export function mixTargets(shares: Tensor, lambda: number): Tensor {
  const other = shares.roll(1, 0).mul_(1 - lambda);
  return shares.mul_(lambda).add_(other);
}

/** @internal Blends each image of a batch with its neighbour, in place. @returns the image's own share */
export function mixup(batch: Tensor, alpha: number): number {
  const other = batch.roll(1, 0);
  const lambda = drawShare(alpha);
  batch.mul_(lambda).add_(other.mul_(1 - lambda));
  return lambda;
}

/** @internal Pastes a rectangle of its neighbour into each image of a batch, in place. @returns the image's own share */
export function cutmix(batch: Tensor, alpha: number): number {
  const other = batch.roll(1, 0);
  const { height, width } = getDimensions(batch);
  const lambda = drawShare(alpha);
  const x = drawInteger(0, width);
  const y = drawInteger(0, height);
  const half = 0.5 * Math.sqrt(1 - lambda);
  const [halfWidth, halfHeight] = [Math.trunc(half * width), Math.trunc(half * height)];
  const [x1, y1] = [Math.max(x - halfWidth, 0), Math.max(y - halfHeight, 0)];
  const [x2, y2] = [Math.min(x + halfWidth, width), Math.min(y + halfHeight, height)];
  const area = (images: Tensor) => images.narrow(-2, y1, y2 - y1).narrow(-1, x1, x2 - x1);
  area(batch).copy_(area(other));
  return 1 - ((x2 - x1) * (y2 - y1)) / (width * height);
}

/** Blends each image with its neighbour: `λ a + (1 − λ) b`. ("mixup: Beyond Empirical Risk Minimization", arXiv 1710.09412) */
@data.portable(import.meta.url)
export class RandomMixup extends Mix {
  protected get mix() {
    return mixup;
  }
}

/** Pastes a rectangle of its neighbour into each image. ("CutMix", arXiv 1905.04899) */
@data.portable(import.meta.url)
export class RandomCutmix extends Mix {
  protected get mix() {
    return cutmix;
  }
}

/** A share from Beta(alpha, alpha), drawn as torchvision's scripts do: from a Dirichlet distribution. */
function drawShare(alpha: number): number {
  return scope(() => {
    const drawn = ops.aten?._sample_dirichlet?.(tensor([alpha, alpha], { dtype: 'float32' })) as Tensor;
    return drawn.select(0, 0).item();
  });
}

/** @internal @throws {ArgumentError} for what is no float batch with class indices */
export function checkBatch(images: Tensor, targets: Tensor): void {
  if (images.ndim !== 4 || !isFloatingPoint(images.dtype)) {
    throw new ArgumentError(
      'images',
      `Expected a float batch [batch, channels, height, width] but received ${images.dtype} [${images.shape.join(', ')}]`,
    );
  }
  if (targets.ndim !== 1 || targets.dtype !== 'int64' || targets.size(0) !== images.size(0)) {
    throw new ArgumentError(
      'targets',
      `Expected int64 class indices [${images.size(0)}] but received ${targets.dtype} [${targets.shape.join(', ')}]`,
    );
  }
}
