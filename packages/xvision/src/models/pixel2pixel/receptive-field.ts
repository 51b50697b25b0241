/** @file What stands between the encoder and a pyramid of stages: pyramid pooling, a 1×1 convolution, or two coarser stages more. */

import { nn, type Tensor } from '@edgeai/torch';
import { DWASPPLiteBlock } from '../../layers/aspp.ts';
import { ConvDWSepNormAct2d, ConvNormAct2d } from '../../layers/conv.ts';
import type { DecoderContext } from './decoder.ts';
import type { EncoderOutput } from './encoder.ts';

/** Kind of block. */
export type ReceptiveField = 'aspp' | '1x1' | 'extra-strides';

/** The stages that a decoder goes through, coarse to fine. */
export interface Stages {
  readonly rfblock: nn.Module;
  /** Channels of each stage; the first is the block's own. */
  readonly channels: readonly number[];
  /** Where the encoder has the finer ones. */
  readonly positions: readonly number[];
}

/** Makes the block, and tells the encoder which stages the decoder will ask for. */
export function makeStages(context: DecoderContext, kind: ReceptiveField): Stages {
  const { encoder, description, options } = context;
  const { strides, channels } = description.shortcuts;
  const extra = kind === 'extra-strides' ? 2 : 0;
  const inputs = channels[channels.length - 1 - extra] ?? 0;
  const taps = strides
    .slice(0, strides.length - 1 - extra)
    .map((stride, i) => encoder.tap(stride, channels[i] ?? 0))
    .reverse();
  const own = kind === 'extra-strides' ? [description.channels, inputs, inputs] : [description.channels];
  return {
    rfblock: makeBlock(context, kind, inputs, options.asppDil),
    channels: [...own, ...taps.map((tap) => tap.channels)],
    positions: taps.map((tap) => tap.position),
  };
}

function makeBlock(
  { description, options }: DecoderContext,
  kind: ReceptiveField,
  inputs: number,
  dilation: readonly number[],
): nn.Module {
  const { activation, groupSize, channels } = description;
  if (kind === '1x1') return new ConvNormAct2d(inputs, channels, 1, { activation });
  if (kind === 'aspp') {
    const { linearDw } = options;
    const settings = { dilation, groupSize, linearDw, activation };
    return new DWASPPLiteBlock(inputs, description.asppChannels, channels, settings);
  }
  const stage = (outputs: number) =>
    new ConvDWSepNormAct2d(inputs, outputs, 3, { stride: 2, groupSize, activation: [activation, activation] });
  return new nn.Sequential(stage(inputs), stage(channels));
}

/** The maps of all stages, coarse to fine. */
export function runStages(
  rfblock: nn.Module,
  kind: ReceptiveField,
  positions: readonly number[],
  { features, taps }: EncoderOutput,
): Tensor[] {
  const fine = positions.map((position) => taps[position] as Tensor);
  if (kind !== 'extra-strides') return [rfblock(features), ...fine];
  const [first, second] = rfblock.children() as [nn.Module, nn.Module];
  const middle = first(features);
  return [second(middle), middle, features, ...fine];
}
