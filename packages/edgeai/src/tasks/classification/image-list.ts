/** @file A data set of image files with their classes, read ahead of their use. */

import { data, scope, type Tensor } from '@edgeai/torch';
import { io, transforms } from '@edgeai/vision';

import type { ClassificationSample } from './mix.ts';

/** An image file and its class. */
export interface LabelledFile {
  readonly path: string;
  readonly label: number;
}

/** Images of a list, as RGB, through a transform. */
@data.portable(import.meta.url)
export class ImageList implements data.Dataset<ClassificationSample> {
  readonly files: readonly LabelledFile[];
  readonly classes: readonly string[];
  readonly #transform: transforms.Transform;

  constructor(files: readonly LabelledFile[], classes: readonly string[], transform: transforms.Transform) {
    this.files = files;
    this.classes = classes;
    this.#transform = transform;
  }

  get length(): number {
    return this.files.length;
  }

  async get(index: number): Promise<ClassificationSample> {
    return this.finish(await this.load(index), index);
  }

  load(index: number): Promise<io.DecodedImage> {
    return io.loadPhoto(this.#file(index).path);
  }

  finish(loaded: unknown, index: number): ClassificationSample {
    const image = scope((): Tensor => transforms.applyToImage(this.#transform, loaded as io.DecodedImage));
    return [image, this.#file(index).label];
  }

  describe(index: number): string {
    return this.#file(index).path;
  }

  #file(index: number): LabelledFile {
    data.checkIndex(index, this.length);
    const file = this.files[index];
    if (file === undefined) throw new Error('internal: a checked index has no file');
    return file;
  }
}
