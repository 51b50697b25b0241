/** @file Resizing with OpenCV's arithmetic, value for value: what published figures of networks trained on such images rest on. */

import { ArgumentError, fromTypedArray, scope, type Tensor } from '@edgeai/torch';

export type OpenCvInterpolation = 'nearest' | 'linear' | 'cubic' | 'area';

/** What an output pixel is made of in one direction: source positions and their weights, in float32. */
interface Taps {
  readonly at: Int32Array;
  readonly weight: Float32Array;
  /** Of each output pixel; all have as many but with areas. */
  readonly start: Int32Array;
}

function tapsOf(entries: readonly (readonly (readonly [at: number, weight: number])[])[]): Taps {
  const flat = entries.flat();
  let sum = 0;
  return {
    at: Int32Array.from(flat, ([at]) => at),
    weight: Float32Array.from(flat, ([, weight]) => weight),
    start: Int32Array.from([0, ...entries.map(({ length }) => (sum += length))]),
  };
}

const each = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));
const f32 = Math.fround;

function nearestTaps(from: number, to: number): Taps {
  const scale = from / to;
  return tapsOf(each(to, (i) => [[Math.min(Math.floor(i * scale), from - 1), 1]]));
}

/**
 * @param area areas that do not shrink: pixels keep their place and only those between two are mixed
 * @param rows at the edge the same row counts twice, with both weights; a column counts once
 */
function linearTaps(from: number, to: number, { area, rows }: { area: boolean; rows: boolean }): Taps {
  const scale = from / to;
  return tapsOf(
    each(to, (i) => {
      let at: number;
      let share: number;
      if (area) {
        at = Math.floor(i * scale);
        share = f32(i + 1 - (at + 1) * (to / from));
        share = share <= 0 ? 0 : f32(share - Math.floor(share));
      } else {
        const position = f32((i + 0.5) * scale - 0.5);
        at = Math.floor(position);
        share = f32(position - at);
      }
      if (!rows && at < 0) [at, share] = [0, 0];
      if (!rows && at >= from - 1) [at, share] = [from - 1, 0];
      const inside = (place: number) => Math.min(Math.max(place, 0), from - 1);
      return [
        [inside(at), f32(1 - share)],
        [inside(at + 1), share],
      ];
    }),
  );
}

/** Keys' cubic with −0.75. */
function cubicTaps(from: number, to: number): Taps {
  const scale = from / to;
  const a = -0.75;
  return tapsOf(
    each(to, (i) => {
      const position = f32((i + 0.5) * scale - 0.5);
      const at = Math.floor(position);
      const x = f32(position - at);
      const far = (t: number) => ((a * t - 5 * a) * t + 8 * a) * t - 4 * a;
      const near = (t: number) => ((a + 2) * t - (a + 3)) * t * t + 1;
      const [w0, w1, w2] = [f32(far(x + 1)), f32(near(x)), f32(near(1 - x))];
      const weights = [w0, w1, w2, f32(1 - w0 - w1 - w2)];
      return weights.map((weight, k) => [Math.min(Math.max(at - 1 + k, 0), from - 1), weight] as const);
    }),
  );
}

/** The share that each source pixel has in an output pixel. */
function areaTaps(from: number, to: number): Taps {
  const scale = from / to;
  return tapsOf(
    each(to, (i) => {
      const [begin, end] = [i * scale, (i + 1) * scale];
      const width = Math.min(scale, from - begin);
      const last = Math.min(Math.floor(end), from - 1);
      const first = Math.min(Math.ceil(begin), last);
      const found: [number, number][] = [];
      if (first - begin > 1e-3) found.push([first - 1, (first - begin) / width]);
      for (let at = first; at < last; at++) found.push([at, 1 / width]);
      if (end - last > 1e-3) found.push([last, Math.min(Math.min(end - last, 1), width) / width]);
      return found;
    }),
  );
}

/** How sums become bytes. Coefficients have 11 bits after the point. */
const COEFFICIENT = 2048;

/** As a whole number; of two equally near ones the even one. */
function roundEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

interface Arithmetic {
  /** Weights as they are multiplied with. */
  readonly weights: (weight: Float32Array) => Float32Array | Int32Array;
  /** The sum of a column, whose terms are sums of rows. */
  readonly column: (
    sums: Float64Array,
    at: number,
    stride: number,
    weights: ArrayLike<number>,
    from: number,
    to: number,
  ) => number;
  readonly exactRows: boolean;
}

const fixedWeights = (weight: Float32Array) => Int32Array.from(weight, (value) => roundEven(value * COEFFICIENT));
const clampByte = (value: number) => Math.min(255, Math.max(0, value));

