/** @file What the decoders over a pyramid of stages have in common: a receptive field block, a neck over all stages, the prediction. */

import { nn, type Tensor } from '@edgeai/torch';
import { type DecoderContext, predictionHead } from './decoder.ts';
import type { EncoderOutput } from './encoder.ts';
import { makeStages, type ReceptiveField, runStages } from './receptive-field.ts';

/** Makes one map of those of all stages, given coarse to fine. */
export type Neck = nn.Module<[readonly Tensor[]]>;

/** A neck, and the channels of what it makes. */
export interface NeckParts {
  readonly neck: Neck;
  readonly outChannels: number;
}

/** The maps of the encoder's stages through a neck, which is the child `name`, to the prediction. */
export class PyramidDecoder extends nn.Module<[EncoderOutput]> {
  readonly rfblock: nn.Module;
  readonly pred!: nn.Module;
  readonly upsample!: nn.Module;
  readonly receptiveField: ReceptiveField;
  /** Where the encoder has the stages that are joined. */
  readonly positions: readonly number[];
  readonly neckName: string;

  /** @param makeNeck is told the channels of each stage, coarse to fine */
  constructor(
    context: DecoderContext,
    receptiveField: ReceptiveField,
    name: string,
    makeNeck: (channels: readonly number[]) => NeckParts,
  ) {
    super();
    const { rfblock, channels, positions } = makeStages(context, receptiveField);
    this.rfblock = rfblock;
    const { neck, outChannels } = makeNeck(channels);
    // Children are listed in the order in which they are assigned.
    Object.assign(this, { [name]: neck }, predictionHead(context, outChannels));
    this.receptiveField = receptiveField;
    this.positions = positions;
    this.neckName = name;
  }

  forward(encoded: EncoderOutput): Tensor {
    const neck = this.getSubmodule(this.neckName) as Neck;
    const stages = runStages(this.rfblock, this.receptiveField, this.positions, encoded);
    return this.upsample(this.pred(neck(stages)));
  }
}
