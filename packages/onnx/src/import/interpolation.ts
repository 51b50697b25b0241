/** @file Interpolation along one dimension as a matrix, by the rules of ONNX's Resize. */

export interface Coordinates {
  /** nearest, linear or cubic. */
  readonly mode: string;
  /** coordinate_transformation_mode. */
  readonly transformation: string;
  /** nearest_mode. */
  readonly rounding: string;
  readonly cubicA: number;
  /** Weights of positions outside become 0 and the others are scaled up. */
  readonly excludeOutside: boolean;
  /** Value of results that lie outside the region of tf_crop_and_resize. */
  readonly extrapolation: number;
}

type Position = (i: number, scale: number, length: number, size: number, crop: readonly [number, number]) => number;

/** Where in the input result `i` is read. */
const POSITIONS: Readonly<Record<string, Position>> = {
  half_pixel: (i, scale) => (i + 0.5) / scale - 0.5,
  pytorch_half_pixel: (i, scale, _, size) => (size > 1 ? (i + 0.5) / scale - 0.5 : 0),
  half_pixel_symmetric: (i, scale, length, size) => {
    const adjustment = size / (scale * length);
    return (length / 2) * (1 - adjustment) + (i + 0.5) / scale - 0.5;
  },
  align_corners: (i, _, length, size) => (size === 1 ? 0 : (i * (length - 1)) / (size - 1)),
  asymmetric: (i, scale) => i / scale,
  tf_half_pixel_for_nn: (i, scale) => (i + 0.5) / scale,
  tf_crop_and_resize: (i, _, length, size, [start, end]) =>
    size > 1
      ? start * (length - 1) + (i * (end - start) * (length - 1)) / (size - 1)
      : 0.5 * (start + end) * (length - 1),
};

const ROUNDINGS: Readonly<Record<string, (x: number) => number>> = {
  floor: Math.floor,
  ceil: Math.ceil,
  round_prefer_floor: (x) => Math.ceil(x - 0.5),
  round_prefer_ceil: (x) => Math.floor(x + 0.5),
};

/**
 * Row-major `(size, length)` matrix whose row `i` has the weights of result `i`, and for each result 1 where it lies outside
 * the region. `undefined` for modes that ONNX does not define.
 */
export function interpolationMatrix(
  length: number,
  size: number,
  scale: number,
  coordinates: Coordinates,
  crop: readonly [number, number] = [0, 1],
): { matrix: Float64Array; outside: Float64Array } | undefined {
  const position = POSITIONS[coordinates.transformation];
  const weights = kernelOf(coordinates);
  if (position === undefined || weights === undefined) return undefined;
  const matrix = new Float64Array(size * length);
  const outside = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    const x = position(i, scale, length, size, crop);
    if (coordinates.transformation === 'tf_crop_and_resize' && (x < 0 || x > length - 1)) outside[i] = 1;
    let taps = weights(x);
    if (coordinates.excludeOutside) taps = taps.filter(([at]) => at >= 0 && at < length);
    const total = coordinates.excludeOutside ? taps.reduce((sum, [, weight]) => sum + weight, 0) : 1;
    for (const [at, weight] of taps) {
      const inside = Math.min(Math.max(at, 0), length - 1);
      matrix[i * length + inside] = (matrix[i * length + inside] ?? 0) + weight / total;
    }
  }
  return { matrix, outside };
}

type Taps = readonly (readonly [position: number, weight: number])[];

function kernelOf({ mode, rounding, cubicA }: Coordinates): ((x: number) => Taps) | undefined {
  if (mode === 'nearest') {
    const round = ROUNDINGS[rounding];
    return round === undefined ? undefined : (x) => [[round(x), 1]];
  }
  if (mode === 'linear') {
    return (x) => {
      const low = Math.floor(x);
      return [
        [low, 1 - (x - low)],
        [low + 1, x - low],
      ];
    };
  }
  if (mode !== 'cubic') return undefined;
  return (x) => {
    const low = Math.floor(x);
    const t = x - low;
    return [-1, 0, 1, 2].map((step) => [low + step, cubic(Math.abs(t - step), cubicA)] as const);
  };
}

/** Keys' kernel at distance `d`. */
function cubic(d: number, a: number): number {
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  if (d < 2) return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return 0;
}
