/** @file How blocks are told which normalisation or activation to use: a layer class, or a function that makes the layer. */

import { nn } from '@edgeai/torch';

/** `nn.BatchNorm2d`, or `(channels) => new nn.BatchNorm2d(channels, { eps: 1e-3 })`. */
export type LayerFactory<Args extends unknown[], M extends nn.AnyModule = nn.Module> =
  | ((...args: Args) => M)
  | (new (
      ...args: Args
    ) => M);

/** Makes a normalisation layer for a number of channels. */
export type NormLayer = LayerFactory<[channels: number]>;

/** Makes an activation; `inplace` is left out where the activation knows no such option. */
export type ActivationLayer = LayerFactory<[options?: { inplace?: boolean }]>;

/** Makes the layer that `factory` stands for. */
export function makeLayer<Args extends unknown[], M extends nn.AnyModule>(
  factory: LayerFactory<Args, M>,
  ...args: Args
): M {
  return isLayerClass(factory) ? new factory(...args) : factory(...args);
}

function isLayerClass<Args extends unknown[], M extends nn.AnyModule>(
  factory: LayerFactory<Args, M>,
): factory is new (
  ...args: Args
) => M {
  return factory.prototype instanceof nn.Module;
}
