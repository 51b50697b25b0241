/** @file DropBlock: drops square or cubic regions of feature maps while training (Ghiasi et al., 2018, arXiv:1810.12890). */

import { ArgumentError, nn, scope, type Tensor } from '@edgeai/torch';

export interface DropBlockOptions {
  /** Change the input instead of returning a new tensor. Default `false`. */
  inplace?: boolean;
  /** Keeps the scale finite when everything is dropped. Default 1e-6. */
  eps?: number;
}

export interface DropBlockCallOptions extends DropBlockOptions {
  /** `false` returns the input unchanged. Default `true`. */
  training?: boolean;
}

/**
 * Sets squares of `blockSize` pixels of `(N, C, H, W)` to zero, so that about a share `p` of each map goes, and scales up the rest.
 *
 * @throws {ArgumentError} for a probability outside 0 … 1, a block that is no whole number, or other dimensions
 */
export function dropBlock2d(input: Tensor, p: number, blockSize: number, options: DropBlockCallOptions = {}): Tensor {
  return dropBlocks(2, input, p, blockSize, options);
}

/** The same with cubes of `(N, C, D, H, W)`. */
export function dropBlock3d(input: Tensor, p: number, blockSize: number, options: DropBlockCallOptions = {}): Tensor {
  return dropBlocks(3, input, p, blockSize, options);
}

function dropBlocks(
  dims: 2 | 3,
  input: Tensor,
  p: number,
  blockSize: number,
  { inplace = false, eps = 1e-6, training = true }: DropBlockCallOptions,
): Tensor {
  check(p, blockSize);
  if (input.ndim !== dims + 2) throw ArgumentError.expected('input', `${dims + 2} dimensions`, input.shape);
  if (!training || p === 0) return input;
  return scope(() => {
    const sizes = input.shape.slice(2);
    const block = Math.min(blockSize, ...sizes);
    const centres = sizes.map((size) => size - block + 1);
    const product = (numbers: readonly number[]) => numbers.reduce((total, number) => total * number, 1);
    // So many blocks that, where none overlap, they cover the share p.
    const gamma = (p * product(sizes)) / (block ** dims * product(centres));
    const noise = input.newEmpty([...input.shape.slice(0, 2), ...centres]).bernoulli_(gamma);
    const padded = nn.functional.pad(noise, new Array(2 * dims).fill(block - 1));
    const kept = spread(dims, padded, block).neg().add(1);
    const scale = kept.sum().add(eps).reciprocal().mul(kept.numel());
    return inplace ? input.mul_(kept).mul_(scale) : input.mul(kept).mul(scale);
  });
}

/** Every block whose last corner was drawn, from maps that are larger by a block less one pixel on each side. */
function spread(dims: 2 | 3, drawn: Tensor, block: number): Tensor {
  const kernel = new Array<number>(dims).fill(block);
  const stride = new Array<number>(dims).fill(1);
  return dims === 2 ? nn.functional.maxPool2d(drawn, kernel, stride) : nn.functional.maxPool3d(drawn, kernel, stride);
}

function check(p: number, blockSize: number): void {
  if (!(p >= 0 && p <= 1)) throw ArgumentError.expected('p', 'a probability between 0 and 1', p);
  if (!Number.isInteger(blockSize) || blockSize < 1)
    throw ArgumentError.expected('blockSize', 'a whole number above 0', blockSize);
}

abstract class DropBlock extends nn.Module {
  p: number;
  blockSize: number;
  readonly inplace: boolean;
  readonly eps: number;

  constructor(p: number, blockSize: number, { inplace = false, eps = 1e-6 }: DropBlockOptions = {}) {
    super();
    check(p, blockSize);
    this.p = p;
    this.blockSize = blockSize;
    this.inplace = inplace;
    this.eps = eps;
  }

  override extraRepr(): string {
    return `p=${this.p}, block_size=${this.blockSize}, inplace=${this.inplace ? 'True' : 'False'}`;
  }
}

/** {@link dropBlock2d} as a layer, which goes by `training`. */
export class DropBlock2d extends DropBlock {
  forward(input: Tensor): Tensor {
    const { p, blockSize, inplace, eps, training } = this;
    return dropBlock2d(input, p, blockSize, { inplace, eps, training });
  }
}

/** {@link dropBlock3d} as a layer. */
export class DropBlock3d extends DropBlock {
  forward(input: Tensor): Tensor {
    const { p, blockSize, inplace, eps, training } = this;
    return dropBlock3d(input, p, blockSize, { inplace, eps, training });
  }
}
