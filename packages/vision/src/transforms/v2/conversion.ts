/** @file Joint transforms of types and formats. */

import { ArgumentError, type DType, data, type Tensor } from '@edgeai/torch';
import { type BoundingBoxFormat, checkFormat } from '../../datapoints/boxes.ts';
import { BoundingBox, Datapoint, type DatapointKind, Image, Video } from '../../datapoints/datapoint.ts';
import { type DecodedImage, imageToTensor } from '../../io/decoded-image.ts';
import { convertImageDtype, toPilImage } from '../functional/values.ts';
import * as F from './functional/index.ts';
import { isStructure, mapLeaves, type SampleView } from './sample.ts';
import { type Change, onPictures, Transform } from './transform.ts';

/** Converts boxes to another format. */
@data.portable(import.meta.url)
export class ConvertBoundingBoxFormat extends Transform {
  readonly format: BoundingBoxFormat;

  constructor(format: BoundingBoxFormat) {
    super();
    checkFormat('format', format);
    this.format = format;
  }

  protected prepare(): Change {
    return (operand) => (operand instanceof BoundingBox ? F.convertFormatBoundingBox(operand, this.format) : operand);
  }

  override extraRepr(): string {
    return `format=${this.format}`;
  }
}

/** Cuts boxes at the borders of their image. */
@data.portable(import.meta.url)
export class ClampBoundingBox extends Transform {
  protected prepare(): Change {
    return (operand) => (operand instanceof BoundingBox ? F.clampBoundingBox(operand) : operand);
  }
}

/** Converts images and videos to an element type and its range of values: 0 … 1 for floats. Default 'float32'. */
@data.portable(import.meta.url)
export class ConvertDtype extends Transform {
  readonly dtype: DType;

  constructor(dtype: DType = 'float32') {
    super();
    this.dtype = dtype;
  }

  protected prepare(view: SampleView): Change {
    return onPictures((image) => convertImageDtype(image, this.dtype), view);
  }

  override extraRepr(): string {
    return `dtype=${this.dtype}`;
  }
}

/** Converts to an element type and leaves the values as they are: one type for all, or one for each kind of datapoint. */
@data.portable(import.meta.url)
export class ToDtype extends Transform {
  readonly dtype: DType | Partial<Record<DatapointKind, DType>>;

  constructor(dtype: DType | Partial<Record<DatapointKind, DType>>) {
    super();
    this.dtype = dtype;
  }

  protected prepare(): Change {
    return (operand) => {
      const kind = operand instanceof Datapoint ? operand.kind : 'image';
      const dtype = typeof this.dtype === 'string' ? this.dtype : this.dtype[kind];
      if (dtype === undefined) return operand;
      return operand instanceof Datapoint ? operand.with(operand.data.to(dtype)) : operand.to(dtype);
    };
  }
}

/** Decoded images (`io.DecodedImage`) and the sample's plain image as `Image`. */
@data.portable(import.meta.url)
export class ToImageTensor extends Transform {
  override forward(...parts: unknown[]): unknown {
    const sample = parts.length === 1 ? parts[0] : parts;
    return super.forward(mapDecoded(sample, (image) => new Image(imageToTensor(image))));
  }

  protected prepare(): Change {
    return (operand) => (operand instanceof Datapoint ? operand : new Image(operand));
  }
}

/** Decoded images as plain uint8 tensors [channels, height, width]. */
@data.portable(import.meta.url)
export class PILToTensor extends Transform {
  override forward(...parts: unknown[]): unknown {
    return mapDecoded(parts.length === 1 ? parts[0] : parts, imageToTensor);
  }

  protected prepare(): undefined {
    return undefined;
  }
}

function mapDecoded(sample: unknown, make: (image: DecodedImage) => unknown): unknown {
  if (isDecoded(sample)) return make(sample);
  if (Array.isArray(sample)) return sample.map((part) => mapDecoded(part, make));
  if (!isStructure(sample)) return sample;
  return Object.fromEntries(Object.entries(sample).map(([key, value]) => [key, mapDecoded(value, make)]));
}

function isDecoded(value: unknown): value is DecodedImage {
  return isStructure(value) && 'data' in value && value.data instanceof Uint8Array && 'channels' in value;
}

/** Images as decoded images (rows of interleaved bytes, as encoders want them). */
@data.portable(import.meta.url)
export class ToPILImage extends Transform {
  protected prepare(): Change {
    return (operand) => {
      if (operand instanceof Video) throw ArgumentError.expected('sample', 'images', 'a video');
      if (operand instanceof Datapoint) return operand instanceof Image ? toPilImage(operand.data) : operand;
      return toPilImage(operand);
    };
  }
}

/** Datapoints as plain tensors: the last step before a network. */
@data.portable(import.meta.url)
export class ToPureTensor extends Transform {
  override forward(...parts: unknown[]): unknown {
    const sample = parts.length === 1 ? parts[0] : parts;
    return mapLeaves(sample, (leaf) => (leaf instanceof Datapoint ? leaf.data : leaf));
  }

  protected prepare(): undefined {
    return undefined;
  }
}

/** uint8 images to float32 in 0 … 1. */
@data.portable(import.meta.url)
export class ToTensor extends Transform {
  protected prepare(view: SampleView): Change {
    return onPictures((image: Tensor) => (image.dtype === 'uint8' ? convertImageDtype(image, 'float32') : image), view);
  }
}
