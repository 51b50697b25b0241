/** @file The 38 classes of A2D2 with their colours, by class number. Geyer et al., 2020. */

import type { Colour } from './targets.ts';

const ROWS: readonly (readonly [name: string, colour: Colour])[] = [
  ['Car', [255, 0, 0]],
  ['Bicycle', [182, 89, 6]],
  ['Pedestrian', [204, 153, 255]],
  ['Truck', [255, 128, 0]],
  ['Small vehicles', [0, 255, 0]],
  ['Traffic signal', [0, 128, 255]],
  ['Traffic sign', [0, 255, 255]],
  ['Utility vehicle', [255, 255, 0]],
  ['Sidebars', [233, 100, 0]],
  ['Speed bumper', [110, 110, 0]],
  ['Curbstone', [128, 128, 0]],
  ['Solid line', [255, 193, 37]],
  ['Irrelevant signs', [64, 0, 64]],
  ['Road blocks', [185, 122, 87]],
  ['Tractor', [0, 0, 100]],
  ['Non-drivable street', [139, 99, 108]],
  ['Zebra crossing', [210, 50, 115]],
  ['Obstacles/trash', [255, 0, 128]],
  ['Poles', [255, 246, 143]],
  ['RD restricted area', [150, 0, 150]],
  ['Animals', [204, 255, 153]],
  ['Grid structure', [238, 162, 173]],
  ['Signal corpus', [33, 44, 177]],
  ['Drivable cobblestone', [180, 50, 180]],
  ['Electronic traffic', [255, 70, 185]],
  ['Slow drive area', [238, 233, 191]],
  ['Nature object', [147, 253, 194]],
  ['Parking area', [150, 150, 200]],
  ['Sidewalk', [180, 150, 200]],
  ['Ego car', [72, 209, 204]],
  ['Painted driving instr.', [200, 125, 210]],
  ['Traffic guide obj.', [159, 121, 238]],
  ['Dashed line', [128, 0, 255]],
  ['RD normal street', [255, 0, 255]],
  ['Sky', [135, 206, 255]],
  ['Buildings', [241, 230, 255]],
  ['Blurred area', [96, 69, 143]],
  ['Rain dirt', [53, 46, 82]],
];

export const A2D2_CLASSES: readonly string[] = ROWS.map(([name]) => name);
export const A2D2_PALETTE: readonly Colour[] = ROWS.map(([, colour]) => colour);
