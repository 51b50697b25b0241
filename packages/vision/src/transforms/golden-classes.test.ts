/** @file Random transforms draw torchvision's numbers and give its images; so do the automatic augmentations. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { empty, expectNoLeaks, manualSeed, randint, randn, randperm, scope, type Tensor, tensor } from '@edgeai/torch';
import {
  AugMix,
  AutoAugment,
  applyOperation,
  autoAugmentSpace,
  type OperationName,
  RandAugment,
  randAugmentSpace,
  TrivialAugmentWide,
  trivialAugmentWideSpace,
} from './auto-augment/index.ts';
import { RandomCutmix } from './mix.ts';
import {
  ColorJitter,
  GaussianBlur,
  RandomAdjustSharpness,
  RandomEqualize,
  RandomGrayscale,
  RandomInvert,
  RandomPosterize,
} from './random-colour.ts';
import { RandomCrop, RandomResizedCrop, RandomVerticalFlip } from './random-geometry.ts';
import { ElasticTransform, RandomAffine, RandomPerspective, RandomRotation } from './random-warp.ts';
import { differenceFrom, floats, type RecordedCase, type RecordedTensor, recorded, recordedInput } from './testing.ts';
import { RandomErasing } from './values.ts';

const cases = recorded('classes');
const inGroup = (group: string) => cases.filter((one) => one.group === group);
const scoped = (name: string, fn: () => void) => it(name, () => expectNoLeaks(() => scope(fn)));

const backend = 'tensor';
const TRANSFORMS: Record<string, (image: Tensor) => Tensor> = {
  'RandomVerticalFlip(0.5)': new RandomVerticalFlip(0.5),
  'RandomCrop(10,padding=2)': new RandomCrop(10, { padding: 2 }),
  'RandomResizedCrop(9,antialias)': new RandomResizedCrop(9, { backend }),
  'RandomRotation(30)': new RandomRotation(30, { backend }),
  'RandomPerspective(p=1)': new RandomPerspective({ p: 1, backend }),
  'RandomErasing(p=1,value=random)': new RandomErasing({ p: 1, value: 'random' }),
  'GaussianBlur(3)': new GaussianBlur(3),
  'RandomGrayscale(.5)': new RandomGrayscale(0.5, { backend }),
  RandomInvert: new RandomInvert(),
  'RandomPosterize(3)': new RandomPosterize(3),
  'RandomAdjustSharpness(2)': new RandomAdjustSharpness(2, 0.5, { backend }),
  RandomEqualize: new RandomEqualize(),
  ElasticTransform: new ElasticTransform({ alpha: 20, sigma: 3 }),
  'v2.ColorJitter': new ColorJitter({ brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1, backend }),
  'AutoAugment(imagenet)': new AutoAugment('imagenet', { backend }),
  'AutoAugment(cifar10)': new AutoAugment('cifar10', { backend }),
  'AutoAugment(svhn)': new AutoAugment('svhn', { backend }),
  'RandAugment()': new RandAugment({ backend }),
  'RandAugment(3,15,bilinear)': new RandAugment({ numOps: 3, magnitude: 15, interpolation: 'bilinear', backend }),
  'TrivialAugmentWide()': new TrivialAugmentWide({ backend }),
  'AugMix()': new AugMix(),
};

describe('rng.transform: an image after manualSeed', () => {
  for (const { op, in: inputs, args, out } of inGroup('rng.transform')) {
    scoped(`${op}, seed ${args.seed}`, () => {
      const transform = TRANSFORMS[op];
      assert.ok(transform, `no transform ${op}`);
      manualSeed(args.seed);
      const image = recordedInput(inputs[0] ?? '');
      assert.equal(differenceFrom(transform(image), out as RecordedTensor), undefined);
    });
  }
});

const DRAWS: Record<string, (image: Tensor, args: RecordedCase['args']) => unknown> = {
  'RandomCrop.get_params': (image, { size }) => RandomCrop.getParams(image, size),
  'RandomResizedCrop.get_params': (image, { scale, ratio }) => RandomResizedCrop.getParams(image, scale, ratio),
  'RandomPerspective.get_params': (_, { width, height, distortion_scale: distortionScale }) =>
    RandomPerspective.getParams(width, height, distortionScale),
  'ColorJitter.get_params': (_, { b, c, s, h }) => ColorJitter.getParams(b, c, s, h),
  'RandomRotation.get_params': (_, { degrees }) => RandomRotation.getParams(degrees),
  'RandomAffine.get_params': (_, { degrees, translate, scale, shear, img_size: size }) =>
    RandomAffine.getParams(degrees, translate, scale, shear, size),
  'RandomErasing.get_params': (image, { scale, ratio, value }) => RandomErasing.getParams(image, scale, ratio, value),
};

/** Plain numbers, in depth: recorded ones have nine digits. */
function flatten(value: unknown): number[] {
  if (typeof value === 'number') return [value];
  if (Array.isArray(value)) return value.flatMap(flatten);
  const { data, toTypedArray } = value as { data?: unknown; toTypedArray?: () => ArrayLike<number> };
  return data === undefined && toTypedArray !== undefined
    ? Array.from((value as Tensor).toTypedArray(), Number)
    : flatten(data);
}

