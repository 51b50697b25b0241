/** @file Joint transforms for detectors: room around the picture, crops that keep objects, and the removal of unsound boxes. */

import { ArgumentError, data, rand, scope, Tensor } from '@edgeai/torch';
import { convertFormat, iouWith, soundBoxes } from '../../datapoints/boxes.ts';
import { BoundingBox, Datapoint, Keypoints, Label, Mask, OneHotLabel } from '../../datapoints/datapoint.ts';
import { checkProbability } from '../containers.ts';
import type { PadOptions } from '../functional/geometry.ts';
import { drawChance, drawInteger, drawUnit } from '../random.ts';
import { checkRange, type Range } from '../random-geometry.ts';
import { pairOf, type Size } from '../size.ts';
import * as F from './functional/index.ts';
import { padOptions } from './geometry.ts';
import { findLabels, type LabelsGetter } from './labels.ts';
import { isStructure, type SampleView } from './sample.ts';
import { type Change, type FillByKind, Transform } from './transform.ts';

/** `torch.rand(2)`, in float32. */
function drawPair(): [number, number] {
  return scope(() => rand([2]).toArray()) as [number, number];
}

/** int(number · float32 share), as torchvision multiplies. */
const cut = (whole: number, share: number) => Math.trunc(Math.fround(whole * share));

export interface RandomZoomOutOptions {
  /** Of the new pixels. Default 0. */
  fill?: FillByKind;
  /** How many times as long the sides become. Default [1, 4]. */
  sideRange?: Range;
  /** Default 0.5. */
  p?: number;
}

/** Puts the sample somewhere on a larger ground, with probability `p`. ("SSD", arXiv 1512.02325) */
@data.portable(import.meta.url)
export class RandomZoomOut extends Transform {
  readonly sideRange: Range;
  readonly p: number;
  readonly fill: FillByKind;

  constructor(options: RandomZoomOutOptions = {}) {
    super();
    this.sideRange = checkRange('sideRange', options.sideRange ?? [1, 4]);
    if (this.sideRange[0] < 1) throw ArgumentError.expected('sideRange', 'two numbers of at least 1', this.sideRange);
    this.p = checkProbability(options.p ?? 0.5);
    this.fill = options.fill ?? 0;
  }

  protected prepare(view: SampleView): Change | undefined {
    if (!drawChance(this.p)) return undefined;
    const [height, width] = view.size;
    const [least, most] = this.sideRange;
    const factor = scope(() =>
      rand([1])
        .mul(most - least)
        .add(least)
        .item(),
    );
    const [canvasWidth, canvasHeight] = [cut(width, factor), cut(height, factor)];
    const [x, y] = drawPair();
    const [left, top] = [cut(canvasWidth - width, x), cut(canvasHeight - height, y)];
    const padding = [left, top, canvasWidth - left - width, canvasHeight - top - height];
    return (operand) => F.pad(operand, padding, padOptions({ fill: this.fill }, operand));
  }

  override extraRepr(): string {
    return `sideRange=${this.sideRange}, p=${this.p}`;
  }
}

export interface RandomIoUCropOptions {
  /** Least and largest share of the sides. Default 0.3 and 1. */
  minScale?: number;
  maxScale?: number;
  /** Least and largest width over height. Default 0.5 and 2. */
  minAspectRatio?: number;
  maxAspectRatio?: number;
  /** How much of a box must remain: one of these is drawn; 1 and more leave the sample as it is. Default [0, .1, .3, .5, .7, .9, 1]. */
  samplerOptions?: readonly number[];
  /** Crops to try for one drawn option. Default 40. */
  trials?: number;
}

/**
 * A crop that overlaps enough with a box. Boxes whose middle it leaves out become empty: {@link SanitizeBoundingBox} removes them, with
 * their labels and masks. Without boxes in the sample, the sample stays as it is. ("SSD", arXiv 1512.02325)
 */
@data.portable(import.meta.url)
export class RandomIoUCrop extends Transform {
  readonly scale: Range;
  readonly aspectRatio: Range;
  readonly samplerOptions: readonly number[];
  readonly trials: number;

  constructor(options: RandomIoUCropOptions = {}) {
    super();
    this.scale = checkRange('scale', [options.minScale ?? 0.3, options.maxScale ?? 1]);
    this.aspectRatio = checkRange('aspectRatio', [options.minAspectRatio ?? 0.5, options.maxAspectRatio ?? 2]);
    this.samplerOptions = options.samplerOptions ?? [0, 0.1, 0.3, 0.5, 0.7, 0.9, 1];
    this.trials = options.trials ?? 40;
    if (this.samplerOptions.length === 0)
      throw ArgumentError.expected('samplerOptions', 'at least one', this.samplerOptions);
  }

