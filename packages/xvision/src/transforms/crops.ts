/** @file Parts of a sample: its middle, a rectangle, a random part in a new size; and parts that are made unknown. */

import { ArgumentError } from '@edgeai/torch';
import { type Backend, cropAll, resizeTo, type Size } from './geometry.ts';
import { uniform, wholeBelow } from './random.ts';
import { type DenseSample, type DenseTransform, mapSample, sizeOf, unknownValue } from './sample.ts';

/** Top, left, height, width: in pixels, or where none is above 1 in parts of the map. */
export type Rectangle = readonly [top: number, left: number, height: number, width: number];

function inPixels(rectangle: Rectangle, [height, width]: Size): Rectangle {
  if (rectangle.some((value) => !(value >= 0)))
    throw ArgumentError.expected('rectangle', 'numbers of at least 0', rectangle);
  if (Math.max(...rectangle) > 1) return rectangle;
  const [top, left, h, w] = rectangle;
  const whole = (part: number, side: number) => Math.floor(part * side + 0.5);
  return [whole(top, height), whole(left, width), whole(h, height), whole(w, width)];
}

/** The same rectangle of every map. (The original ended with an error where there are more images than targets.) */
export function cropRectangle(rectangle: Rectangle): DenseTransform {
  return (sample) => cropAll(sample, ...inPixels(rectangle, sizeOf(sample)));
}

/** Nothing is known of this rectangle of the targets. (The original's could not be called.) */
export function maskTargets(rectangle: Rectangle): DenseTransform {
  return ({ images, targets }) => ({
    images,
    targets: targets.map(({ kind, map }) => {
      const [top, left, height, width] = inPixels(rectangle, [map.size(1), map.size(2)]);
      const masked = map.clone();
      masked.narrow(1, top, height).narrow(2, left, width).fill_(unknownValue(kind));
      return { kind, map: masked };
    }),
  });
}

/** The shorter side becomes `side` long, the other in proportion. */
export function scaleShorterSide(side: number, backend: Backend = 'tensor'): DenseTransform {
  return (sample) => {
    const [height, width] = sizeOf(sample);
    const size: Size =
      height < width ? [side, Math.round((width * side) / height)] : [Math.round((height * side) / width), side];
    return resizeTo(size, size, backend)(sample);
  };
}

/** Attempts to find a part that fits. */
const ATTEMPTS = 10;

/**
 * A random part of `range` of the area, of between half and twice the shape of the sample, in `size`; all of it where none was found
 * in ten attempts.
 */
export function randomCropScale(
  size: Size,
  range: readonly [low: number, high: number] = [0.08, 1],
  backend: Backend = 'tensor',
): DenseTransform {
  const resize = resizeTo(size, size, backend);
  return (sample) => resize(randomPart(sample, range));
}

function randomPart(sample: DenseSample, range: readonly [number, number]): DenseSample {
  const [height, width] = sizeOf(sample);
  const shape = width / height;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const area = height * width * uniform(range[0], range[1]);
    const ratio = uniform(shape / 2, shape * 2);
    const [h, w] = [Math.round(Math.sqrt(area / ratio)), Math.round(Math.sqrt(area * ratio))];
    if (h < 1 || w < 1 || h > height || w > width) continue;
    const [top, left] = [wholeBelow(height - h + 1), wholeBelow(width - w + 1)];
    return cropAll(sample, top, left, h, w);
  }
  return mapSample(sample, ({ map }) => map);
}
