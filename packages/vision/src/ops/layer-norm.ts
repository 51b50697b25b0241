/** @file Layer normalisation of feature maps. */

import { nn, type Tensor } from '@edgeai/torch';

/** Normalises over the channels of `(N, C, H, W)`, at each place by itself. */
export class LayerNorm2d extends nn.LayerNorm {
  override forward(input: Tensor): Tensor {
    const channelsLast = input.permute([0, 2, 3, 1]);
    return nn.functional.layerNorm(channelsLast, this.normalizedShape, this).permute([0, 3, 1, 2]);
  }
}
