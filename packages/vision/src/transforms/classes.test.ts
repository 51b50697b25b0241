/** @file All of torchvision's transforms are there, take its options, and refuse what makes no sense. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ArgumentError, expectNoLeaks, manualSeed, scope, stack, type Tensor, zeros } from '@edgeai/torch';
import * as T from './index.ts';
import { floats, image } from './testing.ts';

const scoped = (name: string, fn: () => void) => it(name, () => expectNoLeaks(() => scope(fn)));

/** `torchvision.transforms.__all__` */
const CLASSES =
  `AugMix AutoAugment AutoAugmentPolicy CenterCrop ColorJitter Compose ConvertImageDtype ElasticTransform FiveCrop
  GaussianBlur Grayscale InterpolationMode Lambda LinearTransformation Normalize PILToTensor Pad RandAugment
  RandomAdjustSharpness RandomAffine RandomApply RandomAutocontrast RandomChoice RandomCrop RandomEqualize RandomErasing
  RandomGrayscale RandomHorizontalFlip RandomInvert RandomOrder RandomPerspective RandomPosterize RandomResizedCrop
  RandomRotation RandomSolarize RandomVerticalFlip Resize TenCrop ToPILImage ToTensor TrivialAugmentWide`.split(/\s+/);

/** The public functions of `torchvision.transforms.functional`. */
const FUNCTIONS = `adjust_brightness adjust_contrast adjust_gamma adjust_hue adjust_saturation adjust_sharpness affine
  autocontrast center_crop convert_image_dtype crop elastic_transform equalize erase five_crop gaussian_blur get_dimensions
  get_image_num_channels get_image_size hflip invert normalize pad perspective pil_to_tensor posterize resize resized_crop
  rgb_to_grayscale rotate solarize ten_crop to_grayscale to_pil_image to_tensor vflip`.split(/\s+/);

it('every class and function of torchvision has its counterpart', () => {
  assert.deepEqual([CLASSES.length, FUNCTIONS.length], [41, 36]);
  assert.deepEqual(
    CLASSES.filter((name) => !(name in T)),
    [],
  );
  const camelCase = (name: string) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  assert.deepEqual(
    FUNCTIONS.map(camelCase).filter((name) => !(name in T.functional)),
    [],
  );
});

describe('several crops', () => {
  scoped('go through Compose with a function that takes them', () => {
    const crops = new T.Compose([new T.FiveCrop([6, 7]), new T.Lambda((parts: Tensor[]) => stack(parts))]);
    assert.deepEqual(crops(image(1, 3, 13, 17)).shape, [5, 3, 6, 7]);
    const ten = new T.TenCrop(6, { verticalFlip: true })(image(1, 3, 13, 17));
    assert.equal(ten.length, 10);
    const [first, , , , , turned] = ten as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
    assert.ok(!first.equal(turned));
    assert.throws(() => new T.FiveCrop(14)(image(1, 3, 13, 17)), /crop of 14×14 is larger than the image of 13×17/);
  });
});

