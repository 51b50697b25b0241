/** @file All that is in a sample is changed together, by one draw, whatever the sample's shape. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  arange,
  expectNoLeaks,
  fromTypedArray,
  full,
  manualSeed,
  ones,
  rand,
  scope,
  type Tensor,
  tensor,
  zeros,
} from '@edgeai/torch';
import { BoundingBox, Image, Keypoints, Label, Mask, OneHotLabel, Video } from '../../datapoints/index.ts';
import * as images from '../index.ts';
import { floats, image, sha1 } from '../testing.ts';
import * as v2 from './index.ts';

const scoped = (name: string, fn: () => void) => it(name, () => expectNoLeaks(() => scope(fn)));
const values = (tensor_: Tensor) => Array.from(tensor_.contiguous().toTypedArray(), Number);

/** A picture that is black but for one white rectangle, and what there is to know about it. */
function sample(height = 40, width = 60, [x0, y0, x1, y1] = [10, 5, 30, 20]) {
  const picture = zeros([3, height, width], { dtype: 'uint8' });
  picture
    .narrow(1, y0 as number, (y1 as number) - (y0 as number))
    .narrow(2, x0 as number, (x1 as number) - (x0 as number))
    .fill_(255);
  return {
    image: new Image(picture),
    target: {
      boxes: new BoundingBox(tensor([[x0, y0, x1, y1]], { dtype: 'float32' }), 'XYXY', [height, width]),
      masks: new Mask(picture.narrow(0, 0, 1).gt(0).to('uint8')),
      corners: new Keypoints(
        tensor(
          [
            [
              [x0, y0],
              [x1, y1],
            ],
          ],
          { dtype: 'float32' },
        ),
        [height, width],
      ),
      labels: tensor([7]),
      id: 'a',
    },
  };
}

/** Left, top, right and bottom of what is not zero in a mask [1, height, width]. */
function extent(mask: Tensor): number[] {
  const at = mask.select(0, 0).nonzero();
  const [y, x] = at.unbind(1) as [Tensor, Tensor];
  return [x.min(), y.min(), x.max().add(1), y.max().add(1)].map((value) => Number(value.item()));
}