const ENGINE: Record<string, (args: RecordedCase['args']) => Tensor> = {
  'torch.randn(20)': () => randn([20]),
  'torch.randn(5)': () => randn([5]),
  'torch.randint(0,100,(10,))': () => randint(0, 100, [10]),
  'torch.randperm(12)': () => randperm(12),
  'torch.empty(6).uniform_(2,5)': () => empty([6]).uniform_(2, 5),
  'torch.multinomial': ({ weights, n }) => tensor(weights, { dtype: 'float32' }).multinomial(n, true),
};

describe('rng: numbers of the engine after manualSeed', () => {
  for (const { op, args, out } of inGroup('rng').filter(({ op }) => op.startsWith('torch.'))) {
    scoped(op, () => {
      manualSeed(args.seed);
      const made = ENGINE[op]?.(args);
      assert.ok(made, `no call for ${op}`);
      assert.equal(differenceFrom(made, out as RecordedTensor), undefined);
    });
  }
});

describe('rng.reference: a batch after manualSeed', () => {
  for (const { op, args, out } of inGroup('rng.reference')) {
    scoped(op, () => {
      assert.equal(op, 'RandomCutmix');
      manualSeed(args.seed);
      const cutmix = new RandomCutmix(args.num_classes, { p: args.p, alpha: args.alpha });
      const made = cutmix(floats(2000040, 4, 3, 6, 8), tensor([0, 1, 2, 3]));
      for (const [i, expected] of (out as readonly RecordedTensor[]).entries())
        assert.equal(differenceFrom(made[i] as Tensor, expected), undefined);
    });
  }
});

describe('rng: parameters after manualSeed', () => {
  for (const { op, in: inputs, args, out } of inGroup('rng').filter(({ op }) => op.endsWith('get_params'))) {
    scoped(op, () => {
      const image = recordedInput(inputs[0] ?? '');
      manualSeed(args.seed);
      const made = flatten((out as readonly unknown[]).map(() => DRAWS[op]?.(image, args)));
      const expected = flatten(out);
      assert.equal(made.length, expected.length);
      for (const [i, value] of made.entries())
        assert.ok(
          Math.abs(value - (expected[i] ?? Number.NaN)) < 1e-7 * Math.max(1, Math.abs(value)),
          `${i}: ${value}`,
        );
    });
  }
});

describe('autoaugment: single operations', () => {
  for (const arithmetic of ['tensor', 'pil'] as const) {
    scoped(arithmetic, () => {
      for (const { id, op, in: inputs, args, out } of inGroup(`autoaugment.${arithmetic}`)) {
        const name = op.slice('_apply_op:'.length) as OperationName;
        const options = { interpolation: args.interpolation, backend: arithmetic };
        const made = applyOperation(recordedInput(inputs[0] ?? ''), name, args.magnitude, options);
        assert.equal(differenceFrom(made, out as RecordedTensor), undefined, `${id}: ${op} ${JSON.stringify(args)}`);
      }
    });
  }
});

describe('autoaugment.space: operations in order, with their strengths', () => {
  const spaces = {
    AutoAugment: autoAugmentSpace(10, [224, 331]),
    RandAugment: randAugmentSpace(31, [224, 331]),
    TrivialAugmentWide: trivialAugmentWideSpace(31),
  };
  for (const { op, out } of inGroup('autoaugment.space')) {
    it(op, () => {
      const space = spaces[op as keyof typeof spaces];
      const wanted = out as unknown as Record<string, [signed: boolean, RecordedTensor]>;
      assert.deepEqual([...space.keys()], Object.keys(wanted));
      for (const [name, { magnitudes, signed }] of space) {
        const [wantedSign, { shape, data = [], step = 1 }] = wanted[name] as [boolean, RecordedTensor];
        assert.equal(signed, wantedSign, name);
        assert.equal(magnitudes?.length, shape[0], name);
        for (const [i, value] of data.entries()) {
          const made = magnitudes?.[i * step] ?? 0;
          assert.ok(Math.abs(made - Number(value)) < 1e-6 * Math.max(1, Math.abs(made)), `${name} ${i}: ${made}`);
        }
      }
    });
  }
});
