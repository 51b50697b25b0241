/** @file The two linear layers of a transformer's block, initialised for it. */

import { nn } from '@edgeai/torch';
import { MLP } from '../ops/misc.ts';

/** Linear, GELU, dropout, linear, dropout. `(…, dim)` to `(…, dim)`. */
export class MLPBlock extends MLP {
  constructor(dim: number, mlpDim: number, dropout: number) {
    super(dim, [mlpDim, dim], { activationLayer: () => new nn.GELU(), inplace: null, dropout });
    for (const layer of this.children()) {
      if (!(layer instanceof nn.Linear)) continue;
      nn.init.xavierUniform_(layer.weight);
      if (layer.bias !== null) nn.init.normal_(layer.bias, 0, 1e-6);
    }
  }
}
