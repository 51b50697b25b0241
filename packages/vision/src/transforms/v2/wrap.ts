/** @file From the plain tensors that data sets give to datapoints. */

import { ArgumentError, data, Tensor } from '@edgeai/torch';
import { type BoundingBoxFormat, checkFormat } from '../../datapoints/boxes.ts';
import {
  BoundingBox,
  type Datapoint,
  Image,
  Keypoints,
  type KeypointsOptions,
  Label,
  Mask,
  type SpatialSize,
} from '../../datapoints/datapoint.ts';
import { isStructure, leavesOf } from './sample.ts';
import { Transform } from './transform.ts';

export interface ToDatapointsOptions extends KeypointsOptions {
  /** Of the boxes. Default 'XYXY', as the data sets of this package give them. */
  format?: BoundingBoxFormat;
}

type Facts = ToDatapointsOptions & { readonly size: SpatialSize };

/** What the tensors under some keys are. */
const BY_KEY: Record<string, (data: Tensor, facts: Facts) => Datapoint> = {
  boxes: (tensor, { size, format = 'XYXY' }) => new BoundingBox(tensor, format, size),
  masks: (tensor) => new Mask(tensor),
  mask: (tensor) => new Mask(tensor),
  keypoints: (tensor, { size, mirror }) => new Keypoints(tensor, size, { mirror }),
  labels: (tensor) => new Label(tensor),
};

/**
 * Makes datapoints of what data sets give: of the first tensor an `Image`; of tensors under the keys `boxes`, `masks` or `mask`,
 * `keypoints` and `labels` what they are called; of other tensors as high and wide as the image `Mask`s. The first step of a
 * joint pipeline:
 *
 * ```ts
 * new v2.Compose([new v2.ToDatapoints(), new v2.RandomHorizontalFlip(), …, new v2.ToPureTensor()])
 * ```
 */
@data.portable(import.meta.url)
export class ToDatapoints extends Transform {
  readonly options: ToDatapointsOptions;

  constructor(options: ToDatapointsOptions = {}) {
    super();
    if (options.format !== undefined) checkFormat('format', options.format);
    this.options = options;
  }

  protected prepare(): undefined {
    return undefined;
  }

  override forward(...parts: unknown[]): unknown {
    const sample = parts.length === 1 ? parts[0] : parts;
    const leaves = leavesOf(sample);
    const image = leaves.find((leaf) => leaf instanceof Image) ?? leaves.find((leaf) => leaf instanceof Tensor);
    if (image === undefined) throw new ArgumentError('sample', 'Expected a sample with an image tensor');
    const pixels = image instanceof Image ? image.data : image;
    const [height = 0, width = 0] = pixels.shape.slice(-2);
    const facts = { ...this.options, size: [height, width] as const };
    const wrap = (leaf: unknown): unknown => {
      if (!(leaf instanceof Tensor)) return leaf;
      if (leaf === image) return new Image(leaf);
      return leaf.ndim >= 2 && leaf.shape.slice(-2).join() === facts.size.join() ? new Mask(leaf) : leaf;
    };
    return mapNamed(sample, facts, wrap);
  }

  override extraRepr(): string {
    return `format=${this.options.format ?? 'XYXY'}`;
  }
}

/** Changes leaves by the key that they have, others by `wrap`. */
function mapNamed(sample: unknown, facts: Facts, wrap: (leaf: unknown) => unknown): unknown {
  if (Array.isArray(sample)) return sample.map((part) => mapNamed(part, facts, wrap));
  if (!isStructure(sample)) return wrap(sample);
  const entries = Object.entries(sample).map(([key, part]) => {
    const known = Object.hasOwn(BY_KEY, key) ? BY_KEY[key] : undefined;
    return [key, known !== undefined && part instanceof Tensor ? known(part, facts) : mapNamed(part, facts, wrap)];
  });
  return Object.fromEntries(entries);
}