describe('one change for all', () => {
  const near = (made: readonly number[], wanted: readonly number[], tolerance: number, what: string) =>
    assert.ok(
      made.every((value, i) => Math.abs(value - (wanted[i] ?? Number.NaN)) <= tolerance),
      `${what}: ${made} is not ${wanted}`,
    );

  // Rectangles stay rectangles under these, so the box must lie where the pixels are.
  const upright: [string, v2.Transform, number][] = [
    ['horizontal flip', new v2.RandomHorizontalFlip(1), 0],
    ['vertical flip', new v2.RandomVerticalFlip(1), 0],
    ['resize', new v2.Resize([20, 90]), 0.5],
    ['resize by the shorter side', new v2.Resize(31, { maxSize: 60 }), 0.8],
    ['padding', new v2.Pad([1, 2, 3, 4]), 0],
    ['centre crop', new v2.CenterCrop([30, 40]), 0],
    ['centre crop with padding', new v2.CenterCrop([47, 73]), 0],
    ['random crop', new v2.RandomCrop([38, 56], { padding: 3 }), 0],
    ['random crop with padding', new v2.RandomCrop([50, 50], { padIfNeeded: true }), 0],
    ['resized crop', new v2.RandomResizedCrop([33, 44], { scale: [0.9, 1], ratio: [1.4, 1.6] }), 0.8],
    ['zoom out', new v2.RandomZoomOut({ p: 1 }), 0],
    ['shortest size', new v2.RandomShortestSize([30, 50], { maxSize: 70 }), 0.8],
    ['random resize', new v2.RandomResize(20, 30), 0.9],
    ['scale jitter', new v2.ScaleJitter([60, 60], { scaleRange: [0.5, 1] }), 0.8],
    ['rotation by a right angle', new v2.RandomRotation([90, 90], { expand: true }), 1],
    ['move', new v2.RandomAffine(0, { translate: [0.1, 0.1] }), 0],
    ['scaling', new v2.RandomAffine(0, { scale: [1.2, 1.3] }), 0.8],
  ];
  for (const [name, transform, tolerance] of upright)
    scoped(name, () => {
      manualSeed(11);
      const { image: picture, target } = transform(sample());
      const pixels = picture.data.narrow(0, 0, 1).gt(127);
      const box = values(target.boxes.data);
      near(box, extent(pixels), tolerance + (name.includes('rotation') ? 0 : 0.01), 'pixels');
      near(box, extent(target.masks.data), tolerance + 0.01, 'mask');
      const points = values(target.corners.data);
      const upper = [Math.min(points[0] ?? 0, points[2] ?? 0), Math.min(points[1] ?? 0, points[3] ?? 0)];
      if (!name.includes('crop')) near(upper, box.slice(0, 2), 0.01, 'points');
      const size = picture.data.shape.slice(1);
      assert.deepEqual(
        [target.boxes.spatialSize, target.corners.spatialSize, target.masks.data.shape.slice(1)],
        [size, size, size],
      );
      assert.deepEqual([target.labels.toArray(), target.id], [[7], 'a']);
    });

  scoped('turned and warped rectangles lie within their boxes', () => {
    const warps = [
      new v2.RandomRotation(30, { backend: 'tensor' }),
      new v2.RandomAffine(20, { shear: 10, backend: 'tensor' }),
      new v2.RandomPerspective({ p: 1, distortionScale: 0.3, backend: 'tensor' }),
    ];
    for (const warp of warps)
      for (let seed = 0; seed < 5; seed++) {
        manualSeed(seed);
        const { target } = warp(sample());
        const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = extent(target.masks.data);
        const [left = 0, top = 0, right = 0, bottom = 0] = values(target.boxes.data);
        assert.ok(left <= x0 + 1 && top <= y0 + 1 && right >= x1 - 1 && bottom >= y1 - 1, `${warp} ${seed}`);
        assert.ok(left >= 0 && top >= 0 && right <= 60 && bottom <= 40);
      }
    const { target, image: picture } = new v2.ElasticTransform({ alpha: 20 })(sample());
    assert.deepEqual(
      [target.masks.data.shape, picture.data.shape],
      [
        [1, 40, 60],
        [3, 40, 60],
      ],
    );
  });

  scoped('formats of boxes and whole numbers are kept', () => {
    const { target } = sample();
    const flip = new v2.RandomHorizontalFlip(1);
    const boxes = new v2.ConvertBoundingBoxFormat('CXCYWH')(target.boxes);
    assert.deepEqual(values(boxes.data), [20, 12.5, 20, 15]);
    const flipped = flip(boxes);
    assert.deepEqual([flipped.format, values(flipped.data)], ['CXCYWH', [40, 12.5, 20, 15]]);
    const whole = flip(new BoundingBox(tensor([[1, 2, 3, 4]]), 'XYWH', [40, 60]));
    assert.deepEqual([whole.data.dtype, values(whole.data)], ['int64', [56, 2, 3, 4]]);
    assert.deepEqual(flip(new BoundingBox(zeros([0, 4]), 'XYXY', [40, 60])).data.shape, [0, 4]);
    assert.deepEqual(
      values(new v2.ClampBoundingBox()(new BoundingBox(tensor([-5, 3, 70, 50]), 'XYXY', [40, 60])).data),
      [0, 3, 60, 40],
    );
  });

  scoped('key points keep their visibility, and left and right change places in the mirror', () => {
    const data = tensor([
      [
        [10, 5, 2],
        [30, 20, 1],
        [0, 0, 0],
      ],
    ]);
    const points = new Keypoints(data, [40, 60], { mirror: [1, 0, 2] });
    const flipped = new v2.RandomHorizontalFlip(1)(points);
    assert.deepEqual(flipped.data.toArray(), [
      [
        [30, 20, 1],
        [50, 5, 2],
        [60, 0, 0],
      ],
    ]);
    assert.deepEqual([flipped.data.dtype, flipped.mirror], ['int64', [1, 0, 2]]);
    assert.deepEqual(new v2.Pad(2)(points).data.toArray(), [
      [
        [12, 7, 2],
        [32, 22, 1],
        [2, 2, 0],
      ],
    ]);
    assert.throws(() => new Keypoints(data, [40, 60], { mirror: [0, 0, 1] }), /each number of a point once/);
  });
});

