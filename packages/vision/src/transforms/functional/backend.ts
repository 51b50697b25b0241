/** @file Whose arithmetic a function of images follows: Pillow's on bytes, or libtorch's on tensors. */

import { ArgumentError, type Tensor } from '@edgeai/torch';

/**
 * Whose arithmetic: 'pil' is Pillow's on 8-bit images, 'tensor' is that of torchvision's functions of tensors. Where both give
 * the same numbers, a function has no such option.
 */
export type Backend = 'pil' | 'tensor';

export interface BackendOptions {
  /**
   * Default: 'pil' for uint8 images on the CPU, since published accuracies were measured with Pillow; 'tensor' for all others.
   */
  backend?: Backend;
}

/** @throws {ArgumentError} for 'pil' and an image that is not uint8 on the CPU */
export function chooseBackend(image: Tensor, backend: Backend | undefined): Backend {
  const bytes = image.dtype === 'uint8' && image.device === 'cpu';
  if (backend === undefined) return bytes ? 'pil' : 'tensor';
  if (backend !== 'pil' && backend !== 'tensor') throw ArgumentError.expected('backend', "'pil' or 'tensor'", backend);
  if (backend === 'pil' && !bytes) {
    throw new ArgumentError(
      'backend',
      `Expected a uint8 image on the CPU for backend 'pil' but received ${image.dtype} on ${image.device}`,
    );
  }
  return backend;
}
