/**
 * @file Atrous spatial pyramid pooling from depthwise separable convolutions, without the branch of the image's mean.
 *
 * Paper: Chen et al. 2017 (arXiv:1706.05587), in the embedded-friendly form of edgeailite.
 */

import { nn, type Tensor } from '@edgeai/torch';
import { CatBlock } from './blocks.ts';
import { type Activation, ConvDWSepNormAct2d, ConvNormAct2d, type GroupSize, relu } from './conv.ts';

export interface ASPPOptions {
  /** Of the three atrous branches. Default 6, 12, 18. */
  dilation?: readonly number[];
  /** Default `'depthwise'`. */
  groupSize?: GroupSize;
  /** Leaves norm and activation after the spatial convolutions out. Default `false`. */
  linearDw?: boolean;
  /** Default ReLU. */
  activation?: Activation;
}

/** A 1×1 and three atrous branches side by side, dropout, and a 1×1 over all. `(N, inChannels, H, W)` to `(N, outChannels, H, W)`. */
export class DWASPPLiteBlock extends nn.Module {
  readonly conv1x1: ConvNormAct2d;
  readonly aspp_bra1: ConvDWSepNormAct2d;
  readonly aspp_bra2: ConvDWSepNormAct2d;
  readonly aspp_bra3: ConvDWSepNormAct2d;
  readonly cat: CatBlock;
  readonly dropout: nn.Dropout2d;
  readonly aspp_out: ConvNormAct2d;

  /** @param asppChannels width of each branch */
  constructor(inChannels: number, asppChannels: number, outChannels: number, options: ASPPOptions = {}) {
    super();
    const { dilation = [6, 12, 18], groupSize = 'depthwise', linearDw = false, activation = relu } = options;
    const branch = (rate = 1) =>
      new ConvDWSepNormAct2d(inChannels, asppChannels, 3, {
        dilation: rate,
        groupSize,
        norm: [!linearDw, true],
        activation: [linearDw ? null : activation, activation],
      });
    this.conv1x1 = new ConvNormAct2d(inChannels, asppChannels, 1, { activation });
    this.aspp_bra1 = branch(dilation[0]);
    this.aspp_bra2 = branch(dilation[1]);
    this.aspp_bra3 = branch(dilation[2]);
    this.cat = new CatBlock();
    this.dropout = new nn.Dropout2d(0.2);
    this.aspp_out = new ConvNormAct2d(4 * asppChannels, outChannels, 1, { activation });
  }

  forward(x: Tensor): Tensor {
    const branches = [this.conv1x1, this.aspp_bra1, this.aspp_bra2, this.aspp_bra3].map((branch) => branch(x));
    return this.aspp_out(this.dropout(this.cat(branches)));
  }
}
