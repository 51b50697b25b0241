/** @file Coordinates of pixels, sampling at them, and making a flow field larger: what optical-flow networks need of geometry. */

import { arange, cat, nn, scope, stack, type Tensor } from '@edgeai/torch';

/** The place (x, y) of each pixel, `(batch, 2, height, width)`. */
export function makeCoordsGrid(batch: number, height: number, width: number, device: string): Tensor {
  return scope(() => {
    const shape = [height, width];
    const x = arange(0, width, 1, { dtype: 'float32', device }).unsqueeze(0).expand(shape);
    const y = arange(0, height, 1, { dtype: 'float32', device }).unsqueeze(1).expand(shape);
    return stack([x, y], 0).unsqueeze(0).repeat([batch, 1, 1, 1]);
  });
}

/**
 * Samples a map at places in pixels, bilinear, with zeros outside.
 *
 * @param map `(N, C, H, W)`
 * @param places `(N, H', W', 2)`, (x, y)
 */
export function sampleAt(map: Tensor, places: Tensor): Tensor {
  return scope(() => {
    const [height = 1, width = 1] = map.shape.slice(-2);
    // From pixels to -1 … 1; a single row stays where it is.
    const scaled = (values: Tensor, size: number) =>
      values
        .mul(2)
        .div(size - 1)
        .sub(1);
    const x = scaled(places.narrow(-1, 0, 1), width);
    const rows = places.narrow(-1, 1, 1);
    const y = height > 1 ? scaled(rows, height) : rows;
    return nn.functional.gridSample(map, cat([x, y], -1), { mode: 'bilinear', alignCorners: true });
  });
}

/**
 * Makes a flow field `factor` times as large, and its vectors as much longer.
 *
 * @param flow `(N, 2, H, W)`
 * @param mask `(N, 9 · factor², H, W)`: how each new pixel is mixed from its 3×3 neighbours, before the softmax; `null` for
 *   bilinear interpolation
 */
export function upsampleFlow(flow: Tensor, mask: Tensor | null = null, factor = 8): Tensor {
  return scope(() => {
    const [batch = 0, channels = 0, height = 0, width = 0] = flow.shape;
    const size = [height * factor, width * factor];
    if (mask === null)
      return nn.functional.interpolate(flow, { size, mode: 'bilinear', alignCorners: true }).mul(factor);
    const shares = mask.view([batch, 1, 9, factor, factor, height, width]).softmax(2);
    const neighbours = nn.functional
      .unfold(flow.mul(factor), 3, { padding: 1 })
      .view([batch, channels, 9, 1, 1, height, width]);
    return shares
      .mul(neighbours)
      .sum(2)
      .permute([0, 1, 4, 2, 5, 3])
      .reshape([batch, channels, ...size]);
  });
}
