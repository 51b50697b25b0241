/** Chains that go in one pass give what their steps give one by one. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { decodesJpeg, expectNoLeaks, manualSeed, rand, scope, type Tensor } from '@edgeai/torch';
import { decodePixels, photoOf } from '../io/decode.ts';
import { imageToTensor, tensorToImage } from '../io/decoded-image.ts';
import { JpegImage } from '../io/jpeg-image.ts';
import { loadSharp } from '../io/sharp.ts';
import { Compose, type ComposeStep } from './containers.ts';
import { CenterCrop, Resize } from './geometry.ts';
import { applyToImage, PhotoDraft } from './photo-draft.ts';
import { IMAGENET_MEAN, IMAGENET_STD, ImageClassification } from './presets.ts';
import { RandomHorizontalFlip, RandomResizedCrop } from './random-geometry.ts';
import { image, sha1 } from './testing.ts';
import { ConvertImageDtype, Normalize, RandomErasing, RGB, ToTensor } from './values.ts';

const scoped = (name: string, fn: () => void) => it(name, () => expectNoLeaks(() => scope(fn)));

const normalize = () => [new ConvertImageDtype(), new Normalize(IMAGENET_MEAN, IMAGENET_STD)];
const chains: Record<string, ComposeStep[]> = {
  training: [new RandomResizedCrop(24), new RandomHorizontalFlip(), ...normalize()],
  bicubic: [new RGB(), new RandomResizedCrop([20, 31], { interpolation: 'bicubic' }), new ToTensor()],
  lanczos: [new RandomResizedCrop(18, { interpolation: 'lanczos' }), new RandomHorizontalFlip(1), new ToTensor()],
  nearest: [new RandomResizedCrop(18, { interpolation: 'nearest' }), new ToTensor()],
  box: [new Resize(22, { interpolation: 'box' }), new ToTensor()],
  tensor: [new RandomResizedCrop(18, { backend: 'tensor' }), new ToTensor()],
  evaluation: [new Resize(32), new CenterCrop(24), ...normalize()],
  preset: [new RGB(), new ImageClassification({ cropSize: 24, resizeSize: 30 })],
  enlarged: [new Resize([90, 150]), new CenterCrop([70, 80]), new RandomHorizontalFlip(1), ...normalize()],
  'crop beyond the borders': [new CenterCrop(70), new ToTensor()],
  'crop after the flip': [new RandomHorizontalFlip(1), new CenterCrop([31, 20]), ...normalize()],
  'resize after the crop': [new CenterCrop(40), new Resize(21), ...normalize()],
  'two resizes': [new Resize(40), new RandomResizedCrop(16), ...normalize()],
  'only the flip': [new RandomHorizontalFlip(1)],
  erased: [new RandomResizedCrop(24), ...normalize(), new RandomErasing({ p: 1, inplace: true })],
  'normalised twice': [new ToTensor(), new Normalize([0.5], [0.5]), new Normalize([0.1, 0.2, 0.3], [2, 2, 2])],
};

/** Each step by itself, as tensors. */
function oneByOne(steps: readonly ComposeStep[], source: Tensor): Tensor {
  return steps.reduce((current, step) => (step as unknown as (x: Tensor) => Tensor)(current), source);
}

/** Results of several calls, and the number that is drawn after them. */
function seeded(fn: () => Tensor): unknown {
  manualSeed(3);
  const results = Array.from({ length: 5 }, () => {
    const result = fn();
    return [result.dtype, result.shape, sha1(result)];
  });
  return [...results, rand([1]).item()];
}

describe('a chain in one pass gives what its steps give', () => {
  for (const [name, steps] of Object.entries(chains)) {
    scoped(name, () => {
      const planar = image(4, 3, 57, 66);
      for (const source of [planar, planar.permute([1, 2, 0]).contiguous().permute([2, 0, 1])]) {
        const chain = new Compose(steps);
        assert.deepEqual(
          seeded(() => chain(source)),
          seeded(() => oneByOne(steps, source)),
        );
      }
    });
  }

  scoped('grey images and transparency', () => {
    const steps = [new RandomResizedCrop(24), new RandomHorizontalFlip(), new ToTensor(), new Normalize([0.4], [0.2])];
    for (const channels of [1, 2, 4]) {
      const source = image(4, channels, 57, 66);
      assert.deepEqual(
        seeded(() => new Compose(steps)(source)),
        seeded(() => oneByOne(steps, source)),
      );
    }
  });

  scoped('hooks and classes of others see their images', () => {
    const seen: (readonly number[])[] = [];
    const flip = new RandomHorizontalFlip(0);
    flip.registerForwardHook((_, [input]) => {
      seen.push((input as Tensor).shape);
    });
    class Own extends ToTensor {
      override forward(input: Tensor): Tensor {
        seen.push(input.shape);
        return super.forward(input);
      }
    }
    new Compose([new Resize([8, 9]), flip, new Own()])(image(4, 3, 57, 66));
    assert.deepEqual(seen, [
      [3, 8, 9],
      [3, 8, 9],
    ]);
  });

  scoped('a normalisation that is wrong is refused as ever', () => {
    const chain = (std: number[]) => new Compose([new ToTensor(), new Normalize([0.5, 0.5, 0.5], std)]);
    assert.throws(() => chain([1, 0, 1])(image(4, 3, 8, 8)), /std/);
    assert.throws(() => chain([1, 1])(image(4, 3, 8, 8)), /std/);
  });

  scoped('only images of bytes are drafted', () => {
    for (const source of [image(4, 3, 8, 8).float(), image(4, 8, 8), image(4, 2, 3, 8, 8), null, undefined, 'image'])
      assert.equal(PhotoDraft.of(source), undefined);
  });
});