it('all names of torchvision’s v2 are there', () => {
  const names = `AugMix AutoAugment AutoAugmentPolicy CenterCrop ClampBoundingBox ColorJitter Compose ConvertBoundingBoxFormat
    ConvertDtype ConvertImageDtype ElasticTransform FiveCrop GaussianBlur Grayscale Identity InterpolationMode Lambda
    LinearTransformation Normalize PILToTensor Pad RandAugment RandomAdjustSharpness RandomAffine RandomApply
    RandomAutocontrast RandomChoice RandomCrop RandomEqualize RandomErasing RandomGrayscale RandomHorizontalFlip
    RandomInvert RandomIoUCrop RandomOrder RandomPerspective RandomPhotometricDistort RandomPosterize RandomResize
    RandomResizedCrop RandomRotation RandomShortestSize RandomSolarize RandomVerticalFlip RandomZoomOut Resize
    SanitizeBoundingBox ScaleJitter TenCrop ToDtype ToImagePIL ToImageTensor ToPILImage ToTensor Transform
    TrivialAugmentWide UniformTemporalSubsample`;
  assert.deepEqual(
    names.split(/\s+/).filter((name) => !(name in v2)),
    [],
  );
});

describe('samples', () => {
  const flip = new v2.RandomHorizontalFlip(1);

  scoped('may be tensors, arrays, several arguments or nested objects', () => {
    const picture = image(1, 3, 4, 5);
    const mirrored = sha1(images.functional.hflip(picture));
    assert.equal(sha1(flip(picture)), mirrored);
    const [first, label] = flip(picture, 3);
    assert.deepEqual([sha1(first), label], [mirrored, 3]);
    const nested = flip({ a: [new Image(picture), { b: null }], c: new Set([1]) });
    assert.ok(nested.a[0] instanceof Image && sha1(nested.a[0].data) === mirrored);
    assert.deepEqual([nested.a[1], nested.c], [{ b: null }, new Set([1])]);
  });

  scoped('only the first plain tensor is an image, and none beside an Image or Video', () => {
    const [picture, other] = [image(1, 3, 4, 5), image(2, 3, 4, 5)];
    const [a, b] = flip([picture, other]);
    assert.deepEqual([sha1(a as Tensor), b], [sha1(images.functional.hflip(picture)), other]);
    const beside = flip({ other, picture: new Image(picture) });
    assert.equal(beside.other, other);
    assert.notEqual(beside.picture.data, picture);
    const video = flip({ video: new Video(image(3, 2, 3, 4, 5)), other });
    assert.deepEqual([video.other, video.video.data.shape], [other, [2, 3, 4, 5]]);
  });

  scoped('must have one size', () => {
    const crop = new v2.RandomCrop(3);
    assert.throws(() => crop([new Image(image(1, 3, 4, 5)), new Mask(zeros([1, 5, 5]))]), /one size.*4×5 and 5×5/);
    assert.throws(() => crop({ label: 3 }), /an image, a video, a mask or boxes/);
    assert.throws(() => crop(new Image(image(1, 3, 2, 5))), /larger than the sample of 2×5/);
  });

  scoped('with several pictures get the same random colours', () => {
    const picture = image(1, 3, 8, 9);
    for (const transform of [
      new v2.ColorJitter({ brightness: 0.5, hue: 0.2 }),
      new v2.RandomPhotometricDistort({ p: 1 }),
      new v2.TrivialAugmentWide(),
    ]) {
      manualSeed(4);
      const [left, right, mask] = transform([
        new Image(picture),
        new Image(picture),
        new Mask(zeros([1, 8, 9])),
      ] as const);
      assert.equal(sha1(left.data), sha1(right.data), String(transform));
      assert.deepEqual(values(mask.data), new Array(72).fill(0));
    }
  });

  scoped('that are videos are changed frame by frame', () => {
    const transforms = [
      new v2.Resize(9),
      new v2.RandomRotation(30),
      new v2.RandomAffine(20, { shear: 5 }),
      new v2.RandomPerspective({ p: 1 }),
      new v2.ElasticTransform({ sigma: 1.5 }),
      new v2.ColorJitter({ brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 }),
      new v2.RandomEqualize(1),
      new v2.RandomAdjustSharpness(2, 1),
      new v2.GaussianBlur(3),
      new v2.RandomErasing({ p: 1 }),
      new v2.RandAugment(),
    ];
    const clip = image(9, 4, 3, 14, 18);
    for (const transform of transforms) {
      const seeded = <T>(part: T): T => {
        manualSeed(3);
        return transform(part);
      };
      const { data } = seeded(new Video(clip));
      for (const i of [0, 3])
        assert.equal(sha1(data.select(0, i)), sha1(seeded(new Image(clip.select(0, i))).data), String(transform));
    }
  });

  scoped('draw as the transforms of images do', () => {
    const picture = image(5, 3, 20, 24);
    const pairs: [(x: Tensor) => Tensor, v2.Transform][] = [
      [new images.RandomHorizontalFlip(), new v2.RandomHorizontalFlip()],
      [new images.RandomResizedCrop(9), new v2.RandomResizedCrop(9)],
      [new images.RandomCrop(10, { padding: 2 }), new v2.RandomCrop(10, { padding: 2 })],
      [new images.RandomRotation(30), new v2.RandomRotation(30)],
      [
        new images.RandomAffine(20, { translate: [0.1, 0.2], scale: [0.8, 1.2], shear: 5 }),
        new v2.RandomAffine(20, { translate: [0.1, 0.2], scale: [0.8, 1.2], shear: 5 }),
      ],
      [new images.RandomPerspective({ p: 0.8 }), new v2.RandomPerspective({ p: 0.8 })],
      [new images.ElasticTransform({ sigma: 2 }), new v2.ElasticTransform({ sigma: 2 })],
      [new images.RandomErasing({ value: 'random' }), new v2.RandomErasing({ value: 'random' })],
      [new images.RandAugment(), new v2.RandAugment()],
      [new images.RandomPosterize(3), new v2.RandomPosterize(3)],
    ];
    for (const [plain, joint] of pairs)
      for (let seed = 0; seed < 3; seed++) {
        manualSeed(seed);
        const expected = [sha1(plain(picture)), rand([1]).item()];
        manualSeed(seed);
        assert.deepEqual([sha1(joint(picture)), rand([1]).item()], expected, String(joint));
      }
  });

  scoped('get a filling for each kind', () => {
    const padded = new v2.Pad(1, { fill: { image: [1, 2, 3], mask: 255 } })({
      image: new Image(zeros([3, 1, 1])),
      mask: new Mask(zeros([1, 1])),
    });
    assert.deepEqual(
      [values(padded.image.data.select(1, 0).select(1, 0)), padded.mask.data.toArray()],
      [
        [1, 2, 3],
        [
          [255, 255, 255],
          [255, 0, 255],
          [255, 255, 255],
        ],
      ],
    );
    const turned = new v2.RandomRotation([45, 45], { fill: { mask: 9 } })({
      image: new Image(ones([1, 5, 5])),
      mask: new Mask(ones([1, 5, 5])),
    });
    assert.equal(turned.image.data.select(1, 0).select(1, 0).item(), 0);
    assert.equal(turned.mask.data.select(1, 0).select(1, 0).item(), 9);
  });
});

