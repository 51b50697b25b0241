/** @file Joint transforms of batches that mix each sample with its neighbour: MixUp, CutMix and copy-paste. */

import { ArgumentError, arange, cat, data, nn, randint, scope, stack, Tensor, tensor, zeros } from '@edgeai/torch';
import { convertFormat } from '../../datapoints/boxes.ts';
import { BoundingBox, Datapoint, type Image, Label, Mask, OneHotLabel } from '../../datapoints/datapoint.ts';
import { gaussianBlur } from '../functional/filter.ts';
import type { ResizeOptions } from '../functional/resize.ts';
import { checkBatch, cutmix, mixTargets, mixup } from '../mix.ts';
import * as F from './functional/index.ts';
import { batchLabels, type LabelsGetter } from './labels.ts';
import { mapLeaves, SampleView } from './sample.ts';
import { Transform } from './transform.ts';

export interface BatchMixOptions {
  /** Number of classes. */
  numClasses: number;
  /** Both parameters of the beta distribution that the share is drawn from. Default 1. */
  alpha?: number;
  /** Finds the class numbers in the batch. Default: under a key such as `labels`, or the last tensor of [images, labels]. */
  labelsGetter?: LabelsGetter;
}

/** Mixes batches: images [batch, channels, height, width] (float), and int64 labels [batch], which become shares of classes. */
abstract class BatchMix extends Transform {
  readonly numClasses: number;
  readonly alpha: number;
  readonly labelsGetter: LabelsGetter;

  constructor(options: BatchMixOptions) {
    super();
    const { numClasses, alpha = 1, labelsGetter = batchLabels } = options;
    if (!Number.isInteger(numClasses) || numClasses < 1)
      throw ArgumentError.expected('numClasses', 'a whole number of at least 1', numClasses);
    if (!(alpha > 0)) throw ArgumentError.expected('alpha', 'a number above 0', alpha);
    this.numClasses = numClasses;
    this.alpha = alpha;
    this.labelsGetter = labelsGetter;
  }

  protected abstract readonly mix: (batch: Tensor, alpha: number) => number;

  protected prepare(): undefined {
    return undefined;
  }

  override forward(...parts: unknown[]): unknown {
    const sample = parts.length === 1 ? parts[0] : parts;
    const labels = this.labelsGetter(sample);
    const indices = labels instanceof Datapoint ? labels.data : labels;
    const picture = new SampleView(sample).pictures.find((leaf) => leaf !== labels);
    if (!(indices instanceof Tensor) || picture === undefined)
      throw new ArgumentError('sample', 'Expected a batch with images and labels');
    const images = picture instanceof Datapoint ? picture.data : picture;
    checkBatch(images, indices);
    const batch = images.clone();
    const lambda = this.mix(batch, this.alpha);
    const shares = mixTargets(indices.oneHot(this.numClasses).to(batch.dtype), lambda);
    return mapLeaves(sample, (leaf) => {
      if (leaf === picture) return picture instanceof Datapoint ? picture.with(batch) : batch;
      if (leaf !== labels) return leaf;
      return leaf instanceof Label ? new OneHotLabel(shares, leaf.categories) : shares;
    });
  }

  override extraRepr(): string {
    return `numClasses=${this.numClasses}, alpha=${this.alpha}`;
  }
}

/** Blends each image with its neighbour. ("mixup: Beyond Empirical Risk Minimization", arXiv 1710.09412) */
@data.portable(import.meta.url)
export class MixUp extends BatchMix {
  protected get mix() {
    return mixup;
  }
}

/** Pastes a rectangle of its neighbour into each image. ("CutMix", arXiv 1905.04899) */
@data.portable(import.meta.url)
export class CutMix extends BatchMix {
  protected get mix() {
    return cutmix;
  }
}

/** What copy-paste needs to know of the objects in an image. */
export interface InstanceTarget {
  readonly boxes: BoundingBox;
  /** [objects, height, width] */
  readonly masks: Mask;
  /** [objects] */
  readonly labels: Label | Tensor;
}

export interface SimpleCopyPasteOptions extends Pick<ResizeOptions, 'interpolation' | 'antialias' | 'backend'> {
  /** Soften the edges of what is pasted. Default true. */
  blending?: boolean;
}

/**
 * Pastes random objects of each sample's neighbour into it, over what is there: boxes, masks and labels follow.
 * ("Simple Copy-Paste is a Strong Data Augmentation Method for Instance Segmentation", arXiv 2012.07177)
 *
 * Takes the images and the targets of a batch as two arrays.
 */