  protected prepare(view: SampleView): Change | undefined {
    const [box] = view.boxes;
    if (box === undefined)
      throw new ArgumentError('sample', 'Expected a sample with boxes, a BoundingBox, for RandomIoUCrop');
    if (box.data.numel() === 0) return undefined;
    const [height, width] = view.size;
    const boxes = convertFormat(box.data, box.format, 'XYXY').reshape([-1, 4]);
    for (;;) {
      const least = this.samplerOptions[drawInteger(0, this.samplerOptions.length)] as number;
      if (least >= 1) return undefined;
      for (let trial = 0; trial < this.trials; trial++) {
        const found = scope(() => this.#tryCrop(boxes, height, width, least));
        if (found === undefined) continue;
        const { region, inside } = found;
        return (operand) => {
          const cropped = F.crop(operand, ...region);
          if (!(cropped instanceof BoundingBox)) return cropped;
          const { data } = cropped;
          return cropped.with(data.mul(inside.view([...data.shape.slice(0, -1), 1]).to(data.dtype)));
        };
      }
    }
  }

  /** Draws a crop. @returns it, and which boxes have their middle in it; undefined where it does not do */
  #tryCrop(
    boxes: Tensor,
    height: number,
    width: number,
    least: number,
  ): { region: [top: number, left: number, height: number, width: number]; inside: Tensor } | undefined {
    const [minScale, maxScale] = this.scale;
    const shares = rand([2])
      .mul(maxScale - minScale)
      .add(minScale)
      .toArray() as [number, number];
    const [w, h] = [cut(width, shares[0]), cut(height, shares[1])];
    const ratio = w / h;
    if (!(ratio >= this.aspectRatio[0] && ratio <= this.aspectRatio[1])) return undefined;
    const [x, y] = drawPair();
    const [left, top] = [cut(width - w, x), cut(height - h, y)];
    const [right, bottom] = [left + w, top + h];
    if (left === right || top === bottom) return undefined;
    const [x0, y0, x1, y1] = boxes.unbind(1) as [Tensor, Tensor, Tensor, Tensor];
    const [cx, cy] = [x0.add(x1).mul(0.5), y0.add(y1).mul(0.5)];
    const inside = [cx.gt(left), cx.lt(right), cy.gt(top), cy.lt(bottom)].reduce((all, one) => all.logicalAnd(one));
    if (!inside.any().item()) return undefined;
    const kept = boxes.indexSelect(0, inside.nonzero().flatten());
    if (Number(iouWith(kept, [left, top, right, bottom]).max().item()) < least) return undefined;
    return { region: [top, left, h, w], inside };
  }

  override extraRepr(): string {
    return `scale=${this.scale}, aspectRatio=${this.aspectRatio}, samplerOptions=[${this.samplerOptions.join(', ')}], trials=${this.trials}`;
  }
}

/** Which of the objects remain, as a bool tensor [objects]; what has one entry an object loses the others. */
function select(data: Tensor, valid: Tensor): Tensor {
  return scope(() => data.indexSelect(0, valid.nonzero().flatten().to(data.device)));
}

export interface FixedSizeCropOptions extends Omit<PadOptions, 'fill'> {
  /** Of the new pixels. Default 0. */
  fill?: FillByKind;
}

/**
 * A crop of exactly the given size: at a random place of a larger sample; a smaller one is padded on the right and below. Boxes that are
 * left out go, with what belongs to them (`Label`, `OneHotLabel`, `Mask`s and `Keypoints` of as many objects). ("Simple Copy-Paste")
 */
@data.portable(import.meta.url)
export class FixedSizeCrop extends Transform {
  readonly size: readonly [number, number];
  readonly options: FixedSizeCropOptions;

  constructor(size: Size, options: FixedSizeCropOptions = {}) {
    super();
    this.size = pairOf(size);
    this.options = options;
  }

