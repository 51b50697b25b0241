/** @file How alike each pair of pixels of two images is, at several resolutions, and looking that up around given places. */

import { ArgumentError, cat, linspace, nn, scope, stack, type Tensor } from '@edgeai/torch';
import { requireCount } from '../utils.ts';
import { sampleAt } from './grids.ts';

/** What RAFT needs of its correlation block. */
export interface CorrelationBlock {
  /** Channels of the features that `indexPyramid` returns. */
  readonly outChannels: number;
  /** The similarity of each pixel of the first map to all of the second, finest first. */
  buildPyramid(first: Tensor, second: Tensor): Tensor[];
  /** Features of the surroundings of each place. */
  indexPyramid(pyramid: readonly Tensor[], places: Tensor): Tensor;
}

/** Products of all pairs of feature vectors; the second image's side is pooled from level to level. */
export class CorrBlock implements CorrelationBlock {
  readonly numLevels: number;
  readonly radius: number;
  readonly outChannels: number;

  /** @param options `numLevels`: default 4; `radius` of the surroundings in pixels of each level: default 4 */
  constructor({ numLevels = 4, radius = 4 }: { numLevels?: number; radius?: number } = {}) {
    requireCount('numLevels', numLevels);
    requireCount('radius', radius);
    this.numLevels = numLevels;
    this.radius = radius;
    this.outChannels = numLevels * (2 * radius + 1) ** 2;
  }

  /**
   * @param first features of the first image, `(N, C, H, W)`
   * @returns for each level `(N · H · W, 1, height, width)`
   * @throws {ArgumentError} for maps of different shapes, or too small to be pooled that often
   */
  buildPyramid(first: Tensor, second: Tensor): Tensor[] {
    const { shape } = first;
    if (shape.join() !== second.shape.join()) throw ArgumentError.expected('second', `shape ${shape}`, second.shape);
    const [batch = 0, channels = 0, height = 0, width = 0] = shape;
    // A level of one pixel across could not be sampled.
    const smallest = 2 ** this.numLevels;
    if (Math.min(height, width) < smallest) {
      throw new ArgumentError(
        'first',
        `Expected feature maps of at least ${smallest}×${smallest} for ${this.numLevels} levels but received ${height}×${width}`,
      );
    }
    return scope(() => {
      const rows = (map: Tensor) => map.view([batch, channels, height * width]);
      const products = rows(first)
        .transpose(1, 2)
        .matmul(rows(second))
        .div(Math.fround(Math.sqrt(channels)));
      const pyramid = [products.view([batch * height * width, 1, height, width])];
      while (pyramid.length < this.numLevels) {
        const finer = pyramid[pyramid.length - 1] ?? products;
        pyramid.push(nn.functional.avgPool2d(finer, [2, 2], [2, 2]));
      }
      return pyramid;
    });
  }

  /**
   * @param places in the second image for each pixel of the first, `(N, 2, H, W)`
   * @returns `(N, outChannels, H, W)`
   */
  indexPyramid(pyramid: readonly Tensor[], places: Tensor): Tensor {
    return scope(() => {
      const [batch = 0, , height = 0, width = 0] = places.shape;
      const side = 2 * this.radius + 1;
      const steps = linspace(-this.radius, this.radius, side, { device: places.device });
      const shape = [side, side];
      // Rows go with x: the order of the features that the checkpoints were trained with.
      const offsets = stack([steps.unsqueeze(1).expand(shape), steps.unsqueeze(0).expand(shape)], -1).unsqueeze(0);
      const centres = places.permute([0, 2, 3, 1]).reshape([batch * height * width, 1, 1, 2]);
      const features = pyramid.map((level, i) =>
        sampleAt(level, centres.div(2 ** i).add(offsets)).view([batch, height, width, -1]),
      );
      return cat(features, -1).permute([0, 3, 1, 2]).contiguous();
    });
  }
}
