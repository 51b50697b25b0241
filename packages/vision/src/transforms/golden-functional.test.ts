/** @file The functions of `transforms.functional` give what torchvision's give, for tensors and for Pillow images. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { expectNoLeaks, scope, type Tensor } from '@edgeai/torch';
import * as F from './functional/index.ts';
import { resizedSize } from './size.ts';
import { differenceFrom, floats, type RecordedCase, recorded, recordedInput, units } from './testing.ts';
import { LinearTransformation, PILToTensor, ToPILImage } from './values.ts';

const cases = recorded('functional');

/** Where the recorded outcome is not ours, and why. */
const EXCEPTIONS: Record<number, string> = {
  239: 'v1 refuses a fill a channel for tensors; here it is allowed, as in v2 and for Pillow images',
  440: 'the coefficients come from a least-squares solver of another LAPACK: up to 4e-6 apart',
};

type Call = (image: Tensor, args: RecordedCase['args'], backend: F.Backend) => Tensor | Tensor[];

const converted: Call = (image, { mode }) => F.convertMode(image, mode);
const scaled: Call = (image, { mode }) => F.toTensor(F.convertMode(image, mode));
const displacement = () => units(2000020, 1, 13, 17, 2).mul(0.2);

const CALLS: Record<string, Call> = {
  resize: (image, { size, max_size: maxSize, interpolation, antialias }, backend) =>
    F.resize(image, size, { maxSize: maxSize ?? undefined, interpolation, antialias, backend }),
  resized_crop: (image, { top, left, height, width, size, interpolation, antialias }, backend) =>
    F.resizedCrop(image, top, left, height, width, size, { interpolation, antialias, backend }),
  pad: (image, { padding, fill, padding_mode: paddingMode }) => F.pad(image, padding, { fill, paddingMode }),
  center_crop: (image, { output_size: size }) => F.centerCrop(image, size),
  crop: (image, { top, left, height, width }) => F.crop(image, top, left, height, width),
  five_crop: (image, { size }) => F.fiveCrop(image, size),
  ten_crop: (image, { size, vertical_flip: verticalFlip }) => F.tenCrop(image, size, verticalFlip),
  hflip: (image) => F.hflip(image),
  vflip: (image) => F.vflip(image),
  affine: (image, { angle, translate, scale, shear, ...options }, backend) =>
    F.affine(image, angle, translate, scale, shear, { ...options, backend }),
  rotate: (image, { angle, center, ...options }, backend) =>
    F.rotate(image, angle, { ...options, center: center ?? undefined, backend }),
  perspective: (image, { startpoints, endpoints, ...options }, backend) =>
    F.perspective(image, startpoints, endpoints, { ...options, backend }),
  elastic_transform: (image, { interpolation, fill }) =>
    F.elasticTransform(image, displacement(), { interpolation, fill }),
  adjust_brightness: (image, args, backend) => F.adjustBrightness(image, args.brightness_factor, { backend }),
  adjust_contrast: (image, args, backend) => F.adjustContrast(image, args.contrast_factor, { backend }),
  adjust_saturation: (image, args, backend) => F.adjustSaturation(image, args.saturation_factor, { backend }),
  adjust_hue: (image, args, backend) => F.adjustHue(image, args.hue_factor, { backend }),
  adjust_gamma: (image, { gamma, gain }, backend) => F.adjustGamma(image, gamma, gain, { backend }),
  adjust_sharpness: (image, args, backend) => F.adjustSharpness(image, args.sharpness_factor, { backend }),
  gaussian_blur: (image, { kernel_size: kernelSize, sigma }) => F.gaussianBlur(image, kernelSize, sigma ?? undefined),
  invert: (image) => F.invert(image),
  posterize: (image, { bits }) => F.posterize(image, bits),
  solarize: (image, { threshold }) => F.solarize(image, threshold),
  autocontrast: (image, _, backend) => F.autocontrast(image, { backend }),
  equalize: (image) => F.equalize(image),
  rgb_to_grayscale: (image, args, backend) => F.rgbToGrayscale(image, args.num_output_channels, { backend }),
  erase: (image, { i, j, h, w, v }) => F.erase(image, i, j, h, w, recordedInput(v)),
  normalize: (image, { mean, std }) => F.normalize(image, mean, std),
  convert_image_dtype: (image, { dtype }) => F.convertImageDtype(image, dtype),
  to_tensor: (image) => F.toTensor(image),
  'to_pil_image(float)->pil_to_tensor': (image) => new PILToTensor()(new ToPILImage('RGB')(image)),
  LinearTransformation: () => {
    const whiten = new LinearTransformation(units(2000030, 12, 12), floats(2000031, 12));
    const result = whiten(floats(2000032, 3, 2, 2));
    for (const buffer of whiten.buffers()) buffer.dispose();
    return result;
  },
};

