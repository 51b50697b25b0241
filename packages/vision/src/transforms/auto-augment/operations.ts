/** @file The operations that automatic augmentation chooses from, and the strengths that each method gives them. */

import { linspace, scope, type Tensor } from '@edgeai/torch';
import type { BackendOptions } from '../functional/backend.ts';
import { adjustBrightness, adjustContrast, adjustSaturation } from '../functional/colour.ts';
import { adjustSharpness } from '../functional/filter.ts';
import type { Fill } from '../functional/grid.ts';
import { autocontrast, equalize, invert, posterize, solarize } from '../functional/tone.ts';
import { affine, rotate } from '../functional/warp.ts';
import type { Interpolation } from '../pillow-filters.ts';
import { roundHalfEven } from '../size.ts';

/** Options that all methods share. */
export interface AugmentOptions extends BackendOptions {
  /** Of the operations that move pixels. Default 'nearest'. */
  interpolation?: Interpolation;
  /** Value of pixels from outside the image, or one a channel. Default `null`: zeros. */
  fill?: Fill;
}

export type OperationName = keyof typeof OPERATIONS;

type Operation = (image: Tensor, magnitude: number, options: AugmentOptions) => Tensor;

const degrees = (magnitude: number) => (Math.atan(magnitude) * 180) / Math.PI;

/** Sheared about the top left corner. */
const shear =
  (along: (angle: number) => readonly [number, number]): Operation =>
  (image, magnitude, options) =>
    affine(image, 0, [0, 0], 1, along(degrees(magnitude)), { ...options, center: [0, 0] });

const translate =
  (along: (pixels: number) => readonly [number, number]): Operation =>
  (image, magnitude, options) =>
    affine(image, 0, along(Math.trunc(magnitude)), 1, [0, 0], options);

const OPERATIONS = {
  Identity: (image) => image,
  ShearX: shear((angle) => [angle, 0]),
  ShearY: shear((angle) => [0, angle]),
  TranslateX: translate((pixels) => [pixels, 0]),
  TranslateY: translate((pixels) => [0, pixels]),
  Rotate: rotate,
  Brightness: (image, magnitude, { backend }) => adjustBrightness(image, 1 + magnitude, { backend }),
  Color: (image, magnitude, { backend }) => adjustSaturation(image, 1 + magnitude, { backend }),
  Contrast: (image, magnitude, { backend }) => adjustContrast(image, 1 + magnitude, { backend }),
  Sharpness: (image, magnitude, { backend }) => adjustSharpness(image, 1 + magnitude, { backend }),
  Posterize: (image, magnitude) => posterize(image, Math.trunc(magnitude)),
  Solarize: (image, magnitude) => solarize(image, magnitude),
  AutoContrast: (image, _, { backend }) => autocontrast(image, { backend }),
  Equalize: (image) => equalize(image),
  Invert: (image) => invert(image),
} as const satisfies Record<string, Operation>;

/** Does one operation. */
export function applyOperation(
  image: Tensor,
  name: OperationName,
  magnitude: number,
  options: AugmentOptions = {},
): Tensor {
  return (OPERATIONS[name] as Operation)(image, magnitude, options);
}

/** Strengths of an operation, from weak to strong; `null` for operations without. */
export interface Strengths {
  readonly magnitudes: readonly number[] | null;
  /** Whether the strength may be negative as well. */
  readonly signed: boolean;
}

/** A method's operations, in the order in which it numbers them. */
export type AugmentationSpace = ReadonlyMap<OperationName, Strengths>;

function range(from: number, to: number, bins: number): number[] {
  return scope(() => linspace(from, to, bins).toArray() as number[]);
}

/** `most` − i / ((bins − 1) / `steps`), rounded: numbers of bits. */
function bitsFrom(most: number, steps: number, bins: number): number[] {
  return Array.from({ length: bins }, (_, i) => most - roundHalfEven(Math.fround(i / Math.fround((bins - 1) / steps))));
}

/** Largest strengths by operation. */
interface Limits {
  readonly shear: number;
  readonly translateX: number;
  readonly translateY: number;
  readonly rotate: number;
  readonly colour: number;
  /** Most bits that are kept, and how many fewer at most. */
  readonly posterize: readonly [most: number, steps: number];
}

/** Largest strength of the operations whose strengths may be negative as well. */
const SIGNED: Partial<Record<OperationName, (limits: Limits) => number>> = {
  ShearX: (limits) => limits.shear,
  ShearY: (limits) => limits.shear,
  TranslateX: (limits) => limits.translateX,
  TranslateY: (limits) => limits.translateY,
  Rotate: (limits) => limits.rotate,
  Brightness: (limits) => limits.colour,
  Color: (limits) => limits.colour,
  Contrast: (limits) => limits.colour,
  Sharpness: (limits) => limits.colour,
};

function magnitudesOf(name: OperationName, limits: Limits, bins: number): number[] | null {
  const most = SIGNED[name];
  if (most !== undefined) return range(0, most(limits), bins);
  if (name === 'Posterize') return bitsFrom(...limits.posterize, bins);
  return name === 'Solarize' ? range(255, 0, bins) : null;
}

/** Computed when they are asked for: of all operations, an image takes only one or two. */
function strengthsOf(name: OperationName, limits: Limits, bins: number): Strengths {
  return {
    signed: name in SIGNED,
    get magnitudes() {
      return magnitudesOf(name, limits, bins);
    },
  };
}

function space(names: readonly OperationName[], limits: Limits, bins: number): AugmentationSpace {
  return new Map(names.map((name) => [name, strengthsOf(name, limits, bins)]));
}

const GEOMETRY = ['ShearX', 'ShearY', 'TranslateX', 'TranslateY', 'Rotate'] as const;
const COLOURS = ['Brightness', 'Color', 'Contrast', 'Sharpness'] as const;
const TONES = ['Posterize', 'Solarize', 'AutoContrast', 'Equalize'] as const;

type ImageSize = readonly [height: number, width: number];

const usual = ([height, width]: ImageSize): Limits => ({
  shear: 0.3,
  translateX: (150 / 331) * width,
  translateY: (150 / 331) * height,
  rotate: 30,
  colour: 0.9,
  posterize: [8, 4],
});

/** What AutoAugment chooses from, for an image of this size. */
export function autoAugmentSpace(bins: number, size: ImageSize): AugmentationSpace {
  return space([...GEOMETRY, ...COLOURS, ...TONES, 'Invert'], usual(size), bins);
}

/** What RandAugment chooses from. */
export function randAugmentSpace(bins: number, size: ImageSize): AugmentationSpace {
  return space(['Identity', ...GEOMETRY, ...COLOURS, ...TONES], usual(size), bins);
}

/** What TrivialAugment (wide) chooses from; the same for all sizes. */
export function trivialAugmentWideSpace(bins: number): AugmentationSpace {
  const limits = { shear: 0.99, translateX: 32, translateY: 32, rotate: 135, colour: 0.99, posterize: [8, 6] } as const;
  return space(['Identity', ...GEOMETRY, ...COLOURS, ...TONES], limits, bins);
}

/** What AugMix chooses from; without `allOps`, not what its corruption benchmark tests. */
export function augMixSpace(bins: number, [height, width]: ImageSize, allOps: boolean): AugmentationSpace {
  const names = [...GEOMETRY, ...TONES, ...(allOps ? COLOURS : [])];
  const limits = { translateX: width / 3, translateY: height / 3, posterize: [4, 4] } as const;
  return space(names, { ...usual([height, width]), ...limits }, bins);
}
