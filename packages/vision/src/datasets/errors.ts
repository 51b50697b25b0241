/** @file DatasetError: the files of a data set are missing or not what they should be. */

import { EdgeAIError } from '@edgeai/torch';

/** `path` is the folder or file in question; the message says what was expected there. */
export class DatasetError extends EdgeAIError {
  readonly path: string;

  constructor(
    code: 'DATASET_NOT_FOUND' | 'DATASET_EMPTY' | 'DATASET_INVALID',
    path: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(code, message, options);
    this.path = path;
  }
}
