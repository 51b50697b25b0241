/** @file What all decoders have in common: which stages of the encoder they join, and the prediction at their end. */

import { nn } from '@edgeai/torch';
import { type Activation, ConvDWSepNormAct2d, type GroupSize } from '../../layers/conv.ts';
import { changesChannels, upsampleWith } from '../../layers/resize.ts';
import type { MultiInputEncoder } from './encoder.ts';
import type { ResolvedOptions } from './options.ts';

/** The stages of the encoder that a decoder joins, finest first. */
export interface Shortcuts {
  readonly strides: readonly number[];
  readonly channels: readonly number[];
}

/** What the registered names say about a decoder. */
export interface DecoderDescription {
  readonly shortcuts: Shortcuts;
  /** Channels of the decoder. */
  readonly channels: number;
  /** Channels of the branches of the pyramid pooling. */
  readonly asppChannels: number;
  readonly groupSize: GroupSize;
  readonly activation: Activation;
}

/** What one decoder of a network is made from. */
export interface DecoderContext {
  readonly encoder: MultiInputEncoder;
  readonly description: DecoderDescription;
  readonly options: ResolvedOptions;
  readonly outputChannels: number;
  readonly outputRange: readonly [number, number] | null;
}

/** How an enlargement inside a decoder is made. */
export function enlarge(context: DecoderContext, inputs: number, outputs: number, factor: number): nn.Module {
  const { interpolationType: type, interpolationMode: mode } = context.options;
  return upsampleWith(inputs, outputs, factor, { type, mode });
}

/** The last two layers: a separable convolution to the output's channels, and the enlargement to the size of the output. */
export function predictionHead(context: DecoderContext, inputs: number): { pred: nn.Module; upsample: nn.Module } {
  const { description, options, outputChannels, outputRange } = context;
  const { interpolationType: type, interpolationMode: mode } = options;
  const range = outputRange === null ? null : () => new nn.Hardtanh({ minVal: outputRange[0], maxVal: outputRange[1] });
  const channels = changesChannels(type) ? Math.max(outputChannels, options.predictionChannels ?? 0) : outputChannels;
  const factor = Math.floor((description.shortcuts.strides[0] ?? 1) / options.targetInputRatio);
  const limitAtEnd = type === 'upsample_dwconv' && options.finalUpsample && factor > 1;
  const pred = new ConvDWSepNormAct2d(inputs, channels, 3, {
    groupSize: description.groupSize,
    norm: [!options.linearDw, false],
    activation: [null, limitAtEnd ? null : range],
  });
  const upsample =
    options.finalUpsample && factor > 1
      ? upsampleWith(channels, outputChannels, factor, {
          type,
          mode,
          isFinal: true,
          finalActivation: limitAtEnd ? range : null,
        })
      : new nn.Identity();
  return { pred, upsample };
}
