/** @file Resizing, cropping, mirroring and turning of images together with flow, depth and classes. */

import { arange, nn, stack, type Tensor, tensor } from '@edgeai/torch';
import { transforms } from '@edgeai/vision';
import { defaultInterpolation, resizeLikeOpenCv } from './opencv-resize.ts';
import { rotateLikeOpenCv } from './opencv-rotate.ts';
import { uniform, wholeBelow } from './random.ts';
import {
  type DenseMap,
  type DenseSample,
  type DenseTransform,
  isContinuous,
  mapSample,
  sizeOf,
  unknownValue,
} from './sample.ts';

const { functional: F } = transforms;

/** Height and width. */
export type Size = readonly [height: number, width: number];

/** Whose arithmetic resizes and turns: torchvision's of tensors, which is quick, or OpenCV's, which the original's figures rest on. */
export type Backend = 'tensor' | 'opencv';

/** A map in another size; flow vectors grow with it. Images are interpolated, with a wider filter where they shrink; others take the nearest pixel. */
export function resizeMap({ kind, map }: DenseMap, [height, width]: Size, backend: Backend = 'tensor'): Tensor {
  const [, oldHeight = 1, oldWidth = 1] = map.shape;
  if (oldHeight === height && oldWidth === width) return map;
  if (isContinuous(kind) && backend === 'opencv')
    return resizeLikeOpenCv(map, [height, width], defaultInterpolation([oldHeight, oldWidth], [height, width]));
  if (isContinuous(kind)) return F.resize(map, [height, width], { backend: 'tensor', antialias: true });
  const batch = map.unsqueeze(0);
  const nearest = nn.functional.interpolate(batch.to('float32'), { size: [height, width], mode: 'nearest' });
  const resized = nearest.squeeze(0).to(map.dtype);
  return kind === 'flow' ? scaleVectors(resized, width / oldWidth, height / oldHeight) : resized;
}

/** Vectors in the first two channels; flow that is an input has its confidence in a third. */
function scaleVectors(flow: Tensor, x: number, y: number): Tensor {
  const factors = [x, y, ...Array.from({ length: flow.size(0) - 2 }, () => 1)];
  return flow.mul(tensor(factors, { dtype: 'float32' }).reshape([-1, 1, 1]));
}

/** Images in `size`, targets in `targetSize`. */
export function resizeTo(size: Size, targetSize: Size = size, backend: Backend = 'tensor'): DenseTransform {
  return ({ images, targets }) => ({
    images: images.map((image) => ({ kind: image.kind, map: resizeMap(image, size, backend) })),
    targets: targets.map((target) => ({ kind: target.kind, map: resizeMap(target, targetSize, backend) })),
  });
}

/** Brings every map to the size of the first image. */
export function align(backend: Backend = 'tensor'): DenseTransform {
  return (sample) => {
    const size = sizeOf(sample);
    return mapSample(sample, (map) => resizeMap(map, size, backend));
  };
}

/** A rectangle of every map. */
export function cropAll(sample: DenseSample, top: number, left: number, height: number, width: number): DenseSample {
  return mapSample(sample, ({ map }) => map.narrow(1, top, height).narrow(2, left, width));
}

/** The middle of every map. (The original's could not be called.) */
export function centerCrop([height, width]: Size): DenseTransform {
  return (sample) => {
    const [oldHeight, oldWidth] = sizeOf(sample);
    const [h, w] = [Math.min(height, oldHeight), Math.min(width, oldWidth)];
    return cropAll(sample, Math.floor((oldHeight - h) / 2), Math.floor((oldWidth - w) / 2), h, w);
  };
}

/** A rectangle of this size at a random place; a sample that is smaller is left as it is in that direction. */
export function randomCrop([height, width]: Size): DenseTransform {
  return (sample) => {
    const [oldHeight, oldWidth] = sizeOf(sample);
    const [h, w] = [Math.min(height, oldHeight), Math.min(width, oldWidth)];
    const left = wholeBelow(oldWidth - w + 1);
    const top = wholeBelow(oldHeight - h + 1);
    return cropAll(sample, top, left, h, w);
  };
}

/**
 * With probability ½ resizes to `size` times a random factor for each direction, else to `size`; then cuts `size` out of it.
 *
 * @param range of the factors, at least 1
 * @param place of the part that is cut out
 */
export function randomScaleCrop(
  size: Size,
  range: readonly [low: number, high: number],
  backend: Backend = 'tensor',
  place: 'random' | 'center' = 'random',
): DenseTransform {
  const crop = place === 'center' ? centerCrop(size) : randomCrop(size);
  return (sample) => {
    const scaled = uniform() < 0.5;
    const factor = () => (scaled ? uniform(range[0], range[1]) : 1);
    const target: Size = [Math.round(size[0] * factor()), Math.round(size[1] * factor())];
    return crop(resizeTo([Math.max(target[0], size[0]), Math.max(target[1], size[1])], undefined, backend)(sample));
  };
}

