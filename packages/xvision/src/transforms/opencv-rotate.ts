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
  for (let y = 0; y < height; y++) {
    const [startX, startY] = [fixed(b * y + c) + half, fixed(e * y + f) + half];
    for (let x = 0; x < width; x++) {
      const px = (startX + fixed(a * x)) >> shift;
      const py = (startY + fixed(d * x)) >> shift;
      for (let channel = 0; channel < channels; channel++) {
        const at = (row: number, column: number) =>
          row < 0 || row >= height || column < 0 || column >= width
            ? fill
            : (source[channel * plane + row * width + column] as number);
        const to = channel * plane + y * width + x;
        if (nearest) {
          target[to] = at(py, px);
          continue;
        }
        const [column, row] = [px >> PLACE_BITS, py >> PLACE_BITS];
        const [right, lower] = [px & (PLACES - 1), py & (PLACES - 1)];
        const sum =
          at(row, column) * ((PLACES - right) * (PLACES - lower)) +
          at(row, column + 1) * (right * (PLACES - lower)) +
          at(row + 1, column) * ((PLACES - right) * lower) +
          at(row + 1, column + 1) * (right * lower);
        target[to] = isByte ? (sum + PLACES ** 2 / 2) >> (2 * PLACE_BITS) : sum / PLACES ** 2;
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
