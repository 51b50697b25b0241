/** @file The backend 'pil' is Pillow, bit for bit, on images of many sizes; and who uses it. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { ArgumentError, expectNoLeaks, fromTypedArray, manualSeed, rand, scope, type Tensor } from '@edgeai/torch';
import { states } from '../testing/fill.ts';
import * as F from './functional/index.ts';
import * as T from './index.ts';
import { floats, image, sha1 } from './testing.ts';

interface PillowCall {
  readonly op: string;
  readonly seed: number;
  readonly shape: readonly number[];
  // biome-ignore lint/suspicious/noExplicitAny: options of several functions
  readonly args: any;
  readonly out: readonly number[];
  readonly sha1: string;
}

/** Random sizes and options; the results are those of torchvision 0.14's functions of Pillow 9.4 images. */
const calls: PillowCall[] = JSON.parse(readFileSync(new URL('./fixtures/pillow-calls.json', import.meta.url), 'utf8'));

const OPERATIONS: Record<string, (image: Tensor, args: PillowCall['args']) => Tensor> = {
  affine: (x, { angle, translate, scale, shear, ...options }) => F.affine(x, angle, translate, scale, shear, options),
  rotate: (x, { angle, ...options }) => F.rotate(x, angle, options),
  perspective: (x, { startpoints, endpoints, ...options }) => F.perspective(x, startpoints, endpoints, options),
  brightness: (x, { factor }) => F.adjustBrightness(x, factor),
  contrast: (x, { factor }) => F.adjustContrast(x, factor),
  saturation: (x, { factor }) => F.adjustSaturation(x, factor),
  sharpness: (x, { factor }) => F.adjustSharpness(x, factor),
  hue: (x, { factor }) => F.adjustHue(x, factor),
  gamma: (x, { gamma, gain }) => F.adjustGamma(x, gamma, gain),
  autocontrast: (x) => F.autocontrast(x),
  equalize: (x) => F.equalize(x),
  grey: (x) => F.rgbToGrayscale(x, 3),
};

describe('uint8 images: Pillow’s bytes', () => {
  for (const [op, call] of Object.entries(OPERATIONS)) {
    it(op, () =>
      expectNoLeaks(() => {
        const own = calls.filter((one) => one.op === op);
        assert.ok(own.length > 0);
        for (const { seed, shape, args, out, sha1: expected } of own) {
          scope(() => {
            const made = call(image(seed, ...shape), args);
            const name = `[${shape}] ${JSON.stringify(args)}`;
            assert.deepEqual(made.shape, out, name);
            assert.equal(sha1(made), expected, name);
          });
        }
      }),
    );
  }
});

const FUNCTIONS: Record<string, (image: Tensor, options: F.BackendOptions) => Tensor> = {
  affine: (x, options) => F.affine(x, 20, [1, 2], 0.9, 5, { ...options, interpolation: 'bilinear' }),
  rotate: (x, options) => F.rotate(x, 33, { ...options, interpolation: 'bilinear' }),
  adjustBrightness: (x, options) => F.adjustBrightness(x, 1.3, options),
  adjustContrast: (x, options) => F.adjustContrast(x, 1.3, options),
  adjustSaturation: (x, options) => F.adjustSaturation(x, 1.3, options),
  adjustHue: (x, options) => F.adjustHue(x, 0.13, options),
  adjustGamma: (x, options) => F.adjustGamma(x, 1.3, 1, options),
  adjustSharpness: (x, options) => F.adjustSharpness(x, 1.3, options),
  autocontrast: (x, options) => F.autocontrast(x, options),
};

