/** @file The pixel-to-pixel network: one encoder, one decoder a task. */

import { ArgumentError, nn, type Tensor } from '@edgeai/torch';
import { initialise } from '../../layers/conv.ts';
import type { Backbone } from '../backbone.ts';
import type { DecoderContext, DecoderDescription } from './decoder.ts';
import { MultiInputEncoder } from './encoder.ts';
import { type Pixel2PixelOptions, type ResolvedOptions, resolveOptions } from './options.ts';

/** What a registered name stands for. */
export interface Pixel2PixelDescription {
  /** Makes the backbone. @param strides `undefined` for the network's own */
  readonly backbone: (inputChannels: number, strides: readonly number[] | undefined) => Backbone;
  /** Stages that each of two inputs has to itself. */
  readonly numInputBlocks: number;
  readonly decoder: DecoderDescription;
  readonly makeDecoder: (context: DecoderContext) => nn.AnyModule;
  /** Levels below the encoder that the decoder adds: each halves the resolution once more. */
  readonly extraLevels: number;
}

/** Sees the features between the encoder and its decoders, and gives each decoder its own: where tasks are weighed against each other. */
export type FeatureSplit = (features: Tensor, decoders: number) => readonly Tensor[];

/**
 * One or two images `(N, C, H, W)` to one map a task, `(N, outputChannels[i], H, W)`. In evaluation, tasks of type `'segmentation'`
 * give class indices instead: int64 `(N, 1, H, W)`.
 *
 * Height and width must be multiples of `sizeMultiple`.
 */
export class Pixel2PixelNet extends nn.Module<Tensor[], Tensor[]> {
  declare readonly normalisers?: nn.ModuleList<nn.BatchNorm2d>;
  readonly encoder: MultiInputEncoder;
  readonly decoders: nn.ModuleList<nn.AnyModule>;
  readonly options: ResolvedOptions;
  /** What height and width of inputs must be multiples of. */
  readonly sizeMultiple: number;
  /** Default: all decoders get the same features. */
  splitFeatures: FeatureSplit | null = null;
  /** Give scores of classes in evaluation too, as training and losses need them. Default: what the options say. */
  rawOutputs: boolean;

  /** @throws {ArgumentError} for options that do not go together */
  constructor(description: Pixel2PixelDescription, given: Pixel2PixelOptions = {}) {
    super();
    const options = resolveOptions(given);
    this.options = options;
    this.rawOutputs = options.rawOutputs;
    if (options.normalizeInput)
      this.normalisers = new nn.ModuleList(options.inputChannels.map((channels) => new nn.BatchNorm2d(channels)));
    this.encoder = new MultiInputEncoder(
      (channels) => description.backbone(channels, options.strides),
      options.inputChannels,
      description.numInputBlocks,
    );
    const joint = options.numDecoders < options.outputChannels.length;
    const widths = joint
      ? [options.outputChannels.reduce((sum, channels) => sum + channels, 0)]
      : options.outputChannels;
    this.decoders = new nn.ModuleList(
      widths.map((outputChannels, i) =>
        description.makeDecoder({
          encoder: this.encoder,
          description: description.decoder,
          options,
          outputChannels,
          outputRange: (joint ? null : options.outputRange[i]) ?? null,
        }),
      ),
    );
    this.sizeMultiple = (this.encoder.stages.at(-1)?.stride ?? 1) * 2 ** description.extraLevels;
    initialise(this);
    // A whisker below one, as in the published networks.
    for (const part of [this.encoder, this.decoders]) {
      for (const layer of part.modules())
        if (layer instanceof nn.BatchNorm2d && layer.weight !== null) nn.init.constant_(layer.weight, 1 - 1e-5);
    }
  }

  forward(...inputs: Tensor[]): Tensor[] {
    const { normalisers, options } = this;
    checkInputs(inputs, options.inputChannels, this.sizeMultiple);
    const given = normalisers === undefined ? inputs : inputs.map((input, i) => normalisers.at(i)(input));
    const encoded = this.encoder(...given);
    const frozen = options.freezeEncoder
      ? {
          features: encoded.features.detach(),
          taps: Object.fromEntries(Object.entries(encoded.taps).map(([at, tap]) => [at, tap.detach()])),
        }
      : encoded;
    const count = this.decoders.size;
    const split = this.splitFeatures?.(frozen.features, count);
    const maps = this.decoders.children().map((decoder, i): Tensor => {
      const map = decoder({ ...frozen, features: split?.[i] ?? frozen.features }) as Tensor;
      return options.freezeDecoder ? map.detach() : map;
    });
    const outputs =
      count === options.outputChannels.length ? maps : shareOut(maps[0] as Tensor, options.outputChannels);
    return outputs.map((map, i) =>
      !this.training && !this.rawOutputs && options.outputType[i] === 'segmentation'
        ? map.argmax({ dim: 1, keepdim: true })
        : map,
    );
  }
}

/** Consecutive channels of one map as a map each. */
function shareOut(map: Tensor, outputChannels: readonly number[]): Tensor[] {
  let start = 0;
  return outputChannels.map((channels) => {
    const part = map.narrow(1, start, channels);
    start += channels;
    return part;
  });
}

function checkInputs(inputs: readonly Tensor[], inputChannels: readonly number[], sizeMultiple: number): void {
  if (inputs.length !== inputChannels.length)
    throw ArgumentError.expected('inputs', `${inputChannels.length} images`, inputs.length);
  for (const [i, input] of inputs.entries()) {
    const [, channels = 0, height = 0, width = 0] = input.shape;
    const fits = input.ndim === 4 && channels === inputChannels[i];
    if (!fits || height % sizeMultiple !== 0 || width % sizeMultiple !== 0) {
      throw ArgumentError.expected(
        `inputs[${i}]`,
        `the shape (N, ${inputChannels[i]}, H, W) with H and W multiples of ${sizeMultiple}`,
        input.shape,
      );
    }
  }
}
