/** @file The encoder: one backbone, or two whose first stages see one input each and are fused. It hands its decoders the stages they ask for. */

import { ArgumentError, cat, nn, releaseIfOwned, type Tensor } from '@edgeai/torch';
import { ConvDWSepNormAct2d } from '../../layers/conv.ts';
import type { Backbone, Tap } from '../backbone.ts';

/** Last features, and the stages that decoders asked for by position. */
export interface EncoderOutput {
  readonly features: Tensor;
  readonly taps: Readonly<Record<number, Tensor>>;
}

interface Stage extends Tap {
  /** Channels that the stage has in one stream. */
  readonly nominal: number;
}

/** One or two images `(N, C, H, W)` to feature maps. Children of `features` are those of the backbone, or one chain a stream. */
export class MultiInputEncoder extends nn.Module<Tensor[], EncoderOutput> {
  readonly features: nn.AnyModule;
  /** What each stage gives, in the order of computation. */
  readonly stages: readonly Stage[];
  // In arrays, so that they are no children of their own; `features` holds them.
  readonly streams: readonly (readonly nn.Module[])[];
  readonly fusion: readonly nn.Module[];
  readonly rest: readonly nn.Module[];
  readonly wanted: Set<number> = new Set();

  /**
   * @param makeBackbone makes the backbone for a number of input channels
   * @param inputChannels one entry an input
   * @param numInputBlocks stages that each input has to itself, where there are two
   */
  constructor(
    makeBackbone: (inputChannels: number) => Backbone,
    inputChannels: readonly number[],
    numInputBlocks: number,
  ) {
    super();
    const [first = 3, ...others] = inputChannels;
    const { features, taps } = makeBackbone(first);
    if (others.length === 0) {
      this.features = features;
      this.stages = taps.map((tap) => ({ ...tap, nominal: tap.channels }));
      this.streams = [[]];
      this.fusion = [];
      this.rest = features.children() as nn.Module[];
      return;
    }
    const main = features.children() as nn.Module[];
    const own = others.map((channels) => {
      const children = makeBackbone(channels).features.children() as nn.Module[];
      for (const unused of children.slice(numInputBlocks)) unused.dispose();
      return children.slice(0, numInputBlocks);
    });
    const last = taps[numInputBlocks - 1] as Tap;
    const fuse = new ConvDWSepNormAct2d(last.channels * inputChannels.length, last.channels, 3, {
      activation: [null, null],
    });
    this.features = new nn.ModuleDict({
      stream0: new nn.Sequential(...main),
      ...Object.fromEntries(own.map((children, i) => [`stream${i + 1}`, new nn.Sequential(...children)])),
      streamfuse: fuse,
    });
    this.streams = [main.slice(0, numInputBlocks), ...own];
    this.fusion = [fuse];
    this.rest = main.slice(numInputBlocks);
    const single = (tap: Tap): Stage => ({ ...tap, nominal: tap.channels });
    this.stages = [
      ...taps.slice(0, numInputBlocks).map((tap) => ({
        ...tap,
        channels: tap.channels * inputChannels.length,
        nominal: tap.channels,
      })),
      single(last),
      ...taps.slice(numInputBlocks).map(single),
    ];
  }

  /**
   * The last stage of this stride and this many channels, which `forward` will hand out.
   *
   * @returns its position and the channels that it really has
   * @throws {ArgumentError} when there is none
   */
  tap(stride: number, channels: number): { position: number; channels: number } {
    const fits = (stage: Stage) => stage.stride === stride && stage.nominal === channels;
    const position = this.stages.findLastIndex(fits);
    const stage = this.stages[position];
    if (stage === undefined) {
      const have = this.stages.map((other) => `${other.nominal} at ${other.stride}`).join(', ');
      throw ArgumentError.expected('shortcut', `channels at a stride that the encoder has (${have})`, [
        channels,
        stride,
      ]);
    }
    this.wanted.add(position);
    return { position, channels: stage.channels };
  }

  forward(...inputs: Tensor[]): EncoderOutput {
    const taps: Record<number, Tensor> = {};
    let position = 0;
    let current: readonly Tensor[] = inputs;
    const step = (next: readonly Tensor[]) => {
      // In-place activations return their input, and a stage may be asked for: only what nobody needs is let go.
      const before = current;
      current = next;
      if (position > 0 && !this.wanted.has(position - 1))
        for (const tensor of before) if (!next.includes(tensor)) releaseIfOwned(tensor);
      if (this.wanted.has(position)) taps[position] = next.length === 1 ? (next[0] as Tensor) : cat([...next], 1);
      position++;
    };
    const [first = [], ...others] = this.streams;
    for (const [i, block] of first.entries()) {
      const blocks = [block, ...others.map((stream) => stream[i] as nn.Module)];
      step(blocks.map((own, stream) => own(current[stream] as Tensor)));
    }
    for (const fuse of this.fusion) step([fuse(cat([...current], 1))]);
    for (const block of this.rest) step([block(current[0] as Tensor)]);
    return { features: current[0] as Tensor, taps };
  }
}
