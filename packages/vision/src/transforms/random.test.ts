import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { expectNoLeaks, manualSeed, rand, scope, type Tensor, tensor, zeros } from '@edgeai/torch';
import { Compose, Lambda, RandomApply, RandomChoice } from './containers.ts';
import { CenterCrop, Pad, Resize } from './geometry.ts';
import { RandomCutmix, RandomMixup } from './mix.ts';
import { IMAGENET_MEAN, IMAGENET_STD, ImageClassification } from './presets.ts';
import { RandomCrop, RandomHorizontalFlip, RandomResizedCrop, RandomVerticalFlip } from './random-geometry.ts';
import { distance, floats, frozen, image, sha1 } from './testing.ts';
import { ConvertImageDtype, Grayscale, Normalize, RandomErasing, ToTensor } from './values.ts';

const scoped = (name: string, fn: () => void) => it(name, () => expectNoLeaks(() => scope(fn)));
const times = <T>(count: number, fn: () => T) => Array.from({ length: count }, fn);

describe('random transforms draw torchvision’s numbers, in its order', () => {
  scoped('getParams', () => {
    const source = image(11, 3, 32, 40);
    manualSeed(42);
    assert.deepEqual(
      times(5, () => RandomCrop.getParams(source, [20, 24])),
      frozen.params.crop,
    );
    manualSeed(42);
    assert.deepEqual(
      times(8, () => RandomResizedCrop.getParams(source, [0.08, 1], [3 / 4, 4 / 3])),
      frozen.params.resizedCrop,
    );
    manualSeed(42);
    assert.deepEqual(
      times(4, () => RandomResizedCrop.getParams(image(0, 1, 50, 8), [0.5, 1], [3 / 4, 4 / 3])),
      frozen.params.narrow,
    );
    manualSeed(42);
    assert.deepEqual(
      times(8, () => RandomErasing.getParams(source, [0.02, 0.33], [0.3, 3.3], [0])?.slice(0, 4)),
      frozen.params.erasing,
    );
  });

  const transforms: Record<string, (image: Tensor) => Tensor> = {
    RandomHorizontalFlip: new RandomHorizontalFlip(0.3),
    RandomVerticalFlip: new RandomVerticalFlip(),
    RandomCrop: new RandomCrop(10, { padding: 2 }),
    'RandomCrop.padIfNeeded': new RandomCrop([20, 15], { padIfNeeded: true, paddingMode: 'edge' }),
    RandomResizedCrop: new RandomResizedCrop(9),
    'RandomResizedCrop.bicubic': new RandomResizedCrop([6, 12], { interpolation: 'bicubic' }),
    RandomApply: new RandomApply([new RandomHorizontalFlip(), new RandomVerticalFlip()], 0.6),
  };
  for (const [name, transform] of Object.entries(transforms)) {
    scoped(name, () => {
      manualSeed(7);
      const results = times(6, () => sha1(transform(image(10, 3, 13, 17))));
      assert.deepEqual({ sha1: results, after: rand([1]).item() }, frozen.random[name]);
    });
  }

  scoped('RandomErasing', () => {
    manualSeed(7);
    const erasing = new RandomErasing({ p: 0.7, value: 'random' });
    for (const expected of frozen.random.RandomErasing.values)
      assert.ok(distance(erasing(floats(12, 1, 5, 6)), expected) < 1e-6);
    assert.equal(rand([1]).item(), frozen.random.RandomErasing.after);
  });

  scoped('RandomChoice', () => {
    const choice = new RandomChoice(
      [0, 1, 2].map((i) => (_: Tensor) => zeros([1]).add(i)),
      { p: [0.2, 0.5, 0.3] },
    );
    manualSeed(5);
    assert.deepEqual(
      times(12, () => choice(zeros([1])).item()),
      frozen.choice,
    );
  });

  scoped('a training pipeline', () => {
    const train = new Compose([
      new RandomResizedCrop(16),
      new RandomHorizontalFlip(),
      new ToTensor(),
      new Normalize(IMAGENET_MEAN, IMAGENET_STD),
      new RandomErasing({ p: 0.5 }),
    ]);
    manualSeed(3);
    for (const expected of frozen.train) {
      const made = train(image(11, 3, 32, 40)).flatten();
      assert.ok(distance(made.slice(0, 0, null, 37), expected) < 1e-6);
    }
  });
});