describe('detectors', () => {
  const crowd = () => ({
    image: new Image(image(3, 3, 40, 60)),
    target: {
      boxes: new BoundingBox(
        tensor([
          [0, 0, 10, 10],
          [20, 20, 20.5, 30],
          [50, 30, 70, 39],
          [5, 5, 30, 30],
        ]),
        'XYXY',
        [40, 60],
      ),
      masks: new Mask(arange(4).view([4, 1, 1]).expand([4, 40, 60])),
      labels: tensor([1, 2, 3, 4]),
      names: new Label(tensor([10, 20, 30, 40])),
      area: tensor([5, 6, 7, 8]),
      ids: tensor([1, 2, 3, 4]),
    },
    extra: new Mask(zeros([40, 60])),
  });

  scoped('SanitizeBoundingBox removes unsound boxes with all that belongs to them', () => {
    const { target, extra } = new v2.SanitizeBoundingBox()(crowd());
    assert.deepEqual(target.boxes.data.toArray(), [
      [0, 0, 10, 10],
      [5, 5, 30, 30],
    ]);
    assert.deepEqual(
      [values(target.labels), values(target.names.data), values(target.masks.data.select(1, 0).select(1, 0))],
      [
        [1, 4],
        [10, 40],
        [0, 3],
      ],
    );
    assert.deepEqual(
      [values(target.area), values(target.ids), extra.data.shape],
      [
        [5, 8],
        [1, 2, 3, 4],
        [40, 60],
      ],
    );
    const large = new v2.SanitizeBoundingBox({
      minSize: 15,
      labelsGetter: (s) => (s as ReturnType<typeof crowd>).target.ids,
    })(crowd());
    assert.deepEqual([values(large.target.ids), values(large.target.labels)], [[4], [1, 2, 3, 4]]);
    assert.throws(() => new v2.SanitizeBoundingBox({ minSize: 0 }), /at least 1/);
  });

  scoped('RandomIoUCrop keeps at least one box, and empties those that it leaves out', () => {
    const crop = new v2.RandomIoUCrop({ samplerOptions: [0.3] });
    for (let seed = 0; seed < 8; seed++) {
      manualSeed(seed);
      const made = new v2.Compose([crop, new v2.SanitizeBoundingBox()])(crowd()) as ReturnType<typeof crowd>;
      const [, height, width] = made.image.data.shape;
      assert.ok((height ?? 0) < 40 || (width ?? 0) < 60);
      assert.deepEqual(made.target.boxes.spatialSize, [height, width]);
      assert.equal(made.target.labels.size(0), made.target.boxes.data.size(0));
    }
    const whole = crowd();
    assert.equal(new v2.RandomIoUCrop({ samplerOptions: [1] })(whole).image, whole.image);
    assert.throws(() => crop(new Image(image(1, 3, 8, 8))), /a sample with boxes/);
  });

  scoped('FixedSizeCrop crops and pads to one size, without the boxes that are left out', () => {
    for (const size of [
      [32, 32],
      [64, 80],
      [30, 70],
    ] as const) {
      manualSeed(2);
      const made = new v2.FixedSizeCrop(size, { fill: { image: 9 } })(crowd());
      assert.deepEqual(made.image.data.shape, [3, ...size]);
      assert.deepEqual(made.target.boxes.spatialSize, size);
      assert.equal(made.target.boxes.data.size(0), made.target.masks.data.size(0));
      assert.equal(made.target.boxes.data.size(0), made.target.names.data.size(0));
    }
  });

  scoped('copy-paste puts the neighbour’s objects over one’s own', () => {
    const target = (x: number, label: number) => {
      const mask = zeros([1, 10, 10], { dtype: 'uint8' });
      mask.narrow(1, 2, 4).narrow(2, x, 4).fill_(1);
      return {
        boxes: new BoundingBox(tensor([[x, 2, x + 4, 6]], { dtype: 'float32' }), 'XYXY', [10, 10]),
        masks: new Mask(mask),
        labels: tensor([label]),
        id: label,
      };
    };
    const pictures = [
      new Image(full([3, 10, 10], 50, { dtype: 'uint8' })),
      new Image(full([3, 10, 10], 200, { dtype: 'uint8' })),
    ];
    const paste = new v2.SimpleCopyPaste<ReturnType<typeof target>>({ blending: false });
    const [made, targets] = paste(pictures, [target(1, 5), target(3, 6)]);
    assert.deepEqual(targets[0]?.labels.toArray(), [5, 6]);
    // What is left of the own object, and the pasted one.
    assert.deepEqual(targets[0]?.boxes.data.toArray(), [
      [1, 2, 3, 6],
      [3, 2, 7, 6],
    ]);
    assert.deepEqual(targets[1]?.boxes.data.toArray(), [
      [5, 2, 7, 6],
      [1, 2, 5, 6],
    ]);
    assert.deepEqual(
      values(made[0]?.data.select(0, 0).select(0, 3) as Tensor),
      [50, 50, 50, 200, 200, 200, 200, 50, 50, 50],
    );
    assert.deepEqual([targets[0]?.id, targets[0]?.masks.data.shape], [5, [2, 10, 10]]);
    assert.throws(() => paste(pictures, []), /2 targets/);
  });
});

