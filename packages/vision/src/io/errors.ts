/** @file ImageReadError: a file is missing, or is not an image that can be decoded. */

import { EdgeAIError } from '@edgeai/torch';

/** `code` is `IMAGE_NOT_FOUND` where there is no such file, `UNREADABLE_IMAGE` otherwise. The message begins with the file. */
export class ImageReadError extends EdgeAIError {
  /** The file; undefined for an image that came as bytes. */
  readonly path: string | undefined;

  constructor(
    code: 'IMAGE_NOT_FOUND' | 'UNREADABLE_IMAGE',
    path: string | undefined,
    message: string,
    cause?: unknown,
  ) {
    super(code, message, { cause });
    this.path = path;
  }

  /** The bytes are no image, or a damaged one. */
  static unreadable(path: string | undefined, reason: string, cause?: unknown): ImageReadError {
    return new ImageReadError(
      'UNREADABLE_IMAGE',
      path,
      `${path ?? 'The given data'} is not a readable image: ${reason}`,
      cause,
    );
  }
}
