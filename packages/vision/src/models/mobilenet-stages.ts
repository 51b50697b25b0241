/** @file Where the resolution of a MobileNet changes: the places at which it is cut to be the backbone of another network. */

import { ArgumentError, type nn } from '@edgeai/torch';

/** A layer of a MobileNet, and the channels of its result. */
export interface MobileNetStage {
  /** Position in `features`. */
  readonly position: number;
  readonly channels: number;
}

/** The first layer, the blocks that halve the resolution, and the last layer. @throws {ArgumentError} for other networks */
export function mobileNetStages(features: nn.Sequential): MobileNetStage[] {
  const strided = features.children().flatMap((block, i) => ('isCn' in block && block.isCn === true ? [i] : []));
  return [0, ...strided, features.size - 1].map((position) => {
    const layer = features.at(position);
    if ('outChannels' in layer && typeof layer.outChannels === 'number')
      return { position, channels: layer.outChannels };
    throw ArgumentError.expected('features', 'the layers of a MobileNet, which tell their channels', layer);
  });
}
