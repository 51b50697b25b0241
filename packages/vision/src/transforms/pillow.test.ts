/** @file The backend 'pil' is Pillow, bit for bit, on images of many sizes; and who uses it. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { ArgumentError, expectNoLeaks, scope, type Tensor } from '@edgeai/torch';
import * as F from './functional/index.ts';
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