describe('random transforms', () => {
  const everything: Record<string, (image: Tensor) => Tensor> = {
    ColorJitter: new T.ColorJitter({ brightness: 0.4, contrast: [0.5, 1.5], saturation: 0.3, hue: 0.1 }),
    GaussianBlur: new T.GaussianBlur([3, 5], { sigma: 1 }),
    RandomGrayscale: new T.RandomGrayscale(0.5),
    RandomInvert: new T.RandomInvert(),
    RandomPosterize: new T.RandomPosterize(4),
    RandomSolarize: new T.RandomSolarize(128),
    RandomAdjustSharpness: new T.RandomAdjustSharpness(2),
    RandomAutocontrast: new T.RandomAutocontrast(),
    RandomEqualize: new T.RandomEqualize(),
    RandomRotation: new T.RandomRotation([-10, 90], { interpolation: 'bilinear', center: [3, 4], fill: [1, 2, 3] }),
    RandomAffine: new T.RandomAffine(10, { translate: [0.1, 0.2], scale: [0.9, 1.1], shear: [-5, 5, -5, 5] }),
    RandomPerspective: new T.RandomPerspective({ distortionScale: 0.3, fill: 9 }),
    ElasticTransform: new T.ElasticTransform({ alpha: [30, 40], sigma: 1.5 }),
    RandomOrder: new T.RandomOrder([new T.RandomHorizontalFlip(), new T.RandomInvert(1)]),
    AutoAugment: new T.AutoAugment('cifar10', { fill: 128 }),
    RandAugment: new T.RandAugment({ numOps: 3, interpolation: 'bicubic' }),
    TrivialAugmentWide: new T.TrivialAugmentWide({ fill: [1, 2, 3] }),
    AugMix: new T.AugMix({ chainDepth: 2, allOps: false, severity: 10 }),
  };
  for (const [name, transform] of Object.entries(everything)) {
    scoped(
      `${name}: the same seed gives the same image, of the same type and size; grey images and batches too`,
      () => {
        const cases = [
          image(2, 3, 24, 31),
          ...(name.endsWith('Wide') || name === 'RandomRotation' ? [] : [image(3, 1, 24, 31)]),
          image(4, 2, 3, 20, 20),
        ];
        for (const source of cases) {
          const results = [1, 1].map((seed) => {
            manualSeed(seed);
            return [0, 1, 2].map(() => scope(() => transform(source)));
          }) as [Tensor[], Tensor[]];
          for (const [i, made] of results[0].entries()) {
            assert.deepEqual([made.dtype, made.shape], ['uint8', source.shape]);
            assert.ok(made.equal(results[1][i] as Tensor));
          }
        }
      },
    );
  }

  scoped('RandomOrder does all of them, in every order', () => {
    const seen = new Set<string>();
    let order = '';
    const note = (name: string) => (x: Tensor) => {
      order += name;
      return x;
    };
    const transform = new T.RandomOrder([note('a'), note('b'), note('c')]);
    manualSeed(0);
    for (let i = 0; i < 100; i++) {
      order = '';
      transform(image(1, 1, 2, 2));
      seen.add(order);
    }
    assert.equal(seen.size, 6);
  });

  it('refuse what makes no sense', () => {
    const refused: (() => unknown)[] = [
      () => new T.ColorJitter({ brightness: -1 }),
      () => new T.ColorJitter({ hue: 0.6 }),
      () => new T.ColorJitter({ contrast: [2, 1] }),
      () => new T.GaussianBlur(4),
      () => new T.GaussianBlur(3, { sigma: [0, 1] }),
      () => new T.RandomRotation(-3),
      () => new T.RandomAffine(3, { translate: [0, 2] }),
      () => new T.RandomAffine(3, { scale: [0, 1] }),
      () => new T.RandomAffine(3, { shear: [1, 2, 3] }),
      () => new T.RandomPerspective({ distortionScale: 2 }),
      () => new T.RandomPosterize(9),
      () => new T.RandomAdjustSharpness(-1),
      () => new T.AutoAugment('coco' as 'svhn'),
      () => new T.RandAugment({ magnitude: 31 }),
      () => new T.AugMix({ severity: 0 }),
      () => new T.RandomInvert(2),
    ];
    for (const make of refused) assert.throws(make, ArgumentError, String(make));
  });

  it('print their options', () => {
    assert.equal(String(new T.RandomAffine(5, { shear: 2 })), 'RandomAffine(degrees=-5,5, shear=-2,2)');
    assert.equal(String(new T.AutoAugment()), 'AutoAugment(policy=imagenet)');
    assert.equal(String(new T.RandomPosterize(3, 0.2)), 'RandomPosterize(bits=3, p=0.2)');
  });
});

describe('functions refuse', () => {
  scoped('what they cannot do, saying what they can', () => {
    const { functional: F } = T;
    const bytes = image(1, 3, 8, 9);
    assert.throws(() => F.posterize(floats(1, 3, 8, 9), 3), /uint8 image/);
    assert.throws(() => F.equalize(floats(1, 3, 8, 9)), /uint8 image/);
    assert.throws(() => F.solarize(floats(1, 3, 8, 9), 2), /at most 1/);
    assert.throws(() => F.adjustHue(bytes, 0.7), /-0.5 and 0.5/);
    assert.throws(() => F.adjustBrightness(bytes, -1), /at least 0/);
    assert.throws(() => F.adjustBrightness(image(1, 4, 8, 9), 1), /1 or 3 channels/);
    assert.throws(() => F.rotate(bytes, 5, { interpolation: 'lanczos' }), /'nearest', 'bilinear' or 'bicubic'/);
    assert.throws(() => F.rotate(bytes.float(), 5, { interpolation: 'bicubic' }), /'nearest' or 'bilinear'/);
    assert.throws(() => F.rotate(bytes, 5, { fill: [1, 2] }), /one fill value or 3/);
    assert.throws(() => F.affine(bytes, 0, [0, 0], 0, 0), /scale/);
    assert.throws(() => F.perspective(bytes, [[0, 0]], [[0, 0]]), /four points/);
    assert.throws(() => F.elasticTransform(bytes, zeros([1, 3, 8, 2])), /shape \[1, 8, 9, 2\]/);
    assert.throws(() => F.gaussianBlur(bytes, 2), /odd whole numbers/);
    assert.throws(() => F.toPilImage(bytes, 'L'), /Expected RGB for an image of 3 channels but received L/);
    assert.throws(() => F.convertMode(bytes, 'Lab' as 'L'), /one of L, LA, RGB/);
  });

  scoped('nothing of a round trip through a decoded image', () => {
    const bytes = image(1, 3, 8, 9);
    assert.ok(new T.PILToTensor()(new T.ToPILImage()(bytes)).equal(bytes));
    assert.deepEqual(T.functional.toPilImage(floats(1, 8, 9)).channels, 1);
  });
});
