import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  ArgumentError,
  type DType,
  expectNoLeaks,
  manualSeed,
  rand,
  scope,
  type Tensor,
  tensor,
  zeros,
} from '@edgeai/torch';
import fc from 'fast-check';
import * as F from './functional/index.ts';
import type { Interpolation } from './pillow-filters.ts';
import { resizedSize, roundHalfEven } from './size.ts';
import { distance, floats, frozen, image, sha1 } from './testing.ts';

/** Everything that a test makes is released: a transform must not keep anything. */
const scoped = (name: string, fn: () => void) => it(name, () => expectNoLeaks(() => scope(fn)));

describe('resize', () => {
  scoped('of bytes gives Pillow’s, bit for bit', () => {
    for (const { seed, from, to, interpolation, sha1: expected } of frozen.pillowResize) {
      const result = F.resize(image(seed, ...from), to, { interpolation });
      assert.deepEqual([result.dtype, result.shape], ['uint8', [from[0], ...to]]);
      assert.equal(sha1(result), expected, `${interpolation} ${from} to ${to}`);
    }
  });

  scoped('with backend tensor gives torchvision’s', () => {
    for (const { interpolation, antialias, float, uint8 } of frozen.tensorResize) {
      const options = { interpolation, antialias, backend: 'tensor' } as const;
      assert.ok(distance(F.resize(floats(1, 1, 9, 11), [5, 4], options), float) < 1e-6, interpolation);
      assert.equal(sha1(F.resize(image(1, 3, 13, 17), [20, 7], options)), uint8, `${interpolation} ${antialias}`);
    }
  });

  scoped('chooses the backend by the image', () => {
    const bytes = image(2, 3, 20, 30);
    assert.equal(sha1(F.resize(bytes, 7)), sha1(F.resize(bytes, 7, { backend: 'pil' })));
    assert.notEqual(sha1(F.resize(bytes, 7)), sha1(F.resize(bytes, 7, { backend: 'tensor' })));
    assert.equal(
      sha1(F.resize(bytes, 7, { antialias: false })),
      sha1(F.resize(bytes, 7, { antialias: false, backend: 'tensor' })),
    );
    assert.throws(() => F.resize(bytes.float(), 7, { backend: 'pil' }), /uint8 image on the CPU/);
    assert.throws(() => F.resize(bytes, 7, { backend: 'pil', antialias: false }), ArgumentError);
    assert.throws(() => F.resize(bytes.float(), 7, { interpolation: 'lanczos' }), /'lanczos' is for uint8 images/);
    assert.throws(() => F.resize(bytes, 7, { interpolation: 'area' as Interpolation }), /one of nearest/);
  });

  scoped('takes batches and images without a channel dimension', () => {
    const batch = image(3, 2, 3, 10, 12);
    const resized = F.resize(batch, [5, 6]);
    assert.deepEqual(resized.shape, [2, 3, 5, 6]);
    assert.equal(sha1(resized.select(0, 1)), sha1(F.resize(batch.select(0, 1), [5, 6])));
    assert.deepEqual(F.resize(image(4, 10, 12), [5, 6]).shape, [5, 6]);
    assert.deepEqual(F.resize(floats(4, 10, 12), [5, 6]).shape, [5, 6]);
  });

  it('computes sizes as torchvision does', () => {
    for (const [height, width, size, maxSize, expected] of frozen.sizes) {
      assert.deepEqual(resizedSize(height, width, size, maxSize ?? undefined), expected);
    }
    assert.throws(() => resizedSize(4, 5, 6, 6), /above the shorter side's 6/);
    assert.throws(() => resizedSize(4, 5, [6, 7], 9), /single size/);
    assert.throws(() => resizedSize(4, 5, 0), /size/);
  });

  scoped('of a constant image is constant, at any size', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 40 }),
        fc.constantFrom('box', 'bilinear', 'bicubic', 'lanczos'),
        (h, w, to, interpolation) =>
          scope(() => {
            const result = F.resize(zeros([1, h, w], { dtype: 'uint8' }).add(200), [to, to + 3], {
              interpolation: interpolation as Interpolation,
            });
            return Boolean(result.eq(200).all().item());
          }),
      ),
      { numRuns: 40 },
    );
  });
});

