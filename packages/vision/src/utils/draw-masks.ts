/** @file Shows where objects or classes are in an image: colours laid over their pixels. */

import { ArgumentError, scope, type Tensor, tensor, where } from '@edgeai/torch';
import { type Colours, coloursFor, isList } from './colours.ts';

export interface DrawMasksOptions {
  /** 0 leaves the image as it is, 1 covers it. Default 0.8. */
  alpha?: number;
  /** One for each mask; a single one colours the first mask only, as in torchvision 0.15. Default: torchvision's palette. */
  colors?: Colours;
}

/**
 * Lays colours over parts of an image. Where masks overlap, the later one is on top.
 *
 * @param image uint8 `(3, H, W)`
 * @param masks bool `(H, W)` or `(masks, H, W)`
 * @returns a new uint8 image
 * @throws {ArgumentError} for other types or shapes, or fewer colours than masks
 */
export function drawSegmentationMasks(image: Tensor, masks: Tensor, options: DrawMasksOptions = {}): Tensor {
  const { alpha = 0.8 } = options;
  const [channels, ...size] = image.shape;
  if (image.dtype !== 'uint8' || image.ndim !== 3 || channels !== 3)
    throw ArgumentError.expected('image', 'uint8 of shape [3, H, W]', `${image.dtype} [${image.shape.join(', ')}]`);
  if (masks.dtype !== 'bool' || masks.ndim < 2 || masks.ndim > 3 || masks.shape.slice(-2).join() !== size.join()) {
    const wanted = `bool of shape [masks, ${size.join(', ')}]`;
    throw ArgumentError.expected('masks', wanted, `${masks.dtype} [${masks.shape.join(', ')}]`);
  }
  const count = masks.ndim === 3 ? masks.size(0) : 1;
  const { colors } = options;
  const single = colors !== undefined && !isList(colors);
  const colours = coloursFor(single ? Math.min(1, count) : count, colors);
  return scope(() => {
    const layers = masks.reshape([count, 1, ...size]);
    let painted = image;
    for (const [i, colour] of colours.entries()) {
      const paint = tensor([...colour], { dtype: 'uint8', device: image.device }).reshape([3, 1, 1]);
      painted = where(layers.select(0, i), paint, painted);
    }
    return image
      .mul(1 - alpha)
      .add(painted.mul(alpha))
      .to('uint8');
  });
}
