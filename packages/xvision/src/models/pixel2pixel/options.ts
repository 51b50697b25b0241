/** @file What a pixel-to-pixel network is made from, as its caller says it: inputs, tasks, and how its decoders are built. */

import { ArgumentError } from '@edgeai/torch';
import { INTERPOLATION_TYPES, type InterpolationType } from '../../layers/resize.ts';

/** What a decoder's output means. Only `'segmentation'` changes what the network does: in evaluation it gives class indices. */
export type OutputType = 'segmentation' | 'depth' | 'motion' | 'flow' | 'interest_pt' | 'raw' | (string & {});

/** Lists have one entry a decoder; single values hold for all. */
export interface Pixel2PixelOptions {
  /** Channels of each input; one or two inputs. Default `[3]`. */
  inputChannels?: readonly number[];
  /** Channels of each output: one decoder each. Default `[19]`. */
  outputChannels?: readonly number[];
  /** What each output is. Default `'segmentation'` for all. */
  outputType?: readonly OutputType[];
  /** Limits of each output, `null` for none. Default none. */
  outputRange?: readonly (readonly [number, number] | null)[] | null;
  /** Number of decoders: one for each output, or 1 for a single decoder whose channels are shared out. Default: one for each. */
  numDecoders?: number | null;
  /** Normalises each input by a batch norm of its own. Default `false`. */
  normalizeInput?: boolean;
  /** Bring the output to the size of the input. Default `true`. */
  finalUpsample?: boolean;
  /** How much smaller than the input the output is. Default 1. */
  targetInputRatio?: number;
  /** Least number of channels before the last enlargement, for interpolation types with convolutions. Default: those of the output. */
  predictionChannels?: number | null;
  /** No gradients reach the encoder. Default `false`. */
  freezeEncoder?: boolean;
  /** No gradients reach the decoders. Default `false`. */
  freezeDecoder?: boolean;
  /** Scores of classes in evaluation too, in the place of class indices. Default `false`. */
  rawOutputs?: boolean;
  /** Dilations of the three atrous branches. Default 6, 12, 18. */
  asppDil?: readonly number[];
  /** Spatial convolutions of the decoder without norm and activation. Default `false`. */
  linearDw?: boolean;
  /** Default `'upsample'`. */
  interpolationType?: InterpolationType;
  /** Default `'bilinear'`. */
  interpolationMode?: 'bilinear' | 'nearest';
  /** Of the five places where the encoder halves the resolution. Default: the network's own. */
  strides?: readonly number[];
}

/** The same with every default filled in. */
export type ResolvedOptions = Omit<Required<Pixel2PixelOptions>, 'outputRange' | 'strides' | 'numDecoders'> & {
  readonly outputRange: readonly (readonly [number, number] | null)[];
  readonly numDecoders: number;
  readonly strides: readonly number[] | undefined;
};

function positiveInteger(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) > 0;
}

/** @throws {ArgumentError} for a value out of range, or lists that do not go together */
export function resolveOptions(given: Pixel2PixelOptions): ResolvedOptions {
  const inputChannels = given.inputChannels ?? [3];
  const outputChannels = given.outputChannels ?? [19];
  const outputs = outputChannels.length;
  if (!Array.isArray(inputChannels) || ![1, 2].includes(inputChannels.length) || !inputChannels.every(positiveInteger))
    throw ArgumentError.expected('inputChannels', 'the channels of one or two inputs', inputChannels);
  if (!Array.isArray(outputChannels) || outputs === 0 || !outputChannels.every(positiveInteger))
    throw ArgumentError.expected('outputChannels', 'the channels of each output', outputChannels);
  const outputType = given.outputType ?? outputChannels.map(() => 'segmentation');
  if (
    !Array.isArray(outputType) ||
    outputType.length !== outputs ||
    outputType.some((type) => typeof type !== 'string')
  )
    throw ArgumentError.expected('outputType', `${outputs} names, one an output`, outputType);
  const outputRange = given.outputRange ?? outputChannels.map(() => null);
  if (!Array.isArray(outputRange) || outputRange.length !== outputs)
    throw ArgumentError.expected('outputRange', `${outputs} pairs or nulls, one an output`, outputRange);
  const numDecoders = given.numDecoders ?? outputs;
  if (numDecoders !== outputs && numDecoders !== 1)
    throw ArgumentError.expected('numDecoders', `${outputs}, one an output, or 1 for all`, numDecoders);
  const interpolationType = given.interpolationType ?? 'upsample';
  if (!INTERPOLATION_TYPES.includes(interpolationType))
    throw ArgumentError.expected('interpolationType', `one of ${INTERPOLATION_TYPES.join(', ')}`, interpolationType);
  const asppDil = given.asppDil ?? [6, 12, 18];
  if (!Array.isArray(asppDil) || asppDil.length !== 3 || !asppDil.every(positiveInteger))
    throw ArgumentError.expected('asppDil', 'three dilations', asppDil);
  const targetInputRatio = given.targetInputRatio ?? 1;
  if (!positiveInteger(targetInputRatio))
    throw ArgumentError.expected('targetInputRatio', 'a whole number of at least 1', targetInputRatio);
  return {
    inputChannels,
    outputChannels,
    outputType,
    outputRange,
    numDecoders,
    normalizeInput: given.normalizeInput ?? false,
    finalUpsample: given.finalUpsample ?? true,
    targetInputRatio,
    predictionChannels: given.predictionChannels ?? null,
    freezeEncoder: given.freezeEncoder ?? false,
    freezeDecoder: given.freezeDecoder ?? false,
    rawOutputs: given.rawOutputs ?? false,
    asppDil,
    linearDw: given.linearDw ?? false,
    interpolationType,
    interpolationMode: given.interpolationMode ?? 'bilinear',
    strides: given.strides,
  };
}