@data.portable(import.meta.url)
export class SimpleCopyPaste<T extends InstanceTarget = InstanceTarget> extends nn.Module<
  [readonly Image[], readonly T[]],
  [Image[], T[]]
> {
  readonly blending: boolean;
  readonly options: Pick<ResizeOptions, 'interpolation' | 'antialias' | 'backend'>;

  constructor(options: SimpleCopyPasteOptions = {}) {
    super();
    const { blending = true, ...rest } = options;
    this.blending = blending;
    this.options = rest;
  }

  forward(images: readonly Image[], targets: readonly T[]): [Image[], T[]] {
    if (images.length !== targets.length || images.length === 0)
      throw ArgumentError.expected('targets', `${images.length} targets, one an image`, targets);
    const pasted = images.map((image, i) => {
      // The one before; of the first, the last.
      const other = (i + images.length - 1) % images.length;
      return this.#paste(image, targets[i] as T, images[other] as Image, targets[other] as T);
    });
    return [pasted.map(([image]) => image), pasted.map(([, target]) => target)];
  }

  #paste(image: Image, target: T, from: Image, source: T): [Image, T] {
    const count = source.masks.data.size(0);
    if (count < 1) return [image, target];
    return scope(() => {
      const chosen = uniqueOf(randint(0, count, [count]).toArray() as number[], image.data.device);
      const size = F.getSpatialSize(image);
      const fit = <D extends Image | Mask | BoundingBox>(part: D) =>
        F.getSpatialSize(part).join() === size.join() ? part : F.resize(part, size, this.options);
      const boxes = fit(source.boxes.with(source.boxes.data.indexSelect(0, chosen)));
      const masks = fit(source.masks.with(source.masks.data.indexSelect(0, chosen))).data;
      const paste = fit(from).data;
      let alpha = masks.sum([0]).gt(0);
      if (this.blending) alpha = gaussianBlur(alpha.to('uint8').unsqueeze(0), 5, 2).squeeze(0).gt(0);
      const free = alpha.logicalNot();
      const mixed = image.data.mul(free).add(paste.mul(alpha));
      const covered = target.masks.data.mul(free.to(target.masks.data.dtype));
      const seen = covered.flatten(1).sum([1]).gt(0).nonzero().flatten();
      const left = covered.indexSelect(0, seen);
      const { format, spatialSize } = target.boxes;
      const ownBoxes = convertFormat(boxesAround(left).to(target.boxes.data.dtype), 'XYXY', format);
      const pastedBoxes = convertFormat(boxes.data, boxes.format, format).to(ownBoxes.dtype);
      const all = {
        boxes: cat([ownBoxes, pastedBoxes]),
        masks: cat([left, masks.to(left.dtype)]),
        labels: cat([dataOf(target.labels).indexSelect(0, seen), dataOf(source.labels).indexSelect(0, chosen)]),
      };
      const corners = convertFormat(all.boxes, format, 'XYXY');
      const valid = corners
        .narrow(1, 2, 2)
        .gt(corners.narrow(1, 0, 2))
        .all(1)
        .nonzero()
        .flatten();
      const labels = all.labels.indexSelect(0, valid);
      const result = {
        ...target,
        boxes: new BoundingBox(all.boxes.indexSelect(0, valid), format, spatialSize),
        masks: new Mask(all.masks.indexSelect(0, valid)),
        labels: target.labels instanceof Label ? target.labels.with(labels) : labels,
      };
      return [image.with(mixed), result];
    });
  }

  override extraRepr(): string {
    return `blending=${this.blending}`;
  }
}

const dataOf = (labels: Label | Tensor): Tensor => (labels instanceof Label ? labels.data : labels);

/** Each number once, ascending, as indices. */
function uniqueOf(numbers: readonly number[], device: Tensor['device']): Tensor {
  return tensor(
    [...new Set(numbers)].sort((a, b) => a - b),
    { dtype: 'int64', device },
  );
}

/** 'XYXY' boxes around the pixels of masks [n, height, width], none of them empty; the far ends lie behind the last pixel. */
function boxesAround(masks: Tensor): Tensor {
  const { device } = masks;
  if (masks.size(0) === 0) return zeros([0, 4], { device });
  const ends = (used: Tensor): [first: Tensor, behind: Tensor] => {
    const length = used.size(1);
    const places = arange(0, length, 1, { device }).expand(used.shape);
    const free = used.logicalNot();
    return [places.maskedFill(free, length).amin(1), places.maskedFill(free, -1).amax(1).add(1)];
  };
  const [x0, x1] = ends(masks.ne(0).any(1));
  const [y0, y1] = ends(masks.ne(0).any(2));
  return stack([x0, y0, x1, y1], 1).to('float32');
}
