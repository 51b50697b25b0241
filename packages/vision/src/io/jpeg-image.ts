/** @file A JPEG as an image that is decoded when somebody asks for its pixels. */

import { decodeJpeg } from '@edgeai/torch';
import type { DecodedImage } from './decoded-image.ts';
import { ImageReadError } from './errors.ts';

/** RGB pixels of a complete, plain JPEG; `encoded` serves those who need only some of them. */
export class JpegImage implements DecodedImage {
  readonly encoded: Uint8Array;
  readonly height: number;
  readonly width: number;
  readonly channels = 3;
  readonly #path: string | undefined;
  #data: Uint8Array | undefined;

  /** @param size as `inspectJpeg` gives it @param path what to call the image in errors */
  constructor(encoded: Uint8Array, size: readonly [height: number, width: number], path: string | undefined) {
    this.encoded = encoded;
    [this.height, this.width] = size;
    this.#path = path;
  }

  /** @throws {ImageReadError} for a damaged file */
  get data(): Uint8Array {
    this.#data ??= this.read(() => {
      const decoded = decodeJpeg(this.encoded, true);
      if (decoded === undefined) throw new Error('it does not begin like a JPEG');
      return decoded.data;
    });
    return this.#data;
  }

  /** Runs `fn`, which decodes; its errors name the file. @throws {ImageReadError} */
  read<T>(fn: () => T): T {
    try {
      return fn();
    } catch (error) {
      throw ImageReadError.unreadable(this.#path, (error as Error).message, error);
    }
  }
}
