/** @file AugMix: an image blended with several chains of random operations on it. */

import { ArgumentError, data, nn, ops, scope, type Tensor, tensor } from '@edgeai/torch';
import type { Fill } from '../functional/grid.ts';
import type { Interpolation } from '../pillow-filters.ts';
import { drawInteger } from '../random.ts';
import { getDimensions } from '../size.ts';
import { drawDirection } from './methods.ts';
import { applyOperation, augMixSpace } from './operations.ts';

export interface AugMixOptions {
  /** Strength of the operations, 1 … 10. Default 3. */
  severity?: number;
  /** Number of chains. Default 3. */
  mixtureWidth?: number;
  /** Operations in a chain; 0 or less for 1 to 3 at random. Default −1. */
  chainDepth?: number;
  /** Parameter of the distributions that the shares are drawn from. Default 1. */
  alpha?: number;
  /** Also brightness, colour, contrast and sharpness. Default true. */
  allOps?: boolean;
  /** Of the operations that move pixels. Default 'bilinear'. */
  interpolation?: Interpolation;
  /** Value of pixels from outside the image, or one a channel. Default `null`: zeros. */
  fill?: Fill;
}

const STRENGTHS = 10;

/**
 * "AugMix: A Simple Data Processing Method to Improve Robustness and Uncertainty" (arXiv 1912.02781).
 *
 * Takes uint8 images […, channels, height, width]. torchvision mixes tensors for Pillow images too, so there is no backend
 * to choose.
 */
@data.portable(import.meta.url)
export class AugMix extends nn.Module<[Tensor], Tensor> {
  readonly severity: number;
  readonly mixtureWidth: number;
  readonly chainDepth: number;
  readonly alpha: number;
  readonly allOps: boolean;
  readonly interpolation: Interpolation;
  readonly fill: Fill;

  constructor(options: AugMixOptions = {}) {
    super();
    const { severity = 3, mixtureWidth = 3, chainDepth = -1, alpha = 1 } = options;
    if (!(Number.isInteger(severity) && severity >= 1 && severity <= STRENGTHS))
      throw ArgumentError.expected('severity', `a whole number between 1 and ${STRENGTHS}`, severity);
    this.severity = severity;
    this.mixtureWidth = mixtureWidth;
    this.chainDepth = chainDepth;
    this.alpha = alpha;
    this.allOps = options.allOps ?? true;
    this.interpolation = options.interpolation ?? 'bilinear';
    this.fill = options.fill ?? null;
  }

  forward(image: Tensor): Tensor {
    const { height, width } = getDimensions(image);
    const space = [...augMixSpace(STRENGTHS, [height, width], this.allOps)];
    const options = { interpolation: this.interpolation, fill: this.fill, backend: 'tensor' } as const;
    return scope(() => {
      const batch = image.ndim < 4 ? image.unsqueeze(0) : image;
      const column = (weights: Tensor, i: number) =>
        weights.select(1, i).view([batch.size(0), ...batch.shape.slice(1).map(() => 1)]);
      const both = drawShares(batch.size(0), 2, this.alpha);
      const shares = drawShares(batch.size(0), this.mixtureWidth, this.alpha).mul(both.narrow(1, 1, 1));
      const mixed = column(both, 0).mul(batch);
      for (let i = 0; i < this.mixtureWidth; i++) {
        const chain = scope(() => {
          let current = batch;
          for (let left = this.#depth(); left > 0; left--) {
            const [name, { magnitudes, signed }] = space[drawInteger(0, space.length)] as (typeof space)[number];
            const strength = magnitudes === null ? 0 : (magnitudes[drawInteger(0, this.severity)] as number);
            current = applyOperation(current, name, drawDirection(strength, signed), options);
          }
          return column(shares, i).mul(current);
        });
        mixed.add_(chain);
      }
      return mixed.view([...image.shape]).to(image.dtype);
    });
  }

  #depth(): number {
    return this.chainDepth > 0 ? this.chainDepth : drawInteger(1, 4);
  }

  override extraRepr(): string {
    return `severity=${this.severity}, mixtureWidth=${this.mixtureWidth}, chainDepth=${this.chainDepth}, alpha=${this.alpha}, allOps=${this.allOps}`;
  }
}

/** Shares that add up to 1, from a symmetric Dirichlet distribution: [rows, count]. */
function drawShares(rows: number, count: number, alpha: number): Tensor {
  return scope(() => {
    const parameters = tensor(new Array<number>(count).fill(alpha), { dtype: 'float32' }).expand([rows, count]);
    return ops.aten?._sample_dirichlet?.(parameters) as Tensor;
  });
}
