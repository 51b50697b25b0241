/** @file A feature pyramid: coarse maps are enlarged and added to finer ones (Lin et al. 2017, arXiv:1612.03144). */

import { nn, type Tensor } from '@edgeai/torch';
import { AddBlock } from '../../layers/blocks.ts';
import { ConvDWSepNormAct2d, ConvNormAct2d } from '../../layers/conv.ts';
import { type DecoderContext, enlarge } from './decoder.ts';
import { PyramidDecoder } from './pyramid-decoder.ts';
import type { ReceptiveField } from './receptive-field.ts';

/** From the coarsest map to the finest; each step smooths the sum and hands it on. */
class FeaturePyramid extends nn.Module<[readonly Tensor[]]> {
  readonly smooth_convs: nn.ModuleList;
  readonly shortcuts: nn.ModuleList;
  readonly upsamples: nn.ModuleList;
  readonly adds: nn.ModuleList<AddBlock>;

  /** @param inputs channels of each stage, coarse to fine */
  constructor(context: DecoderContext, inputs: readonly number[]) {
    super();
    const { channels, groupSize, activation } = context.description;
    // The coarsest stage needs neither; an empty slot keeps the numbers of the others.
    this.smooth_convs = new nn.ModuleList([new nn.Identity()]);
    this.shortcuts = new nn.ModuleList([new nn.Identity()]);
    this.upsamples = new nn.ModuleList([new nn.Identity()]);
    this.adds = new nn.ModuleList([new AddBlock()]);
    for (const stage of inputs.slice(1)) {
      this.shortcuts.append(new ConvNormAct2d(stage, channels, 1, { activation }));
      this.smooth_convs.append(
        new ConvDWSepNormAct2d(channels, channels, 3, { groupSize, activation: [activation, activation] }),
      );
      this.upsamples.append(enlarge(context, channels, channels, 2));
      this.adds.append(new AddBlock());
    }
  }

  forward(maps: readonly Tensor[]): Tensor {
    let current = maps[0] as Tensor;
    for (const [i, map] of maps.entries()) {
      if (i === 0) continue;
      const sum = this.adds.at(i)(this.shortcuts.at(i)(map), this.upsamples.at(i)(current));
      current = this.smooth_convs.at(i)(sum);
    }
    return current;
  }
}

export class FpnDecoder extends PyramidDecoder {
  constructor(context: DecoderContext, receptiveField: ReceptiveField) {
    super(context, receptiveField, 'fpn', (channels) => {
      const neck = new FeaturePyramid(context, channels);
      return { neck, outChannels: context.description.channels };
    });
  }
}
