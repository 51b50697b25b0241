/** @file DeepLabV3+ with separable convolutions: pyramid pooling joined with one fine stage (Chen et al. 2018, arXiv:1802.02611). */

import { nn, type Tensor } from '@edgeai/torch';
import { DWASPPLiteBlock } from '../../layers/aspp.ts';
import { CatBlock } from '../../layers/blocks.ts';
import { ConvNormAct2d } from '../../layers/conv.ts';
import { type DecoderContext, enlarge, predictionHead } from './decoder.ts';
import type { EncoderOutput } from './encoder.ts';

export class DeepLabV3PlusDecoder extends nn.Module<[EncoderOutput]> {
  readonly aspp: DWASPPLiteBlock;
  readonly shortcut: ConvNormAct2d;
  readonly upsample1: nn.Module;
  readonly cat: CatBlock;
  readonly pred: nn.Module;
  readonly upsample2: nn.Module;
  /** Position of the fine stage among the encoder's. */
  readonly fine: number;

  /** @param shortcutOut channels that the fine stage is brought to */
  constructor(context: DecoderContext, shortcutOut: number) {
    super();
    const { encoder, description, options } = context;
    const { strides, channels } = description.shortcuts;
    const [fineStride = 4, coarseStride = 16] = strides;
    const fine = encoder.tap(fineStride, channels[0] ?? 0);
    const { activation, groupSize } = description;
    const { asppDil: dilation, linearDw } = options;
    this.aspp = new DWASPPLiteBlock(channels.at(-1) ?? 0, description.asppChannels, description.channels, {
      dilation,
      groupSize,
      linearDw,
      activation,
    });
    this.shortcut = new ConvNormAct2d(fine.channels, shortcutOut, 1, { activation });
    this.upsample1 = enlarge(context, description.channels, description.channels, coarseStride / fineStride);
    this.cat = new CatBlock();
    const { pred, upsample } = predictionHead(context, description.channels + shortcutOut);
    this.pred = pred;
    this.upsample2 = upsample;
    this.fine = fine.position;
  }

  forward({ features, taps }: EncoderOutput): Tensor {
    const coarse = this.upsample1(this.aspp(features));
    const joined = this.cat([coarse, this.shortcut(taps[this.fine] as Tensor)]);
    return this.upsample2(this.pred(joined));
  }
}