function callOf(op: string): Call {
  if (op.startsWith('convert(')) return op.endsWith('->to_tensor') ? scaled : converted;
  const call = CALLS[op];
  assert.ok(call, `no call for ${op}`);
  return call;
}

function check({ id, op, in: [source = ''], args, group, out, error }: RecordedCase): void {
  const backend = group === 'transforms.pil' ? 'pil' : 'tensor';
  const call = callOf(op);
  const name = `${id}: ${op} ${JSON.stringify(args)}`;
  const image = op === 'LinearTransformation' ? floats(0, 1) : recordedInput(source);
  if (error !== undefined) {
    assert.throws(() => call(image, args, backend), { name: 'ArgumentError' }, name);
    return;
  }
  const made = [call(image, args, backend)].flat();
  const expected = [out].flat();
  assert.equal(made.length, expected.length, name);
  for (const [i, one] of made.entries()) {
    const wanted = expected[i];
    assert.ok(wanted);
    assert.equal(differenceFrom(one, wanted, id in EXCEPTIONS ? 1e-5 : 1e-6), undefined, name);
  }
}

for (const group of ['transforms.tensor', 'transforms.pil']) {
  const own = cases.filter((one) => one.group === group);
  const ops = [...new Set(own.map(({ op }) => op))];
  describe(`${group}: ${own.length} recorded calls`, () => {
    for (const op of ops) {
      it(op, () =>
        expectNoLeaks(() => {
          for (const one of own) {
            if (one.op !== op || (one.error !== undefined && one.id in EXCEPTIONS)) continue;
            scope(() => check(one));
          }
        }),
      );
    }
  });
}

const HELPERS: Record<string, (args: RecordedCase['args']) => Tensor | readonly number[]> = {
  _get_inverse_affine_matrix: ({ inverted = true, ...args }) =>
    inverted ? F.inverseAffineMatrix(args) : F.affineMatrix(args),
  _compute_resized_output_size: ({ image_size: [height, width], size, max_size: maxSize }) =>
    resizedSize(height, width, size, maxSize ?? undefined),
  _get_gaussian_kernel1d: ({ kernel_size: kernelSize, sigma }) => F.gaussianKernel1d(kernelSize, sigma),
};

describe('transforms.helper', () => {
  const own = cases.filter(({ group }) => group === 'transforms.helper');
  for (const { id, op, args, out } of own) {
    it(`${id}: ${op}`, () =>
      scope(() => {
        const made = HELPERS[op]?.(args);
        assert.ok(made);
        const values = Array.isArray(made) ? made : ((made as Tensor).toArray() as number[]);
        const expected = (Array.isArray(out) ? out : (out as unknown as { data: number[] }).data) as number[];
        assert.equal(values.length, expected.length);
        for (const [i, value] of values.entries())
          assert.ok(Math.abs(value - (expected[i] ?? Number.NaN)) < 1e-7, `${i}: ${value}, not ${expected[i]}`);
      }));
  }
});