describe('a JPEG of which only a part is decoded', { skip: !decodesJpeg && 'built without libjpeg' }, () => {
  const chain = new Compose([
    new RandomResizedCrop(24, { scale: [0.01, 0.6] }),
    new RandomHorizontalFlip(),
    ...normalize(),
  ]);

  async function sameAsWhole(bytes: Uint8Array): Promise<void> {
    const whole = await decodePixels(bytes, 'RGB');
    const photo = photoOf(bytes);
    assert.ok(photo);
    assert.deepEqual([photo.height, photo.width], [whole.height, whole.width]);
    await expectNoLeaks(() =>
      scope(() => {
        const source = imageToTensor(whole);
        assert.deepEqual(
          seeded(() => applyToImage(chain, photo)),
          seeded(() => chain(source)),
        );
      }),
    );
  }

  /** A picture with colours that change from pixel to pixel, and others that do not. */
  async function encoded(height: number, width: number, kind: '4:4:4' | '4:2:0' | 'grey'): Promise<Uint8Array> {
    const sharp = await loadSharp();
    const { data } = scope(() => tensorToImage(image(4, 3, height, width)));
    const picture = sharp(data, { raw: { height, width, channels: 3 } }).blur(0.7);
    if (kind === 'grey') return picture.toColourspace('b-w').jpeg().toBuffer();
    return picture.jpeg({ quality: 92, chromaSubsampling: kind }).toBuffer();
  }

  for (const kind of ['4:4:4', '4:2:0', 'grey'] as const) {
    it(`gives the pixels of the whole: ${kind}`, async () => {
      for (const [height, width] of [
        [57, 66],
        [181, 243],
        [257, 130],
        [9, 301],
      ] as const)
        await sameAsWhole(await encoded(height, width, kind));
    });
  }

  it('gives the pixels of the whole: 4:2:2 and 4:4:0', async () => {
    // Written by Pillow: Image.save(…, quality=80, subsampling=1), 181 × 243.
    const across = readFileSync(new URL('fixtures/photo-422.jpg', import.meta.url));
    await sameAsWhole(across);
    // With height and width exchanged, the same blocks make an image that is subsampled downwards.
    const down = Buffer.from(across);
    const frame = down.indexOf(Buffer.from([0xff, 0xc0]));
    across.copy(down, frame + 5, frame + 7, frame + 9);
    across.copy(down, frame + 7, frame + 5, frame + 7);
    assert.equal(down[frame + 11], 0x21);
    down[frame + 11] = 0x12;
    await sameAsWhole(down);
  });

  it('is left alone where it is cut short', async () => {
    const bytes = await encoded(57, 66, '4:2:0');
    assert.equal(photoOf(bytes.subarray(0, bytes.length - 1)), undefined);
    assert.equal(photoOf(new Uint8Array([0xff, 0xd8, 0xff, 0xd9])), undefined);
  });

  it('is named by the error where it is damaged, wherever it is looked at', async () => {
    const bytes = await encoded(181, 243, '4:2:0');
    const middle = bytes.length >> 1;
    const damaged = {
      beginning: Buffer.from(bytes).fill(0, 2),
      hole: Buffer.concat([bytes.subarray(0, middle), bytes.subarray(middle + 200)]),
      'other bytes': Buffer.from(bytes).fill('ff00', middle, middle + 200, 'hex'),
      'no more than the first rows': Buffer.concat([bytes.subarray(0, middle), bytes.subarray(-2)]),
    };
    for (const [kind, changed] of Object.entries(damaged)) {
      const photo = new JpegImage(changed, [181, 243], '/photos/a.jpg');
      // Parts that the damage lies in, above and below.
      for (let i = 0; i < 8; i++)
        scope(() => assert.throws(() => applyToImage(chain, photo), /^ImageReadError: \/photos\/a\.jpg/, kind));
    }
  });

  it('may be large', async () => {
    const sharp = await loadSharp();
    const create = { width: 8000, height: 5000, channels: 3, background: '#123456' } as const;
    const photo = photoOf(await sharp({ create }).jpeg().toBuffer());
    assert.deepEqual([photo?.height, photo?.width], [5000, 8000]);
    scope(() => {
      const small = applyToImage(chain, photo as JpegImage);
      assert.deepEqual(small.shape, [3, 24, 24]);
      assert.ok(
        small
          .sub(small.select(-1, 0).select(-1, 0).view([3, 1, 1]))
          .abs()
          .max()
          .item() === 0,
      );
    });
  });
});
