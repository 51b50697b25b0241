/** @file Lite networks by name, and their weights. Importing this registers them. */

import './models.ts';

export { type DeepLabMobileNetOptions, DeepLabPlusHead, DeepLabV3Plus } from './deeplab-mobilenet.ts';
export type { LiteOptions } from './models.ts';
export {
  MobileNet_V2_Lite_Weights,
  MobileNet_V3_Large_Lite_Weights,
  MobileNet_V3_Small_Lite_Weights,
} from './weights.ts';