describe('moving pixels', () => {
  const source = () => image(10, 3, 13, 17);

  scoped('crop, inside and beyond the image', () => {
    for (const [[top, left, height, width], expected] of frozen.crop)
      assert.equal(sha1(F.crop(source(), top, left, height, width)), expected);
    const inside = source();
    assert.ok(F.crop(inside, 1, 1, 3, 3).sharesStorageWith(inside));
    assert.equal(F.crop(source(), 50, 0, 4, 4).sum().item(), 0);
  });

  scoped('centerCrop', () => {
    for (const [size, expected] of frozen.centerCrop) assert.equal(sha1(F.centerCrop(source(), size)), expected, size);
    assert.equal(roundHalfEven(2.5), 2);
    assert.equal(roundHalfEven(3.5), 4);
    assert.equal(roundHalfEven(0.5), 0);
  });

  scoped('pad', () => {
    for (const [padding, paddingMode, fill, expected] of frozen.pad)
      assert.equal(sha1(F.pad(source(), padding, { paddingMode, fill })), expected, `${paddingMode} ${padding}`);
    assert.equal(sha1(F.pad(source(), [1, 2], { fill: [1, 2, 3] })), frozen.padColours);
    assert.throws(() => F.pad(source(), [13, 13], { paddingMode: 'reflect' }), /at most 12 .*reflect.*13 pixels/);
    assert.throws(() => F.pad(source(), [1, 2, 3]), /array of 1, 2 or 4/);
    assert.throws(() => F.pad(source(), 1, { fill: [1, 2] }), /3, one a channel/);
  });

  scoped('flips, twice, give the image back', () => {
    const original = source();
    assert.equal(F.hflip(original).select(2, 0).eq(original.select(2, 16)).all().item(), true);
    assert.equal(F.vflip(original).select(1, 0).eq(original.select(1, 12)).all().item(), true);
    assert.equal(sha1(F.vflip(F.hflip(F.hflip(F.vflip(original))))), sha1(original));
  });

  scoped('erase, on a copy or in place', () => {
    const original = floats(1, 2, 4, 5);
    const erased = F.erase(original, 1, 2, 2, 3, 9);
    assert.equal(erased.eq(9).sum().item(), 12);
    assert.equal(original.eq(9).any().item(), false);
    assert.equal(F.erase(original, 0, 0, 1, 1, tensor([5, 6]).view([2, 1, 1]), { inplace: true }), original);
    assert.deepEqual(original.select(1, 0).select(1, 0).toArray(), [5, 6]);
  });
});

describe('values', () => {
  scoped('convertImageDtype between all ranges', () => {
    for (const { data, from, to, result } of frozen.convert) {
      const source = tensor(data, { dtype: from as DType });
      if (result === null) assert.throws(() => F.convertImageDtype(source, to), /without losing digits/);
      else {
        const converted = F.convertImageDtype(source, to);
        assert.equal(converted.dtype, to);
        const values = Array.from(converted.toTypedArray() as Float64Array, (value) =>
          typeof value === 'bigint' ? String(value) : Number(value),
        );
        assert.deepEqual(
          values,
          result.map((text: string) => (to === 'int64' ? text : Number(text))),
          `${from} to ${to}`,
        );
      }
    }
  });

  scoped('toTensor gives rows in memory order', () => {
    const interleaved = image(1, 4, 5, 3).permute([2, 0, 1]);
    const converted = F.toTensor(interleaved);
    assert.ok(converted.isContiguous());
    assert.equal(
      converted.select(0, 1).select(0, 2).select(0, 3).item(),
      Math.fround(interleaved.select(0, 1).select(0, 2).select(0, 3).item() / 255),
    );
  });

  scoped('normalize', () => {
    const source = tensor([[[1, 2]], [[3, 5]]], { dtype: 'float32' });
    assert.deepEqual(F.normalize(source, [1, 3], [2, 0.5]).toArray(), [[[0, 0.5]], [[0, 4]]]);
    assert.deepEqual(source.toArray(), [[[1, 2]], [[3, 5]]]);
    assert.equal(F.normalize(source, [1], [2], { inplace: true }), source);
    assert.throws(() => F.normalize(image(1, 3, 2, 2), [0], [1]), /floating-point image.*uint8/);
    assert.throws(() => F.normalize(source, [1, 3], [2, 0]), /other than 0/);
    assert.throws(() => F.normalize(source, [1, 3, 4], [2]), /2 values for mean/);
  });

  scoped('rgbToGrayscale, by Pillow’s or torchvision’s rounding', () => {
    const source = image(10, 3, 13, 17);
    assert.equal(sha1(F.rgbToGrayscale(source)), frozen.grey.pil);
    assert.equal(sha1(F.rgbToGrayscale(source, 3)), frozen.grey.pil3);
    assert.equal(sha1(F.rgbToGrayscale(source, 1, { backend: 'tensor' })), frozen.grey.tensor);
    assert.ok(distance(F.rgbToGrayscale(floats(10, 3, 2, 3)), frozen.grey.float) < 1e-6);
    const grey: Tensor = image(1, 1, 2, 2);
    assert.deepEqual(F.rgbToGrayscale(grey, 3).shape, [3, 2, 2]);
    assert.throws(() => F.rgbToGrayscale(image(1, 4, 2, 2)), /1 or 3 channels/);
  });
});

it('functions that do not draw leave the generator alone', () =>
  scope(() => {
    manualSeed(1);
    const expected = rand([1]).item();
    manualSeed(1);
    F.resize(F.centerCrop(image(1, 3, 9, 9), 5), 3);
    assert.equal(rand([1]).item(), expected);
  }));