describe('batches', () => {
  for (const [Joint, Plain] of [
    [v2.MixUp, images.RandomMixup],
    [v2.CutMix, images.RandomCutmix],
  ] as const)
    scoped(`${Joint.name} mixes as ${Plain.name} does`, () => {
      const [batch, labels] = [floats(13, 3, 1, 4, 5), tensor([0, 2, 1])];
      manualSeed(3);
      // Its draw for the probability.
      rand([1]);
      const [mixed, shares] = new Joint({ numClasses: 3 })(batch, labels);
      manualSeed(3);
      const [wantedImages, wantedShares] = new Plain(3, { p: 1 })(batch, labels);
      assert.deepEqual([sha1(mixed), sha1(shares)], [sha1(wantedImages), sha1(wantedShares)]);
      const nested = new Joint({ numClasses: 3 })({ x: new Image(batch), target: { label: new Label(labels) } });
      assert.ok((nested.target.label as unknown) instanceof OneHotLabel);
      assert.equal(sha1(batch), sha1(floats(13, 3, 1, 4, 5)));
      assert.throws(() => new Joint({ numClasses: 3 })(new Image(batch)), /no labels/);
    });
});

describe('composition', () => {
  scoped('a training pipeline of a detector gives float images and sound boxes', () => {
    const train = new v2.Compose([
      new v2.RandomPhotometricDistort(),
      new v2.RandomZoomOut({ fill: { image: [123, 117, 104] } }),
      new v2.RandomIoUCrop(),
      new v2.RandomHorizontalFlip(),
      new v2.Resize([32, 32]),
      new v2.SanitizeBoundingBox(),
      new v2.ConvertDtype(),
      new v2.ToPureTensor(),
    ]);
    for (let seed = 0; seed < 10; seed++) {
      manualSeed(seed);
      const made = train(sample()) as unknown as { image: Tensor; target: { boxes: Tensor; labels: Tensor } };
      assert.deepEqual([made.image.dtype, made.image.shape], ['float32', [3, 32, 32]]);
      assert.equal(made.target.boxes.size(0), made.target.labels.size(0));
      assert.ok(values(made.target.boxes).every((value) => value >= 0 && value <= 32));
    }
  });

  scoped('choice, order, probability and functions', () => {
    const plus = (n: number) => new v2.Lambda((x) => (x as Tensor).mul(10).add(n));
    manualSeed(1);
    assert.ok([12, 21].includes(Number(new v2.RandomOrder([plus(1), plus(2)])(zeros([1])).item())));
    assert.equal(new v2.RandomChoice([plus(1), plus(2)], { p: [0, 1] })(zeros([1])).item(), 2);
    assert.equal(new v2.RandomApply([plus(1)], 0)(zeros([1])).item(), 0);
    assert.equal(new v2.RandomApply([plus(1)], 1)(zeros([1])).item(), 1);
    const onlyMasks = new v2.Lambda((operand) => (operand as Mask).with((operand as Mask).data.add(1)), 'mask');
    const made = onlyMasks({ image: new Image(zeros([1, 1, 1])), mask: new Mask(zeros([1, 1])) });
    assert.deepEqual([values(made.image.data), values(made.mask.data)], [[0], [1]]);
    const unchanged = sample();
    assert.equal(new v2.Identity()(unchanged).image, unchanged.image);
    assert.match(
      String(new v2.Compose([new v2.Resize(8), new v2.ColorJitter({ hue: 0.1 })])),
      /^Compose\(\[\n {2}Resize\(size=8.*\n {2}ColorJitter\(/,
    );
    assert.throws(() => new v2.Compose([]), /at least one transform/);
  });

  scoped('types', () => {
    const { image: picture, target } = new v2.ToDtype({ image: 'float32', mask: 'bool' })(sample());
    assert.deepEqual(
      [picture.data.dtype, target.masks.data.dtype, target.boxes.data.dtype, picture.data.max().item()],
      ['float32', 'bool', 'float32', 255],
    );
    const decoded = { data: Uint8Array.of(1, 2, 3), height: 1, width: 1, channels: 3 };
    const [wrapped, box] = new v2.ToImageTensor()([decoded, target.boxes]) as unknown as [Image, BoundingBox];
    assert.deepEqual([wrapped.data.flatten().toArray(), box], [[1, 2, 3], target.boxes]);
    assert.deepEqual(new v2.ToPILImage()(wrapped), decoded);
    assert.deepEqual((new v2.PILToTensor()({ a: decoded }).a as unknown as Tensor).shape, [3, 1, 1]);
    assert.deepEqual(new v2.ToTensor()(new Image(full([1, 1, 1], 255, { dtype: 'uint8' }))).data.toArray(), [[[1]]]);
    const clip = new Video(
      fromTypedArray(
        Uint8Array.from({ length: 12 }, (_, i) => i),
        [6, 1, 1, 2],
      ),
    );
    assert.deepEqual(values(new v2.UniformTemporalSubsample(3)({ clip, id: 1 }).clip.data), [0, 1, 4, 5, 10, 11]);
    const crops = new v2.FiveCrop(2)(new Image(image(1, 3, 6, 6))) as unknown as Image[];
    assert.deepEqual(
      crops.map((crop) => crop.data.shape),
      new Array(5).fill([3, 2, 2]),
    );
  });

  scoped('ToDatapoints makes them of what data sets give', () => {
    const picture = image(1, 3, 12, 16);
    const target = {
      boxes: tensor([[1, 2, 3, 4]]),
      masks: zeros([1, 12, 16]),
      keypoints: zeros([1, 2, 3]),
      labels: tensor([5]),
      area: tensor([4]),
      size: [12, 16],
    };
    const [wrapped, made] = new v2.ToDatapoints({ mirror: [1, 0] })(picture, target) as unknown as [
      Image,
      { boxes: BoundingBox; masks: Mask; keypoints: Keypoints; labels: Label; area: Tensor; size: number[] },
    ];
    assert.ok(wrapped instanceof Image && made.masks instanceof Mask && made.labels instanceof Label);
    assert.deepEqual([made.boxes.format, made.boxes.spatialSize, made.keypoints.mirror], ['XYXY', [12, 16], [1, 0]]);
    assert.deepEqual([made.area, made.size], [target.area, [12, 16]]);
    const [, mask] = new v2.ToDatapoints()(picture, zeros([1, 12, 16])) as unknown as [Image, Mask];
    assert.ok(mask instanceof Mask);
    const [plain, boxes] = new v2.ToPureTensor()([wrapped, made.boxes]) as unknown as [Tensor, Tensor];
    assert.deepEqual([plain, boxes], [picture, target.boxes]);
    assert.throws(() => new v2.ToDatapoints()({ id: 1 }), /an image tensor/);
  });

  it('datapoints say what they are, and refuse what they are not', () => {
    scope(() => {
      assert.equal(String(sample().target.boxes), 'BoundingBox(float32 [1, 4], format=XYXY, spatialSize=40×60)');
      assert.throws(() => new Image(zeros([3, 4])), /\[…, channels, height, width\]/);
      assert.throws(() => new Video(zeros([3, 4, 5])), /time/);
      assert.throws(() => new BoundingBox(zeros([3]), 'XYXY', [4, 5]), /\[…, 4\]/);
      assert.throws(() => new BoundingBox(zeros([3, 4]), 'XYXY', [4.5, 5]), /\[height, width\]/);
      assert.throws(() => new OneHotLabel(zeros([3]), ['a']), /3 names/);
    });
  });
});