/** Mirrors left and right with probability ½; flow to the right becomes flow to the left. */
export const randomHorizontalFlip: DenseTransform = (sample) =>
  uniform() < 0.5
    ? mapSample(sample, ({ kind, map }) => {
        const flipped = map.flip([-1]);
        return kind === 'flow' ? scaleVectors(flipped, -1, 1) : flipped;
      })
    : sample;

/** Mirrors top and bottom with probability ½; flow downwards becomes flow upwards. */
export const randomVerticalFlip: DenseTransform = (sample) =>
  uniform() < 0.5
    ? mapSample(sample, ({ kind, map }) => {
        const flipped = map.flip([-2]);
        return kind === 'flow' ? scaleVectors(flipped, 1, -1) : flipped;
      })
    : sample;

/**
 * Turns by up to `degrees` either way with probability ½. What comes in from outside is unknown; flow vectors turn too.
 *
 * @param difference most degrees that the second of two pictures is turned by more than the first; flow grows by what that moves
 */
export function randomRotation(degrees: number, backend: Backend = 'tensor', difference = 0): DenseTransform {
  return (sample) => {
    const angle = uniform(-degrees, degrees);
    const apart = difference > 0 && isPair(sample) ? uniform(-difference, difference) : 0;
    return uniform() < 0.5 ? rotateAll(sample, angle, backend, apart) : sample;
  };
}

/** Two pictures: only they can be turned by different angles. */
function isPair({ images }: DenseSample): boolean {
  return images.length === 2 && images.every(({ kind }) => kind === 'image');
}

/**
 * Turns counter-clockwise.
 *
 * @param degrees of the turn
 * @param difference degrees that the second of two pictures is turned by more than the first: half of it less and half of it more
 */
export function rotateAll(
  sample: DenseSample,
  degrees: number,
  backend: Backend = 'tensor',
  difference = 0,
): DenseSample {
  const apart = isPair(sample) ? difference : 0;
  const turn = (map: DenseMap, angle: number): DenseMap => ({ kind: map.kind, map: rotateMap(map, angle, backend) });
  return {
    images: sample.images.map((image, i) => turn(image, degrees + (i === 0 ? -apart / 2 : apart / 2))),
    targets: sample.targets.map((target) =>
      turn(
        target.kind === 'flow' && apart !== 0 ? { kind: 'flow', map: turnedApart(target.map, apart) } : target,
        degrees,
      ),
    ),
  };
}

function rotateMap({ kind, map }: DenseMap, degrees: number, backend: Backend): Tensor {
  const interpolation = isContinuous(kind) ? 'bilinear' : 'nearest';
  // Outside of a picture is the middle of the range, which normalised images have at 0.
  const fill = unknownValue(kind);
  if (backend === 'opencv') {
    const taken = rotateLikeOpenCv(map, degrees, interpolation === 'bilinear' ? 'linear' : 'nearest', fill);
    return kind === 'flow' ? rotateVectors(taken, degrees) : taken;
  }
  const asFloat = map.to('float32');
  const turned = F.rotate(asFloat, degrees, { interpolation, fill, backend: 'tensor' }).to(map.dtype);
  return kind === 'flow' ? rotateVectors(turned, degrees) : turned;
}

/** Known flow, with what the second picture moves when it is turned further: by 2·sin(½·angle) times the distance from the centre, across it. */
function turnedApart(flow: Tensor, degrees: number): Tensor {
  const [, height = 0, width = 0] = flow.shape;
  const chord = 2 * Math.sin((degrees * Math.PI) / 360);
  const axis = (size: number) =>
    arange(size)
      .to('float32')
      .sub(Math.floor(size / 2))
      .mul(chord);
  const field = stack([
    axis(height).reshape([height, 1]).expand([height, width]),
    axis(width).neg().reshape([1, width]).expand([height, width]),
  ]);
  const known = flow.ne(0).any(0, true);
  return flow.add(field.mul(known.to('float32')));
}

/** Both from the components before (the original used the new first one for the second). In image coordinates y points down, so that a counter-clockwise turn takes (1, 0) to (cos, −sin). */
function rotateVectors(flow: Tensor, degrees: number): Tensor {
  const radians = (degrees * Math.PI) / 180;
  const [cos, sin] = [Math.cos(radians), Math.sin(radians)];
  const [u, v, ...more] = flow.unbind(0) as [Tensor, Tensor, ...Tensor[]];
  return stack([u.mul(cos).add(v.mul(sin)), v.mul(cos).sub(u.mul(sin)), ...more]);
}
