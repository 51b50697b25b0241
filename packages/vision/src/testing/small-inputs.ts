/** @file Inputs that are large enough for all layers of a network, and no larger. For tests only. */

import { getModelInfo } from '../models/registry.ts';

/** Small inputs and what a network needs for them, by its name; batch norms in training need more than one value. */
const SMALL: readonly (readonly [RegExp, number[], Record<string, unknown>])[] = [
  [/^inception/, [2, 3, 299, 299], {}],
  [/^maxvit/, [2, 3, 224, 224], {}],
  [/^vit_h_14/, [2, 3, 56, 56], { imageSize: 56 }],
  [/^vit/, [2, 3, 64, 64], { imageSize: 64 }],
  [/^(fcn|deeplab)/, [2, 3, 64, 64], { auxLoss: true }],
  [/^mvit/, [2, 3, 8, 64, 64], { spatialSize: [64, 64], temporalSize: 8 }],
  [/^s3d/, [1, 3, 14, 224, 224], {}],
  [/^(swin3d|r3d|mc3|r2plus1d)/, [2, 3, 8, 32, 32], {}],
  [/^raft/, [1, 3, 128, 128], {}],
  [/./, [2, 3, 64, 64], {}],
];

/** Shapes of small inputs for a registered model, and the options that it needs for them. */
export function smallInputs(name: string): { shapes: number[][]; options: Record<string, unknown> } {
  const [, shape, options] = SMALL.find(([pattern]) => pattern.test(name)) ?? [/./, [], {}];
  return { shapes: getModelInfo(name).inputShapes.map(() => shape), options };
}
