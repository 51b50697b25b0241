/** @file A U-Net: coarse maps are enlarged and set beside finer ones (Ronneberger et al. 2015, arXiv:1505.04597). */

import { nn, type Tensor } from '@edgeai/torch';
import { CatBlock } from '../../layers/blocks.ts';
import { ConvDWSepNormAct2d } from '../../layers/conv.ts';
import { type DecoderContext, enlarge } from './decoder.ts';
import { PyramidDecoder } from './pyramid-decoder.ts';
import type { ReceptiveField } from './receptive-field.ts';

/** From the coarsest map to the finest; each step narrows to the channels of the finer one. */
class Expansion extends nn.Module<[readonly Tensor[]]> {
  readonly smooth_convs: nn.ModuleList;
  readonly upsamples: nn.ModuleList;
  readonly cats: nn.ModuleList<CatBlock>;
  readonly outChannels: number;

  /** @param inputs channels of each stage, coarse to fine @param least fewest channels of any step */
  constructor(context: DecoderContext, inputs: readonly number[], least: number) {
    super();
    const { groupSize, activation } = context.description;
    this.smooth_convs = new nn.ModuleList([new nn.Identity()]);
    this.upsamples = new nn.ModuleList([new nn.Identity()]);
    this.cats = new nn.ModuleList([new CatBlock()]);
    let current = inputs[0] ?? 0;
    for (const stage of inputs.slice(1)) {
      const width = Math.max(least, stage);
      this.upsamples.append(enlarge(context, current, current, 2));
      this.cats.append(new CatBlock());
      this.smooth_convs.append(
        new ConvDWSepNormAct2d(current + stage, width, 3, { groupSize, activation: [activation, activation] }),
      );
      current = width;
    }
    this.outChannels = current;
  }

  forward(maps: readonly Tensor[]): Tensor {
    let current = maps[0] as Tensor;
    for (const [i, map] of maps.entries()) {
      if (i > 0) current = this.smooth_convs.at(i)(this.cats.at(i)([this.upsamples.at(i)(current), map]));
    }
    return current;
  }
}

export class UNetDecoder extends PyramidDecoder {
  constructor(context: DecoderContext, receptiveField: ReceptiveField) {
    super(context, receptiveField, 'unet', (channels) => {
      const neck = new Expansion(context, channels, Math.max(2 * context.outputChannels, 32));
      return { neck, outChannels: neck.outChannels };
    });
  }
}