  protected prepare(view: SampleView): Change {
    const [height, width] = view.size;
    const [cropHeight, cropWidth] = this.size;
    const [newHeight, newWidth] = [Math.min(height, cropHeight), Math.min(width, cropWidth)];
    const crops = newHeight !== height || newWidth !== width;
    const share = crops ? drawUnit() : 0;
    const region = [cut(height - newHeight, share), cut(width - newWidth, share), newHeight, newWidth] as const;
    const padding = [0, 0, cropWidth - newWidth, cropHeight - newHeight];
    const pads = padding.some((side) => side > 0);
    const [box] = view.boxes;
    const valid =
      crops && box !== undefined
        ? scope(() => {
            const cropped = F.crop(box, ...region);
            return soundBoxes(cropped.data, cropped.format, cropped.spatialSize, Number.MIN_VALUE);
          })
        : undefined;
    return (operand) => {
      const cropped = crops ? F.crop(operand, ...region) : operand;
      const kept = valid === undefined ? cropped : keepObjects(cropped, valid);
      return pads ? F.pad(kept, padding, padOptions(this.options, kept)) : kept;
    };
  }

  override extraRepr(): string {
    return `size=${this.size}`;
  }
}

/** What has one entry an object, without those that are not valid. */
function keepObjects(operand: F.Operand, valid: Tensor): F.Operand {
  const perObject =
    operand instanceof BoundingBox ||
    operand instanceof Label ||
    operand instanceof OneHotLabel ||
    (operand instanceof Mask && operand.data.ndim === 3) ||
    (operand instanceof Keypoints && operand.data.ndim === 3);
  if (!perObject || operand.data.ndim === 0 || operand.data.size(0) !== valid.numel()) return operand;
  return operand.with(select(operand.data, valid));
}

export interface SanitizeOptions {
  /** Least width and height, in pixels. Default 1. */
  minSize?: number;
  /**
   * Finds the labels in the sample. Default: beside the boxes, what is under the key `labels`, or else the first key with `label` in its name.
   * `null` leaves labels alone, apart from `Label` and `OneHotLabel`.
   */
  labelsGetter?: LabelsGetter | null;
}

/**
 * Removes boxes that are too small or reach outside the image, with what belongs to them in the same object of the sample: labels, masks
 * [objects, height, width], key points [objects, points, …], and the tensors `area` and `iscrowd`.
 */
@data.portable(import.meta.url)
export class SanitizeBoundingBox extends Transform {
  readonly minSize: number;
  readonly labelsGetter: LabelsGetter | null | undefined;

  constructor(options: SanitizeOptions = {}) {
    super();
    this.minSize = options.minSize ?? 1;
    if (!(this.minSize >= 1)) throw ArgumentError.expected('minSize', 'a number of at least 1', this.minSize);
    this.labelsGetter = options.labelsGetter;
  }

  override forward(...parts: unknown[]): unknown {
    const sample = parts.length === 1 ? parts[0] : parts;
    return this.#clean(sample, undefined, new Set([this.labelsGetter?.(sample)]));
  }

  protected prepare(): undefined {
    return undefined;
  }

  /**
   * @param valid boxes of the surrounding structure, for what has none of its own
   * @param named plain tensors that have one entry a box
   */
  #clean(sample: unknown, valid: Tensor | undefined, named: ReadonlySet<unknown>): unknown {
    if (!isStructure(sample)) return keep(sample, valid, named);
    const box = Object.values(sample).find((child) => child instanceof BoundingBox);
    const own = box === undefined ? valid : this.#validOf(box);
    const beside = box === undefined ? named : new Set([...named, ...this.#besideBoxes(sample)]);
    const clean = (child: unknown) => this.#clean(child, own, beside);
    if (Array.isArray(sample)) return sample.map(clean);
    return Object.fromEntries(Object.entries(sample).map(([key, child]) => [key, clean(child)]));
  }

  *#besideBoxes(sample: Record<string, unknown> | readonly unknown[]): Generator<unknown> {
    if (this.labelsGetter === undefined) yield findLabels(sample);
    for (const key of PER_OBJECT) yield (sample as Record<string, unknown>)[key];
  }

  #validOf(box: BoundingBox): Tensor {
    if (box.data.ndim !== 2)
      throw ArgumentError.expected('boxes', 'boxes of shape [objects, 4]', `[${box.data.shape.join(', ')}]`);
    return soundBoxes(box.data, box.format, box.spatialSize, this.minSize);
  }

  override extraRepr(): string {
    return `minSize=${this.minSize}`;
  }
}

/** What COCO tells of each object beside its label. */
const PER_OBJECT = ['area', 'iscrowd'] as const;

function keep(leaf: unknown, valid: Tensor | undefined, named: ReadonlySet<unknown>): unknown {
  if (valid === undefined) return leaf;
  if (leaf instanceof Datapoint) return keepObjects(leaf, valid);
  return leaf instanceof Tensor && named.has(leaf) ? select(leaf, valid) : leaf;
}
