/** @file Rotation about the centre with the arithmetic of OpenCV's `warpAffine`: positions in 32nds of a pixel. */

import { ArgumentError, fromTypedArray, scope, type Tensor } from '@edgeai/torch';

/** Bits after the point: of positions as they are summed, and of those that weights are taken at. */
const SUM_BITS = 10;
const PLACE_BITS = 5;
const PLACES = 1 << PLACE_BITS;

function roundEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/**
 * Turns counter-clockwise about pixel (W div 2, H div 2); what comes in from outside is `fill`.
 *
 * @param image uint8 or float32 `(C, H, W)`
 * @throws {ArgumentError} for other types
 */
export function rotateLikeOpenCv(
  image: Tensor,
  degrees: number,
  interpolation: 'nearest' | 'linear',
  fill = 0,
): Tensor {
  const isByte = image.dtype === 'uint8';
  if ((!isByte && image.dtype !== 'float32') || image.ndim !== 3)
    throw ArgumentError.expected('image', 'uint8 or float32 of shape [C, H, W]', `${image.dtype} [${image.shape}]`);
  const [channels = 0, height = 0, width = 0] = image.shape;
  const source = scope(() => image.contiguous().toTypedArray()) as Uint8Array | Float32Array;
  const target = isByte ? new Uint8Array(source.length) : new Float32Array(source.length);
  const nearest = interpolation === 'nearest';
  const shift = nearest ? SUM_BITS : SUM_BITS - PLACE_BITS;
  const half = nearest ? 1 << (SUM_BITS - 1) : (1 << SUM_BITS) / PLACES / 2;
  const [a, b, c, d, e, f] = inverseRotation(degrees, Math.floor(width / 2), Math.floor(height / 2));
  const fixed = (value: number) => roundEven(value * (1 << SUM_BITS));
  const plane = height * width;
  const alongX = Int32Array.from({ length: width }, (_, x) => fixed(a * x));
  const alongY = Int32Array.from({ length: width }, (_, x) => fixed(d * x));
  for (let y = 0; y < height; y++) {
    const [startX, startY] = [fixed(b * y + c) + half, fixed(e * y + f) + half];
    for (let x = 0; x < width; x++) {
      const px = (startX + (alongX[x] as number)) >> shift;
      const py = (startY + (alongY[x] as number)) >> shift;
      const to = y * width + x;
      if (nearest) {
        const inside = px >= 0 && px < width && py >= 0 && py < height;
        for (let channel = 0; channel < channels; channel++) {
          const from = channel * plane;
          target[from + to] = inside ? (source[from + py * width + px] as number) : fill;
        }
        continue;
      }
      const [column, row] = [px >> PLACE_BITS, py >> PLACE_BITS];
      const [right, lower] = [px & (PLACES - 1), py & (PLACES - 1)];
      const [hasLeft, hasRight] = [column >= 0 && column < width, column >= -1 && column < width - 1];
      const [hasUpper, hasLower] = [row >= 0 && row < height, row >= -1 && row < height - 1];
      const [wa, wb] = [(PLACES - right) * (PLACES - lower), right * (PLACES - lower)];
      const [wc, wd] = [(PLACES - right) * lower, right * lower];
      for (let channel = 0; channel < channels; channel++) {
        const at = channel * plane + row * width + column;
        const sum =
          (hasUpper && hasLeft ? (source[at] as number) : fill) * wa +
          (hasUpper && hasRight ? (source[at + 1] as number) : fill) * wb +
          (hasLower && hasLeft ? (source[at + width] as number) : fill) * wc +
          (hasLower && hasRight ? (source[at + width + 1] as number) : fill) * wd;
        target[channel * plane + to] = isByte ? (sum + PLACES ** 2 / 2) >> (2 * PLACE_BITS) : sum / PLACES ** 2;
      }
    }
  }
  return fromTypedArray(target, [channels, height, width]);
}

/** Where a pixel of the turned picture comes from: x = a·X + b·Y + c, y = d·X + e·Y + f. */
function inverseRotation(
  degrees: number,
  centreX: number,
  centreY: number,
): [number, number, number, number, number, number] {
  const radians = (degrees * Math.PI) / 180;
  const [cos, sin] = [Math.cos(radians), Math.sin(radians)];
  const offsetX = (1 - cos) * centreX - sin * centreY;
  const offsetY = sin * centreX + (1 - cos) * centreY;
  const determinant = cos * cos + sin * sin;
  const [a, b, d, e] = [cos / determinant, -sin / determinant, sin / determinant, cos / determinant];
  return [a, b, -a * offsetX - b * offsetY, d, e, -d * offsetX - e * offsetY];
}
