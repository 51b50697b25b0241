/** @file Transforms that change pixels only: those of images, lifted to samples, and the photometric distortion of detectors. */

import { data, randperm, type Tensor, tensor } from '@edgeai/torch';
import * as auto from '../auto-augment/index.ts';
import { checkProbability } from '../containers.ts';
import type { BackendOptions } from '../functional/backend.ts';
import { adjustBrightness, adjustContrast, adjustHue, adjustSaturation } from '../functional/colour.ts';
import * as images from '../geometry.ts';
import { drawChance, drawUniform, drawUnit } from '../random.ts';
import * as colours from '../random-colour.ts';
import { checkRange, type Range } from '../random-geometry.ts';
import * as values from '../values.ts';
import * as F from './functional/index.ts';
import type { SampleView } from './sample.ts';
import { type Change, type Lifted, lift, onPictures, Transform } from './transform.ts';

/** Lets worker threads make their own objects of an exported class. */
const portable = (name: string) => data.portable(import.meta.url, name);

// Transforms of images as joint transforms; their options are those of the class of the same name in `transforms`.
export const AugMix: Lifted<typeof auto.AugMix> = portable('AugMix')(lift(auto.AugMix));
export const AutoAugment: Lifted<typeof auto.AutoAugment> = portable('AutoAugment')(lift(auto.AutoAugment));
export const ColorJitter: Lifted<typeof colours.ColorJitter> = portable('ColorJitter')(lift(colours.ColorJitter));
export const FiveCrop: Lifted<typeof images.FiveCrop> = portable('FiveCrop')(lift(images.FiveCrop));
export const GaussianBlur: Lifted<typeof colours.GaussianBlur> = portable('GaussianBlur')(lift(colours.GaussianBlur));
export const Grayscale: Lifted<typeof values.Grayscale> = portable('Grayscale')(lift(values.Grayscale));
export const LinearTransformation: Lifted<typeof values.LinearTransformation> = portable('LinearTransformation')(
  lift(values.LinearTransformation),
);
export const Normalize: Lifted<typeof values.Normalize> = portable('Normalize')(lift(values.Normalize));
export const RandAugment: Lifted<typeof auto.RandAugment> = portable('RandAugment')(lift(auto.RandAugment));
export const RandomAdjustSharpness: Lifted<typeof colours.RandomAdjustSharpness> = portable('RandomAdjustSharpness')(
  lift(colours.RandomAdjustSharpness),
);
export const RandomAutocontrast: Lifted<typeof colours.RandomAutocontrast> = portable('RandomAutocontrast')(
  lift(colours.RandomAutocontrast),
);
export const RandomErasing: Lifted<typeof values.RandomErasing> = portable('RandomErasing')(lift(values.RandomErasing));
export const RandomGrayscale: Lifted<typeof colours.RandomGrayscale> = portable('RandomGrayscale')(
  lift(colours.RandomGrayscale),
);
export const RandomInvert: Lifted<typeof colours.RandomInvert> = portable('RandomInvert')(lift(colours.RandomInvert));
export const RandomSolarize: Lifted<typeof colours.RandomSolarize> = portable('RandomSolarize')(
  lift(colours.RandomSolarize),
);
export const TenCrop: Lifted<typeof images.TenCrop> = portable('TenCrop')(lift(images.TenCrop));
export const TrivialAugmentWide: Lifted<typeof auto.TrivialAugmentWide> = portable('TrivialAugmentWide')(
  lift(auto.TrivialAugmentWide),
);

/** Makes histograms flat with probability `p`; unlike the transform of images, of floats too. */
@data.portable(import.meta.url)
export class RandomEqualize extends Transform {
  readonly p: number;

  constructor(p = 0.5) {
    super();
    this.p = checkProbability(p);
  }

  protected prepare(): Change | undefined {
    return drawUnit() < this.p ? F.equalize : undefined;
  }

  override extraRepr(): string {
    return `p=${this.p}`;
  }
}

/** Keeps the highest bits with probability `p`; unlike the transform of images, of floats too. */
@data.portable(import.meta.url)
export class RandomPosterize extends Transform {
  readonly bits: number;
  readonly p: number;

  constructor(bits: number, p = 0.5) {
    super();
    this.bits = new colours.RandomPosterize(bits, p).bits;
    this.p = p;
  }

  protected prepare(): Change | undefined {
    return drawUnit() < this.p ? (operand) => F.posterize(operand, this.bits) : undefined;
  }

  override extraRepr(): string {
    return `bits=${this.bits}, p=${this.p}`;
  }
}

export interface RandomPhotometricDistortOptions extends BackendOptions {
  /** Range of the factor. Default [0.875, 1.125]. */
  brightness?: Range;
  /** Range of the factor. Default [0.5, 1.5]. */
  contrast?: Range;
  /** Range of the factor. Default [0.5, 1.5]. */
  saturation?: Range;
  /** Range of the shift. Default [-0.05, 0.05]. */
  hue?: Range;
  /** Probability of each change. Default 0.5. */
  p?: number;
}

/** Changes brightness, contrast, saturation, hue and the order of channels, each with probability `p`. ("SSD", arXiv 1512.02325) */
@data.portable(import.meta.url)
export class RandomPhotometricDistort extends Transform {
  readonly brightness: Range;
  readonly contrast: Range;
  readonly saturation: Range;
  readonly hue: Range;
  readonly p: number;
  readonly options: BackendOptions;

  constructor(options: RandomPhotometricDistortOptions = {}) {
    super();
    const { brightness, contrast, saturation, hue, p, ...rest } = options;
    this.brightness = checkRange('brightness', brightness ?? [0.875, 1.125]);
    this.contrast = checkRange('contrast', contrast ?? [0.5, 1.5]);
    this.saturation = checkRange('saturation', saturation ?? [0.5, 1.5]);
    this.hue = hue ?? [-0.05, 0.05];
    this.p = checkProbability(p ?? 0.5);
    this.options = rest;
  }

  protected prepare(view: SampleView): Change {
    const { channels } = view;
    const factor = (range: Range) => (drawChance(this.p) ? drawUniform(...range) : undefined);
    const [brightness, contrast, saturation, hue] = [this.brightness, this.contrast, this.saturation, this.hue].map(
      factor,
    );
    const contrastFirst = drawUnit() < 0.5;
    const order = drawChance(this.p) ? (randperm(channels).toArray() as number[]) : undefined;
    const change = (image: Tensor, by: typeof adjustHue, amount: number | undefined) =>
      amount === undefined ? image : by(image, amount, this.options);
    return onPictures((image) => {
      let current = change(image, adjustBrightness, brightness);
      if (contrastFirst) current = change(current, adjustContrast, contrast);
      current = change(current, adjustSaturation, saturation);
      current = change(current, adjustHue, hue);
      if (!contrastFirst) current = change(current, adjustContrast, contrast);
      return order === undefined ? current : current.indexSelect(-3, tensor(order, { device: image.device }));
    }, view);
  }
}
