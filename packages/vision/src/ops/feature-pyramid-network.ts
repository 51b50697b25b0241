/** @file Feature pyramids: feature maps of several resolutions, each enriched by the coarser ones (Lin et al. 2016, arXiv:1612.03144). */

import { ArgumentError, nn, releaseIfOwned, type Tensor } from '@edgeai/torch';
import type { NormLayer } from './layer-factory.ts';
import { Conv2dNormActivation } from './misc.ts';

/** Feature maps by name, the finest first. */
export type FeatureMaps = Record<string, Tensor>;

/** Adds further maps to a pyramid: gets its maps, the network's own, and the names, and returns all maps with their names. */
export abstract class ExtraFPNBlock extends nn.Module<
  [results: readonly Tensor[], inputs: readonly Tensor[], names: readonly string[]],
  [results: Tensor[], names: string[]]
> {}

export interface FeaturePyramidNetworkOptions {
  /** Default: none. */
  extraBlocks?: ExtraFPNBlock | null;
  /** After each convolution. Default: none. */
  normLayer?: NormLayer | null;
}

const OLD_KEY = /^((?:inner_blocks|layer_blocks)\.\d+)\.(weight|bias)$/;

/** Brings maps of different widths to one width, and adds to each the enlarged next coarser one. Names and order stay. */
export class FeaturePyramidNetwork extends nn.Module<[FeatureMaps], FeatureMaps> {
  readonly inner_blocks: nn.ModuleList;
  readonly layer_blocks: nn.ModuleList;
  readonly extra_blocks: ExtraFPNBlock | null;

  /**
   * @param inChannelsList channels of each map, in the order in which they will come
   * @throws {ArgumentError} for a map without channels
   */
  constructor(inChannelsList: readonly number[], outChannels: number, options: FeaturePyramidNetworkOptions = {}) {
    super();
    const { extraBlocks = null, normLayer = null } = options;
    const plain = { normLayer, activationLayer: null };
    this.inner_blocks = new nn.ModuleList();
    this.layer_blocks = new nn.ModuleList();
    for (const channels of inChannelsList) {
      if (!(channels > 0)) throw ArgumentError.expected('inChannelsList', 'channel counts above 0', inChannelsList);
      this.inner_blocks.append(new Conv2dNormActivation(channels, outChannels, { kernelSize: 1, ...plain }));
      this.layer_blocks.append(new Conv2dNormActivation(outChannels, outChannels, { kernelSize: 3, ...plain }));
    }
    // The extra blocks have an initialisation of their own.
    for (const layer of this.modules()) if (layer instanceof nn.Conv2d) initialise(layer);
    this.extra_blocks = extraBlocks;
  }

  /** @throws {ArgumentError} for another number of maps than the pyramid was made for */
  forward(features: FeatureMaps): FeatureMaps {
    const inputs = Object.values(features);
    const names = Object.keys(features);
    if (inputs.length !== this.inner_blocks.size)
      throw ArgumentError.expected('features', `${this.inner_blocks.size} feature maps`, names);
    const results: Tensor[] = [];
    let above: Tensor | undefined;
    for (const [i, input] of Array.from(inputs.entries()).toReversed()) {
      const lateral = this.inner_blocks.at(i)(input);
      const merged = above === undefined ? lateral : lateral.add(enlarge(above, lateral));
      results.unshift(this.layer_blocks.at(i)(merged));
      if (above !== undefined) releaseIfOwned(above);
      if (merged !== lateral) releaseIfOwned(lateral);
      above = merged;
    }
    const [all, allNames] = this.extra_blocks === null ? [results, names] : this.extra_blocks(results, inputs, names);
    return Object.fromEntries(all.map((map, i) => [allNames[i] ?? String(i), map]));
  }

  /** State dicts of before norms were possible call a convolution `inner_blocks.0`; it is `inner_blocks.0.0` now. */
  override adaptState(state: nn.StateDict, prefix: string): void {
    nn.renameStateKeys(state, prefix, (key) => key.replace(OLD_KEY, '$1.0.$2'));
  }
}

function initialise({ weight, bias }: nn.Conv2d): void {
  nn.init.kaimingUniform_(weight, { a: 1 });
  if (bias !== null) nn.init.zeros_(bias);
}

function enlarge(map: Tensor, reference: Tensor): Tensor {
  return nn.functional.interpolate(map, { size: reference.shape.slice(-2), mode: 'nearest' });
}

/** Every second pixel of the coarsest map, as `pool`. */
export class LastLevelMaxPool extends ExtraFPNBlock {
  forward(results: readonly Tensor[], _inputs: readonly Tensor[], names: readonly string[]): [Tensor[], string[]] {
    const pooled = nn.functional.maxPool2d(last(results), [1, 1], [2, 2]);
    return [
      [...results, pooled],
      [...names, 'pool'],
    ];
  }
}

/** Two coarser maps by convolutions of stride 2, as `p6` and `p7`. */
export class LastLevelP6P7 extends ExtraFPNBlock {
  readonly p6: nn.Conv2d;
  readonly p7: nn.Conv2d;
  /** Whether they come from the pyramid's coarsest map and not the network's. */
  readonly useP5: boolean;

  /** @param inChannels of the network's coarsest map, or `outChannels` to use the pyramid's */
  constructor(inChannels: number, outChannels: number) {
    super();
    this.p6 = new nn.Conv2d(inChannels, outChannels, 3, { stride: 2, padding: 1 });
    this.p7 = new nn.Conv2d(outChannels, outChannels, 3, { stride: 2, padding: 1 });
    initialise(this.p6);
    initialise(this.p7);
    this.useP5 = inChannels === outChannels;
  }

  forward(results: readonly Tensor[], inputs: readonly Tensor[], names: readonly string[]): [Tensor[], string[]] {
    const p6 = this.p6(last(this.useP5 ? results : inputs));
    const p7 = this.p7(p6.relu());
    return [
      [...results, p6, p7],
      [...names, 'p6', 'p7'],
    ];
  }
}

function last(maps: readonly Tensor[]): Tensor {
  const found = maps[maps.length - 1];
  if (found === undefined) throw ArgumentError.expected('results', 'at least one feature map', maps);
  return found;
}
