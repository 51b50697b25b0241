/** @file Addition and concatenation as modules, so that quantisation and feature extraction can name them. */

import { cat, nn, type Tensor } from '@edgeai/torch';

/** The sum of two tensors of one shape. */
export class AddBlock extends nn.Module<[Tensor, Tensor]> {
  forward(left: Tensor, right: Tensor): Tensor {
    return left.add(right);
  }
}

/** Tensors side by side along the channels. */
export class CatBlock extends nn.Module<[readonly Tensor[]]> {
  forward(inputs: readonly Tensor[]): Tensor {
    return cat([...inputs], 1);
  }
}
