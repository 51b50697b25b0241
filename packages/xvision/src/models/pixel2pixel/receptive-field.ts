/** @file What stands between the encoder and a pyramid of stages: pyramid pooling, a 1×1 convolution, or two coarser stages more. */

import { nn, type Tensor } from '@edgeai/torch';
import { DWASPPLiteBlock } from '../../layers/aspp.ts';
import { ConvDWSepNormAct2d, ConvNormAct2d } from '../../layers/conv.ts';
import type { DecoderContext } from './decoder.ts';
import type { EncoderOutput } from './encoder.ts';

/** Kind of block. */
export type ReceptiveField = 'aspp' | '1x1' | 'extra-strides';

/** The stages that a decoder goes through, coarse to fine, and their channels. */
export class Stages {
  readonly rfblock: nn.Module;
  /** Channels of each stage, coarse to fine; the first is the block's own. */
  readonly channels: readonly number[];
  readonly #kind: ReceptiveField;
  readonly #positions: readonly number[];

  /** @param extra number of stages at the coarse end of the description that the block itself makes */
  constructor(context: DecoderContext, kind: ReceptiveField) {
    const { encoder, description, options } = context;
    const { strides, channels } = description.shortcuts;
    const extra = kind === 'extra-strides' ? 2 : 0;
    const inputs = channels[channels.length - 1 - extra] ?? 0;
    const taps = strides
      .slice(0, strides.length - 1 - extra)
      .map((stride, i) => encoder.tap(stride, channels[i] ?? 0))
      .reverse();
    const { activation, groupSize } = description;
    if (kind === 'aspp') {
      const { asppDil: dilation, linearDw } = options;
      this.rfblock = new DWASPPLiteBlock(inputs, description.asppChannels, description.channels, {
        dilation,
        groupSize,
        linearDw,
        activation,
      });
    } else if (kind === '1x1') {
      this.rfblock = new ConvNormAct2d(inputs, description.channels, 1, { activation });
    } else {
      const stage = (outputs: number) =>
        new ConvDWSepNormAct2d(inputs, outputs, 3, { stride: 2, groupSize, activation: [activation, activation] });
      this.rfblock = new nn.Sequential(stage(inputs), stage(description.channels));
    }
    this.#kind = kind;
    this.#positions = taps.map((tap) => tap.position);
    const own = kind === 'extra-strides' ? [description.channels, inputs, inputs] : [description.channels];
    this.channels = [...own, ...taps.map((tap) => tap.channels)];
  }

  /** The maps of all stages, coarse to fine. */
  run({ features, taps }: EncoderOutput): Tensor[] {
    const fine = this.#positions.map((position) => taps[position] as Tensor);
    if (this.#kind !== 'extra-strides') return [this.rfblock(features), ...fine];
    const [first, second] = this.rfblock.children() as [nn.Module, nn.Module];
    const middle = first(features);
    return [second(middle), middle, features, ...fine];
  }
}