const FLOAT: Arithmetic = {
  weights: (weight) => weight,
  column: (sums, at, stride, weights, from, to) => {
    let sum = 0;
    for (let k = from; k < to; k++)
      sum = f32(sum + f32((sums[at + (k - from) * stride] as number) * (weights[k] as number)));
    return sum;
  },
  exactRows: false,
};
const ROUNDED: Arithmetic = { ...FLOAT, column: (...args) => clampByte(roundEven(FLOAT.column(...args))) };
/** Each product loses its low bits before they are added. */
const FIXED_LINEAR: Arithmetic = {
  weights: fixedWeights,
  column: (sums, at, stride, weights, from, to) => {
    let sum = 2;
    for (let k = from; k < to; k++)
      sum += Math.floor((((sums[at + (k - from) * stride] as number) >> 4) * (weights[k] as number)) / 65536);
    return clampByte(sum >> 2);
  },
  exactRows: true,
};
const FIXED_CUBIC: Arithmetic = {
  weights: fixedWeights,
  column: (sums, at, stride, weights, from, to) => {
    let sum = 0;
    for (let k = from; k < to; k++)
      sum = f32(sum + f32((sums[at + (k - from) * stride] as number) * f32((weights[k] as number) / COEFFICIENT ** 2)));
    return clampByte(roundEven(sum));
  },
  exactRows: true,
};

interface Plan {
  readonly rows: Taps;
  readonly columns: Taps;
  readonly arithmetic: Arithmetic;
}

function planOf(
  [height, width]: readonly [number, number],
  [newHeight, newWidth]: readonly [number, number],
  interpolation: OpenCvInterpolation,
  isByte: boolean,
): Plan {
  const both = (make: (from: number, to: number) => Taps) => ({
    rows: make(height, newHeight),
    columns: make(width, newWidth),
  });
  const shrinks = height >= newHeight && width >= newWidth;
  // Half the size by linear interpolation is the mean of four pixels.
  const halves = height === 2 * newHeight && width === 2 * newWidth;
  if (interpolation === 'nearest') return { ...both(nearestTaps), arithmetic: FLOAT };
  if (interpolation === 'cubic') return { ...both(cubicTaps), arithmetic: isByte ? FIXED_CUBIC : FLOAT };
  if ((interpolation === 'area' && shrinks) || (interpolation === 'linear' && halves))
    return { ...both(areaTaps), arithmetic: isByte ? (halves ? HALVED : ROUNDED) : FLOAT };
  const area = interpolation === 'area';
  return {
    rows: linearTaps(height, newHeight, { area, rows: true }),
    columns: linearTaps(width, newWidth, { area, rows: false }),
    arithmetic: isByte ? FIXED_LINEAR : FLOAT,
  };
}

/** The mean of four bytes, a half upwards. */
const HALVED: Arithmetic = { ...FLOAT, column: (...args) => Math.floor(FLOAT.column(...args) + 0.5) };

/**
 * Resizes as `cv2.resize` does.
 *
 * @param image uint8 or float32 `(C, H, W)`
 * @throws {ArgumentError} for other types
 */
export function resizeLikeOpenCv(
  image: Tensor,
  size: readonly [height: number, width: number],
  interpolation: OpenCvInterpolation,
): Tensor {
  const isByte = image.dtype === 'uint8';
  if ((!isByte && image.dtype !== 'float32') || image.ndim !== 3)
    throw ArgumentError.expected('image', 'uint8 or float32 of shape [C, H, W]', `${image.dtype} [${image.shape}]`);
  const [channels = 0, height = 0, width = 0] = image.shape;
  const [newHeight, newWidth] = size;
  if (height === newHeight && width === newWidth) return scope(() => image.clone());
  const { rows, columns, arithmetic } = planOf([height, width], size, interpolation, isByte);
  const source = scope(() => image.contiguous().toTypedArray()) as Uint8Array | Float32Array;
  const target = isByte
    ? new Uint8Array(channels * newHeight * newWidth)
    : new Float32Array(channels * newHeight * newWidth);
  const [across, down] = [arithmetic.weights(columns.weight), arithmetic.weights(rows.weight)];
  // Every source row in the new width, of one channel after the other.
  const narrow = new Float64Array(height * newWidth);
  const column = new Float64Array(
    Math.max(...Array.from(rows.start.subarray(1), (end, i) => end - (rows.start[i] as number))),
  );
  for (let channel = 0; channel < channels; channel++) {
    for (let y = 0; y < height; y++) {
      const row = (channel * height + y) * width;
      for (let x = 0; x < newWidth; x++) {
        let sum = 0;
        for (let k = columns.start[x] as number; k < (columns.start[x + 1] as number); k++) {
          const term = (source[row + (columns.at[k] as number)] as number) * (across[k] as number);
          sum = arithmetic.exactRows ? sum + term : f32(sum + f32(term));
        }
        narrow[y * newWidth + x] = sum;
      }
    }
    for (let y = 0; y < newHeight; y++) {
      const [from, to] = [rows.start[y] as number, rows.start[y + 1] as number];
      for (let x = 0; x < newWidth; x++) {
        for (let k = from; k < to; k++) column[k - from] = narrow[(rows.at[k] as number) * newWidth + x] as number;
        target[(channel * newHeight + y) * newWidth + x] = arithmetic.column(column, 0, 1, down, from, to);
      }
    }
  }
  return fromTypedArray(target, [channels, newHeight, newWidth]);
}

/** What the original takes where nothing is said: areas where either side shrinks, else linear. */
export function defaultInterpolation(
  [height, width]: readonly [number, number],
  [newHeight, newWidth]: readonly [number, number],
): OpenCvInterpolation {
  return newHeight < height || newWidth < width ? 'area' : 'linear';
}
