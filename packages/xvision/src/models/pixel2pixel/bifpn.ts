/** @file A feature pyramid that goes down and up several times, with plain sums (after Tan et al. 2019, arXiv:1911.09070). */

import { nn, type Tensor } from '@edgeai/torch';
import { AddBlock } from '../../layers/blocks.ts';
import { ConvDWSepNormAct2d, ConvNormAct2d, pipe } from '../../layers/conv.ts';
import { type DecoderContext, enlarge } from './decoder.ts';
import { PyramidDecoder } from './pyramid-decoder.ts';
import type { ReceptiveField } from './receptive-field.ts';

const BLOCKS = 4;
/** Levels that pooling adds to the encoder's stages. */
const EXTRA = 2;

function halve(): nn.Module {
  return new nn.MaxPool2d(3, { stride: 2, padding: 1 });
}

/** One way down the levels, coarse to fine, and unless it is the last one, back up. Maps are given and returned finest first. */
class BiFpnBlock extends nn.Module<[readonly Tensor[]], Tensor[]> {
  declare readonly in_convs?: nn.ModuleList;
  readonly ups: nn.ModuleList;
  readonly up_convs: nn.ModuleList;
  readonly up_adds: nn.ModuleList<AddBlock>;
  readonly up_acts: nn.ModuleList;
  declare readonly downs?: nn.ModuleList;
  declare readonly down_convs?: nn.ModuleList;
  declare readonly down_adds1?: nn.ModuleList<AddBlock>;
  declare readonly down_adds2?: nn.ModuleList<AddBlock>;
  declare readonly down_acts?: nn.ModuleList;

  /**
   * @param inputs channels of the encoder's stages, finest first, for the first block; `null` for the others
   * @param levels number of levels
   */
  constructor(context: DecoderContext, inputs: readonly number[] | null, levels: number, isLast: boolean) {
    super();
    const { channels, groupSize, activation } = context.description;
    if (inputs !== null) {
      this.in_convs = new nn.ModuleList(
        inputs.map((stage) => new ConvNormAct2d(stage, channels, 1, { activation: null }) as nn.Module),
      );
      for (let i = 0; i < EXTRA; i++) this.in_convs.append(halve());
    }
    const smooth = () =>
      new ConvDWSepNormAct2d(channels, channels, 3, { groupSize, activation: [activation, activation] });
    const each = <M extends nn.AnyModule>(make: () => M) => new nn.ModuleList(Array.from({ length: levels - 1 }, make));
    this.ups = each(() => enlarge(context, channels, channels, 2));
    this.up_adds = each(() => new AddBlock());
    this.up_acts = each(activation);
    this.up_convs = each<nn.Module>(smooth);
    if (isLast) return;
    this.downs = each(halve);
    this.down_adds1 = each(() => new AddBlock());
    this.down_adds2 = each(() => new AddBlock());
    this.down_acts = each(activation);
    this.down_convs = each<nn.Module>(smooth);
  }

  forward(given: readonly Tensor[]): Tensor[] {
    const inputs = this.in_convs === undefined ? [...given] : levelsOf(this.in_convs, given);
    const top = inputs.length - 1;
    const up: Tensor[] = [...inputs];
    for (let i = top - 1; i >= 0; i--) {
      const sum = this.up_adds.at(i)(inputs[i] as Tensor, this.ups.at(i)(up[i + 1] as Tensor));
      up[i] = pipe(sum, this.up_acts.at(i), this.up_convs.at(i));
    }
    return this.downs === undefined ? up : goUp(this as Required<BiFpnBlock>, inputs, up);
  }
}

/** Fine to coarse: each level adds its input, what the way down made of it, and the finer level. */
function goUp(block: Required<BiFpnBlock>, inputs: readonly Tensor[], up: readonly Tensor[]): Tensor[] {
  const { downs: halvings, down_convs: convs, down_acts: acts, down_adds1: first, down_adds2: second } = block;
  const top = inputs.length - 1;
  const down: Tensor[] = [up[0] as Tensor];
  for (let i = 0; i < top; i++) {
    // At the top level both are one tensor.
    const kept = i + 1 === top ? (up[i + 1] as Tensor) : first.at(i)(inputs[i + 1] as Tensor, up[i + 1] as Tensor);
    const sum = second.at(i)(kept, halvings.at(i)(down[i] as Tensor));
    down.push(pipe(sum, acts.at(i), convs.at(i)));
  }
  return down;
}

/** The encoder's stages in the decoder's channels, and the coarser levels that pooling makes of the last stage as it came. */
function levelsOf(convs: nn.ModuleList, stages: readonly Tensor[]): Tensor[] {
  const levels: Tensor[] = [];
  let last = stages.at(-1) as Tensor;
  for (const [i, layer] of convs.children().entries()) {
    const stage = stages[i];
    const level = (layer as nn.Module)(stage ?? last);
    if (stage === undefined) last = level;
    levels.push(level);
  }
  return levels;
}

class BiFpn extends nn.Module<[readonly Tensor[]]> {
  readonly bifpn_blocks: nn.Module;

  constructor(context: DecoderContext, inputs: readonly number[]) {
    super();
    const levels = inputs.length + EXTRA;
    this.bifpn_blocks = new nn.ModuleList(
      Array.from(
        { length: BLOCKS },
        (_, i) => new BiFpnBlock(context, i === 0 ? inputs : null, levels, i === BLOCKS - 1),
      ),
    ) as nn.AnyModule as nn.Module;
  }

  /** The finest map of those of all stages, coarse to fine. */
  forward(maps: readonly Tensor[]): Tensor {
    const blocks = this.bifpn_blocks.children() as BiFpnBlock[];
    return blocks.reduce<readonly Tensor[]>((levels, block) => block(levels), [...maps].reverse())[0] as Tensor;
  }
}

export class BiFpnDecoder extends PyramidDecoder {
  constructor(context: DecoderContext, receptiveField: ReceptiveField) {
    super(context, receptiveField, 'fpn', (channels) => {
      const neck = new BiFpn(context, [...channels].reverse());
      return { neck, outChannels: context.description.channels };
    });
  }
}
