/** @file Tensors that say what they are: transforms treat an image, a mask and boxes each in its own way. */

import { ArgumentError, data as loading, type Tensor } from '@edgeai/torch';
import type { BoundingBoxFormat } from './boxes.ts';

/** What a datapoint is. */
export type DatapointKind = 'image' | 'video' | 'mask' | 'boundingBox' | 'keypoints' | 'label' | 'oneHotLabel';

/** Height and width of the image that boxes or points lie in. */
export type SpatialSize = readonly [height: number, width: number];

/** A tensor with a meaning. `data` is the tensor; transforms give new datapoints of the same class. */
export abstract class Datapoint {
  abstract readonly kind: DatapointKind;
  readonly data: Tensor;

  constructor(data: Tensor) {
    this.data = data;
  }

  /** The same kind of datapoint, with the same facts, around another tensor. */
  with(data: Tensor): this {
    return new (this.constructor as new (data: Tensor, ...facts: readonly unknown[]) => this)(data, ...this.facts());
  }

  /** What the constructor takes beside the tensor. */
  protected facts(): readonly unknown[] {
    return [];
  }

  /** @internal How a worker thread's datapoint comes to the main thread. */
  [loading.workerSource](): loading.WorkerSource {
    const args = [this.data, ...this.facts()];
    return { module: import.meta.url, name: this.constructor.name, as: 'class', args };
  }

  toString(): string {
    const { dtype, shape } = this.data;
    return `${this.constructor.name}(${dtype} [${shape.join(', ')}]${this.describe()})`;
  }

  /** What `toString` tells beyond the tensor. */
  protected describe(): string {
    return '';
  }
}

/** Pixels […, channels, height, width]. */
export class Image extends Datapoint {
  readonly kind = 'image';

  constructor(data: Tensor) {
    super(data);
    checkDimensions(data, 3, '[…, channels, height, width]');
  }
}

/** Frames […, time, channels, height, width]. */
export class Video extends Datapoint {
  readonly kind = 'video';

  constructor(data: Tensor) {
    super(data);
    checkDimensions(data, 4, '[…, time, channels, height, width]');
  }
}

/** Classes of pixels [height, width], or one mask an object [objects, height, width]. Resampled without mixing values. */
export class Mask extends Datapoint {
  readonly kind = 'mask';

  constructor(data: Tensor) {
    super(data);
    checkDimensions(data, 2, '[…, height, width]');
  }
}

/** Boxes […, 4] around objects, in pixels. */
export class BoundingBox extends Datapoint {
  readonly kind = 'boundingBox';
  readonly format: BoundingBoxFormat;
  readonly spatialSize: SpatialSize;

  /**
   * @param format 'XYXY' (left, top, right, bottom), 'XYWH' (left, top, width, height) or 'CXCYWH' (centre, width, height)
   * @param spatialSize height and width of the image
   */
  constructor(data: Tensor, format: BoundingBoxFormat, spatialSize: SpatialSize) {
    super(data);
    if (data.ndim < 1 || data.shape.at(-1) !== 4)
      throw ArgumentError.expected('data', 'boxes of shape […, 4]', `[${data.shape.join(', ')}]`);
    this.format = format;
    this.spatialSize = checkSize(spatialSize);
  }

  protected override facts(): readonly unknown[] {
    return [this.format, this.spatialSize];
  }

  protected override describe(): string {
    return `, format=${this.format}, spatialSize=${this.spatialSize.join('×')}`;
  }
}

export interface KeypointsOptions {
  /**
   * For points with a left and a right version: which point each becomes when the image is mirrored. For COCO's persons:
   * `[0, 2, 1, 4, 3, …]`.
   */
  mirror?: readonly number[];
}

/** Points […, points, 2 or more] as x, y in pixels; further columns (visibility) stay with their point. */
export class Keypoints extends Datapoint {
  readonly kind = 'keypoints';
  readonly spatialSize: SpatialSize;
  readonly mirror: readonly number[] | undefined;

  constructor(data: Tensor, spatialSize: SpatialSize, options: KeypointsOptions = {}) {
    super(data);
    if (data.ndim < 2 || (data.shape.at(-1) ?? 0) < 2)
      throw ArgumentError.expected('data', 'points of shape […, points, 2 or more]', `[${data.shape.join(', ')}]`);
    this.spatialSize = checkSize(spatialSize);
    const { mirror } = options;
    if (mirror !== undefined && [...mirror].sort((a, b) => a - b).some((point, i) => point !== i))
      throw ArgumentError.expected('mirror', 'each number of a point once', `[${mirror.join(', ')}]`);
    if (mirror !== undefined && mirror.length !== data.shape.at(-2))
      throw ArgumentError.expected('mirror', `${data.shape.at(-2)} numbers, one a point`, mirror);
    this.mirror = mirror;
  }

  protected override facts(): readonly unknown[] {
    return [this.spatialSize, this.mirror === undefined ? {} : { mirror: this.mirror }];
  }

  protected override describe(): string {
    return `, spatialSize=${this.spatialSize.join('×')}`;
  }
}

/** Class numbers. */
export class Label extends Datapoint {
  readonly kind = 'label';
  /** Names of the classes. */
  readonly categories: readonly string[] | undefined;

  constructor(data: Tensor, categories?: readonly string[]) {
    super(data);
    this.categories = categories;
  }

  protected override facts(): readonly unknown[] {
    return [this.categories];
  }
}

/** Shares of classes […, classes]. */
export class OneHotLabel extends Datapoint {
  readonly kind = 'oneHotLabel';
  /** Names of the classes. */
  readonly categories: readonly string[] | undefined;

  constructor(data: Tensor, categories?: readonly string[]) {
    super(data);
    if (categories !== undefined && categories.length !== data.shape.at(-1))
      throw ArgumentError.expected('categories', `${data.shape.at(-1)} names, one a class`, categories);
    this.categories = categories;
  }

  protected override facts(): readonly unknown[] {
    return [this.categories];
  }
}

function checkDimensions(data: Tensor, least: number, shape: string): void {
  if (data.ndim < least) throw ArgumentError.expected('data', `a tensor ${shape}`, `[${data.shape.join(', ')}]`);
}

function checkSize(size: SpatialSize): SpatialSize {
  if (!Array.isArray(size) || size.length !== 2 || !size.every((side) => Number.isInteger(side) && side >= 0))
    throw ArgumentError.expected('spatialSize', 'two whole numbers, [height, width]', size);
  return size;
}
