/** @file Lite networks by name, and their weights. Importing this registers them. */

import './models.ts';

export type { LiteOptions } from './models.ts';
export {
  MobileNet_V2_Lite_Weights,
  MobileNet_V3_Large_Lite_Weights,
  MobileNet_V3_Small_Lite_Weights,
} from './weights.ts';
