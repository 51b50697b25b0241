import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { expectNoLeaks, manualSeed, scope, type Tensor, tensor } from '@edgeai/torch';
import { Compose } from './containers.ts';
import * as F from './functional/index.ts';
import { CenterCrop, Resize } from './geometry.ts';
import { isLargeByteImage, isLargeFloatImage } from './pixels.ts';
import { IMAGENET_MEAN, IMAGENET_STD, ImageClassification } from './presets.ts';
import { RandomResizedCrop } from './random-geometry.ts';
import { image, sha1 } from './testing.ts';
import { ConvertImageDtype, Normalize } from './values.ts';

const scoped = (name: string, fn: () => void) => it(name, () => expectNoLeaks(() => scope(fn)));
/** Large enough for the loops, in the interleaved order of decoders. */
const large = (channels = 3): Tensor => image(5, 120, 150, channels).permute([2, 0, 1]);
const column = (values: readonly number[]) => tensor([...values], { dtype: 'float32' }).view([-1, 1, 1]);

describe('loops over large images give what libtorch’s operators give', () => {
  scoped('which images take them', () => {
    assert.ok(isLargeByteImage(large()));
    assert.ok(!isLargeByteImage(image(1, 3, 28, 28)));
    assert.ok(!isLargeByteImage(large().unsqueeze(0)));
    assert.ok(!isLargeByteImage(large().int()));
    assert.ok(isLargeFloatImage(large().float().contiguous()));
  });

  scoped('hflip, of interleaved and of planar images', () => {
    for (const source of [large(), large().contiguous(), image(6, 4, 100, 99), image(6, 1, 200, 180)])
      assert.equal(sha1(F.hflip(source)), sha1(source.flip([-1])));
  });

  scoped('conversion to float', () => {
    for (const source of [large(), large(4), large().narrow(1, 3, 110)]) {
      const converted = F.convertImageDtype(source);
      assert.ok(converted.isContiguous());
      assert.equal(sha1(converted), sha1(source.float().div(255)));
    }
  });

  scoped('normalisation', () => {
    const source = large().float().div(255).contiguous();
    const expected = source.sub(column(IMAGENET_MEAN)).div(column(IMAGENET_STD));
    assert.equal(sha1(F.normalize(source, IMAGENET_MEAN, IMAGENET_STD)), sha1(expected));
    assert.equal(sha1(F.normalize(source, [0.3], [0.7])), sha1(source.sub(column([0.3])).div(column([0.7]))));
    // Not this way round, which changes the tensor itself.
    assert.equal(F.normalize(source, IMAGENET_MEAN, IMAGENET_STD, { inplace: true }), source);
    assert.equal(sha1(source), sha1(expected));
  });

  scoped('resizedCrop', () => {
    for (const [top, left, height, width] of [
      [0, 0, 120, 150],
      [7, 11, 64, 99],
      [119, 149, 1, 1],
      [-4, 100, 60, 60],
    ] as const) {
      const expected = F.resize(F.crop(large(), top, left, height, width).contiguous(), [40, 50]);
      assert.equal(sha1(F.resizedCrop(large(), top, left, height, width, [40, 50])), sha1(expected), `${top} ${left}`);
    }
    const untouched = F.resizedCrop(large(), 3, 4, 40, 50, [40, 50]);
    assert.equal(sha1(untouched), sha1(large().narrow(1, 3, 40).narrow(2, 4, 50)));
  });

  scoped('the classification preset', () => {
    const steps = new Compose([
      new Resize(64),
      new CenterCrop([60, 56]),
      new ConvertImageDtype(),
      new Normalize(IMAGENET_MEAN, IMAGENET_STD),
    ]);
    const preset = new ImageClassification({ cropSize: [60, 56], resizeSize: 64 });
    assert.equal(sha1(preset(large())), sha1(steps(large())));
    // A crop that needs padding, one grey channel, another arithmetic: the general way.
    const padded = new ImageClassification({ cropSize: 70, resizeSize: 64 })(large());
    assert.deepEqual(padded.shape, [3, 70, 70]);
    const grey = new ImageClassification({ cropSize: 60, resizeSize: 64, mean: [0.5], std: [0.5] })(
      image(1, 1, 200, 180),
    );
    assert.deepEqual(grey.shape, [1, 60, 60]);
    const byTensor = new ImageClassification({ cropSize: 60, resizeSize: 64, backend: 'tensor' })(large());
    assert.notEqual(sha1(byTensor), sha1(new ImageClassification({ cropSize: 60, resizeSize: 64 })(large())));
    assert.throws(() => new ImageClassification({ cropSize: 60, std: [1, 0, 1] })(large()), /other than 0/);
  });

  scoped('results are not overwritten by the next image', () => {
    manualSeed(0);
    const crop = new RandomResizedCrop(200);
    const [first, second] = [F.toTensor(crop(large())), F.toTensor(crop(large()))];
    manualSeed(0);
    assert.equal(sha1(first), sha1(F.toTensor(crop(large()))));
    assert.notEqual(sha1(first), sha1(second));
  });
});