describe('backends', () => {
  for (const [name, call] of Object.entries(FUNCTIONS)) {
    it(`${name}: Pillow’s for bytes unless told otherwise, torchvision’s for floats, a batch image by image`, () =>
      expectNoLeaks(() =>
        scope(() => {
          const bytes = image(7, 3, 15, 21);
          assert.ok(call(bytes, {}).equal(call(bytes, { backend: 'pil' })));
          // Colours differ by rounding; of noise that is turned, Pillow cuts where torchvision rounds, and fills at edges.
          const apart = call(bytes, { backend: 'pil' })
            .to('float32')
            .sub(call(bytes, { backend: 'tensor' }));
          assert.ok(apart.abs().mean().item() < (name === 'affine' || name === 'rotate' ? 12 : 1.5));
          assert.throws(() => call(floats(7, 3, 15, 21), { backend: 'pil' }), ArgumentError);
          for (const batch of [image(8, 2, 3, 15, 21), floats(8, 2, 3, 15, 21), image(9, 2, 1, 3, 9, 8)]) {
            const made = call(batch, {});
            assert.deepEqual(made.shape, batch.shape);
            const [first] = [...batch] as [Tensor];
            assert.ok(made.select(0, 0).sub(call(first, {})).to('float32').abs().max().item() < 1e-6);
          }
        }),
      ));
  }
});

/** By seed from 0: shape and SHA-1 of the result, and what `torch.rand(1)` gives next. Made with torchvision 0.14, Pillow 9.4. */
type SeededResults = readonly (readonly [shape: readonly number[], sha1: string, next: number])[];

const seeded: Record<string, SeededResults> = JSON.parse(
  readFileSync(new URL('./fixtures/pillow-classes.json', import.meta.url), 'utf8'),
);

const interpolation = 'bilinear';
const CLASSES: Record<string, (image: Tensor) => Tensor> = {
  'aa-imagenet': new T.AutoAugment('imagenet', { interpolation }),
  'aa-cifar10': new T.AutoAugment('cifar10', { interpolation }),
  'aa-svhn': new T.AutoAugment('svhn'),
  ra: new T.RandAugment({ numOps: 3, magnitude: 15, interpolation }),
  'ra-fill': new T.RandAugment({ fill: [10, 20, 30] }),
  ta: new T.TrivialAugmentWide({ interpolation }),
  'ta-bicubic': new T.TrivialAugmentWide({ interpolation: 'bicubic' }),
  augmix: new T.AugMix(),
  'augmix-not-all': new T.AugMix({ severity: 5, mixtureWidth: 2, chainDepth: 3, alpha: 0.7, allOps: false }),
  jitter: new T.ColorJitter({ brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 }),
  rot: new T.RandomRotation(40, { interpolation, fill: 5 }),
  'rot-expand': new T.RandomRotation([10, 80], { expand: true }),
  affine: new T.RandomAffine(30, {
    translate: [0.1, 0.2],
    scale: [0.8, 1.2],
    shear: [-5, 5, -4, 4],
    interpolation,
    fill: 3,
  }),
  persp: new T.RandomPerspective({ distortionScale: 0.4, p: 0.8, fill: 9 }),
  blur: new T.GaussianBlur(5),
  elastic: new T.ElasticTransform({ alpha: 20, sigma: 1.5 }),
  sharp: new T.RandomAdjustSharpness(1.7),
  auto: new T.RandomAutocontrast(),
  grey: new T.RandomGrayscale(0.5),
  sol: new T.RandomSolarize(120),
  rrc: new T.RandomResizedCrop(20),
};

describe('random transforms of a Pillow image, after manualSeed', () => {
  const bytes = () =>
    fromTypedArray(
      Uint8Array.from(states(9, 3 * 33 * 47), (state) => 60 + ((state >>> 24) % 150)),
      [3, 33, 47],
    );
  for (const [name, results] of Object.entries(seeded)) {
    it(name, () =>
      expectNoLeaks(() => {
        const transform = CLASSES[name];
        assert.ok(transform);
        for (const [seed, [shape, expected, next]] of results.entries()) {
          scope(() => {
            manualSeed(seed);
            const made = transform(bytes());
            assert.deepEqual([made.shape, sha1(made), rand([1]).item()], [shape, expected, next], `seed ${seed}`);
          });
        }
      }),
    );
  }
});
