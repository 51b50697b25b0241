/** @file Which modules are one node in the graphs that surgery works on. */

import { fx, type nn } from '@edgeai/torch';
import { ops } from '@edgeai/vision';
import { ChannelsLastBatchNorm } from './layers.ts';
import type { ActiveRule } from './options.ts';

/** Layers that do something else while training: looked into, they would stay in the mode of the capture. */
const BY_MODE = [ops.StochasticDepth, ops.DropBlock2d, ops.DropBlock3d, ChannelsLastBatchNorm] as const;

/** True for layers, and for modules that behave by their mode. */
export function isWholeModule(module: nn.AnyModule): boolean {
  return fx.isLeafModule(module) || BY_MODE.some((type) => module.constructor === type);
}

/** As {@link isWholeModule}, and true for what the rules replace as a whole. */
export function surgeryLeaf(rules: readonly ActiveRule[]): fx.IsLeaf {
  return (module) =>
    isWholeModule(module) || rules.some(({ rule, settings }) => rule.modules?.matches(module, settings) === true);
}