describe('mixing batches', () => {
  for (const [name, Mix] of [
    ['mixup', RandomMixup],
    ['cutmix', RandomCutmix],
  ] as const) {
    scoped(name, () => {
      for (const { seed, alpha, p, images, targets } of frozen[name]) {
        manualSeed(seed);
        const batch = floats(13, 3, 1, 4, 5);
        const [mixed, shares] = new Mix(3, { alpha, p })(batch, tensor([0, 2, 1]));
        assert.ok(distance(mixed, images) < 1e-6);
        assert.ok(distance(shares, targets) < 1e-6);
        assert.equal(sha1(batch), sha1(floats(13, 3, 1, 4, 5)));
      }
    });
  }

  scoped('in place, one of both, and refusals', () => {
    const batch = floats(13, 3, 1, 4, 5);
    const either = new RandomChoice([
      new RandomMixup(3, { p: 1, inplace: true }),
      new RandomCutmix(3, { p: 1, inplace: true }),
    ]);
    const [mixed, shares] = either(batch, tensor([0, 1, 2]));
    assert.equal(mixed, batch);
    assert.ok(Math.abs(shares.sum().item() - 3) < 1e-6);
    assert.throws(() => new RandomMixup(3)(image(1, 3, 1, 4, 5), tensor([0, 1, 2])), /float batch.*uint8/);
    assert.throws(() => new RandomMixup(3)(batch, zeros([3])), /int64 class indices \[3\]/);
    assert.throws(() => new RandomCutmix(0), /numClasses/);
    assert.throws(() => new RandomCutmix(3, { p: 2 }), /probability/);
  });
});

describe('composition and presets', () => {
  scoped('ImageClassification is what torchvision’s evaluation does to a Pillow image', () => {
    const preset = new ImageClassification({ cropSize: 20, resizeSize: 24 });
    const made = preset(image(11, 3, 32, 40));
    assert.deepEqual([made.dtype, made.shape, made.isContiguous()], ['float32', [3, 20, 20], true]);
    assert.ok(distance(made.flatten().slice(0, 0, null, 37), frozen.evaluate) < 1e-6);
    const steps = new Compose([
      new Resize(24),
      new CenterCrop(20),
      new ConvertImageDtype(),
      new Normalize(IMAGENET_MEAN, IMAGENET_STD),
    ]);
    assert.equal(sha1(steps(image(11, 3, 32, 40))), sha1(made));
    assert.equal(
      sha1(preset(image(11, 2, 3, 32, 40)).select(0, 0)),
      sha1(preset(image(11, 2, 3, 32, 40).select(0, 0))),
    );
    assert.equal(preset(floats(1, 3, 32, 40)).dtype, 'float32');
  });

  scoped('Compose releases what lies between, and takes functions', () => {
    const source = image(1, 1, 4, 4);
    const seen: Tensor[] = [];
    const result = new Compose([
      new Grayscale(3),
      new Lambda((x: Tensor) => x.add(1)),
      (x: Tensor) => {
        seen.push(x);
        return x.float();
      },
      new Pad(1),
    ])(source);
    assert.deepEqual(result.shape, [3, 6, 6]);
    assert.ok(source.isAlive && seen.every((tensor_) => !tensor_.isAlive));
    assert.equal(new Compose([])(source), source);
  });

  it('print what they do, and refuse what they cannot', () => {
    assert.equal(
      String(new Compose([new Resize(8), new RandomHorizontalFlip()])),
      'Compose([\n  Resize(size=8, interpolation=bilinear),\n  RandomHorizontalFlip(p=0.5)\n])',
    );
    assert.throws(() => new Compose([1 as never]), /array of transforms/);
    assert.throws(() => new RandomHorizontalFlip(1.5), /probability between 0 and 1/);
    assert.throws(() => new RandomResizedCrop(8, { scale: [1, 0.5] }), /least, most/);
    assert.throws(() => new RandomErasing({ value: 'noise' as 'random' }), /'random'/);
    assert.throws(() => new Resize([1, 2, 3] as never), /\[height, width\]/);
    assert.throws(() => new RandomChoice([], {}), /weights/);
    scope(() =>
      assert.throws(() => new RandomCrop(8)(zeros([3, 4, 4])), /crop of 8×8 is larger than the image of 4×4/),
    );
  });
});
