/** @file The stages of the EfficientNets: tables of both papers, and how versions B0 to B7 scale them. */

import { makeDivisible } from './utils.ts';

/** A stage of equal blocks. */
export interface StageConfig {
  /** `fused`: one 3×3 convolution does the work of the first two in `mbconv`, without squeeze and excitation. */
  readonly kind: 'mbconv' | 'fused';
  /** Channels inside a block, in multiples of its input channels. */
  readonly expandRatio: number;
  readonly kernel: number;
  /** Of the first block. */
  readonly stride: number;
  readonly inputChannels: number;
  readonly outChannels: number;
  readonly numLayers: number;
}

/** Expansion ratio, kernel, stride, input channels, output channels, blocks. */
type Row = readonly [number, number, number, number, number, number];

function stages(kind: StageConfig['kind'], rows: readonly Row[]): StageConfig[] {
  return rows.map(([expandRatio, kernel, stride, inputChannels, outChannels, numLayers]) => {
    return { kind, expandRatio, kernel, stride, inputChannels, outChannels, numLayers };
  });
}

const V1 = stages('mbconv', [
  [1, 3, 1, 32, 16, 1],
  [6, 3, 2, 16, 24, 2],
  [6, 5, 2, 24, 40, 2],
  [6, 3, 2, 40, 80, 3],
  [6, 5, 1, 80, 112, 3],
  [6, 5, 2, 112, 192, 4],
  [6, 3, 1, 192, 320, 1],
]);

/** The stages of the first version, scaled: channels to the nearest multiple of 8, blocks up. */
export function efficientNetV1(widthMult: number, depthMult: number): StageConfig[] {
  return V1.map((stage) => ({
    ...stage,
    inputChannels: makeDivisible(stage.inputChannels * widthMult, 8),
    outChannels: makeDivisible(stage.outChannels * widthMult, 8),
    numLayers: Math.ceil(stage.numLayers * depthMult),
  }));
}

/** The stages of the second version. */
export const efficientNetV2: Readonly<Record<'s' | 'm' | 'l', readonly StageConfig[]>> = {
  s: [
    ...stages('fused', [
      [1, 3, 1, 24, 24, 2],
      [4, 3, 2, 24, 48, 4],
      [4, 3, 2, 48, 64, 4],
    ]),
    ...stages('mbconv', [
      [4, 3, 2, 64, 128, 6],
      [6, 3, 1, 128, 160, 9],
      [6, 3, 2, 160, 256, 15],
    ]),
  ],
  m: [
    ...stages('fused', [
      [1, 3, 1, 24, 24, 3],
      [4, 3, 2, 24, 48, 5],
      [4, 3, 2, 48, 80, 5],
    ]),
    ...stages('mbconv', [
      [4, 3, 2, 80, 160, 7],
      [6, 3, 1, 160, 176, 14],
      [6, 3, 2, 176, 304, 18],
      [6, 3, 1, 304, 512, 5],
    ]),
  ],
  l: [
    ...stages('fused', [
      [1, 3, 1, 32, 32, 4],
      [4, 3, 2, 32, 64, 7],
      [4, 3, 2, 64, 96, 7],
    ]),
    ...stages('mbconv', [
      [4, 3, 2, 96, 192, 10],
      [6, 3, 1, 192, 224, 19],
      [6, 3, 2, 224, 384, 25],
      [6, 3, 1, 384, 640, 7],
    ]),
  ],
};
