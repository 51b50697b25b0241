/** @file Colours and weights of classes, as their publishers give them. */

import type { Colour } from './targets.ts';

/** Of Cityscapes' nineteen classes. */
export const CITYSCAPES_PALETTE: readonly Colour[] = [
  [128, 64, 128],
  [244, 35, 232],
  [70, 70, 70],
  [102, 102, 156],
  [190, 153, 153],
  [153, 153, 153],
  [250, 170, 30],
  [220, 220, 0],
  [107, 142, 35],
  [152, 251, 152],
  [0, 130, 180],
  [220, 20, 60],
  [255, 0, 0],
  [0, 0, 142],
  [0, 0, 70],
  [0, 60, 100],
  [0, 80, 100],
  [0, 0, 230],
  [119, 11, 32],
];

/** Median frequency weights of the same, as edgeailite uses them. */
export const CITYSCAPES_WEIGHTS: readonly number[] = [
  0.05570516, 0.32337477, 0.08998544, 1.03602707, 1.03413147, 1.68195437, 5.58540548, 3.56563995, 0.12704978, 1,
  0.46783719, 1.34551528, 5.29974114, 0.28342531, 0.9396095, 0.81551811, 0.42679146, 3.6399074, 2.78376194,
];

/** Of CamVid's eleven classes. */
export const CAMVID_PALETTE: readonly Colour[] = [
  [128, 128, 128],
  [128, 0, 0],
  [192, 192, 128],
  [128, 64, 128],
  [60, 40, 222],
  [128, 128, 0],
  [192, 128, 128],
  [64, 64, 128],
  [64, 0, 128],
  [64, 64, 0],
  [0, 128, 192],
];

/** Colours that can be told apart, black first: Pascal VOC's, which spread the bits of the class over the channels. */
export function paletteOf(classes: number): Colour[] {
  return Array.from({ length: classes }, (_, index): Colour => {
    const colour = [0, 0, 0];
    for (let bit = 0, rest = index; rest > 0; bit++, rest >>= 3) {
      for (let channel = 0; channel < 3; channel++)
        colour[channel] = (colour[channel] ?? 0) | (((rest >> channel) & 1) << (7 - bit));
    }
    return colour as unknown as Colour;
  });
}
