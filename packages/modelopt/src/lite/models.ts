/**
 * @file The lite networks: torchvision's, after surgery of the module tree, under names that end in `_lite`. Importing this file
 * registers them.
 *
 * State-dict keys are those of the original library's lite networks, whose checkpoints therefore load.
 */

import { ArgumentError, type nn } from '@edgeai/torch';
import { models } from '@edgeai/vision';
import { type ConvertOptions, convertToLiteModel } from '../surgery/index.ts';
import './deeplab-mobilenet.ts';
import * as published from './weights.ts';

/** Options of every lite network besides those of the network that it is made from. */
export interface LiteOptions {
  /** A checkpoint of this network: published weights, or a file. Default: none. */
  weights?: models.WeightsOption;
  /** A checkpoint of the network before surgery, to fine-tune from: published weights, or a file. Default: none. */
  baseWeights?: models.WeightsOption;
  numClasses?: number;
  [option: string]: unknown;
}

interface LiteModel {
  /** Name of the network before surgery. */
  readonly base: string;
  readonly weights?: models.WeightsEnum;
  /** Rules besides those of `v1`. */
  readonly rules?: ConvertOptions['rules'];
  /** Parameters, and 10⁹ multiply-accumulates of one input. */
  readonly figures: readonly [numParams: number, gmacs: number];
}

/** Channels a group of the convolutions that take the place of ordinary ones: 1 is depthwise. */
const SEPARABLE = { conv2d_to_conv2d_dw_conv2d: { groupSizeDw: 1 } } as const;

const LITE: readonly LiteModel[] = [
  { base: 'mobilenet_v2', weights: published.MobileNet_V2_Lite_Weights, figures: [3_504_872, 0.301] },
  { base: 'mobilenet_v3_large', weights: published.MobileNet_V3_Large_Lite_Weights, figures: [3_970_752, 0.215] },
  { base: 'mobilenet_v3_small', weights: published.MobileNet_V3_Small_Lite_Weights, figures: [2_081_216, 0.056] },
  { base: 'efficientnet_b0', figures: [4_652_008, 0.385] },
  { base: 'efficientnet_b1', figures: [6_671_544, 0.686] },
  { base: 'efficientnet_b2', figures: [7_780_856, 1.086] },
  { base: 'efficientnet_b3', figures: [10_353_504, 1.825] },
  { base: 'efficientnet_b4', figures: [16_195_168, 4.391] },
  { base: 'efficientnet_b5', figures: [25_197_912, 10.261] },
  { base: 'efficientnet_b6', figures: [35_506_920, 19.061] },
  { base: 'efficientnet_b7', figures: [54_374_856, 37.734] },
  { base: 'efficientnet_v2_s', figures: [17_758_400, 8.362] },
  { base: 'efficientnet_v2_m', figures: [44_237_552, 24.572] },
  { base: 'efficientnet_v2_l', figures: [96_311_112, 56.058] },
  { base: 'regnet_x_400mf', figures: [5_495_976, 0.414] },
  { base: 'regnet_x_800mf', figures: [7_259_656, 0.8] },
  { base: 'regnet_x_1_6gf', figures: [9_190_136, 1.603] },
  { base: 'regnet_x_3_2gf', figures: [15_296_552, 3.177] },
  { base: 'regnet_x_8gf', figures: [39_572_648, 7.995] },
  { base: 'regnet_x_16gf', figures: [54_278_536, 15.941] },
  { base: 'regnet_x_32gf', figures: [107_811_560, 31.736] },
  { base: 'regnet_y_400mf', figures: [3_676_120, 0.401] },
  { base: 'regnet_y_800mf', figures: [5_586_344, 0.833] },
  { base: 'regnet_y_1_6gf', figures: [9_684_680, 1.611] },
  { base: 'regnet_y_3_2gf', figures: [16_830_776, 3.174] },
  { base: 'regnet_y_8gf', figures: [34_269_000, 8.468] },
  { base: 'regnet_y_16gf', figures: [73_459_592, 15.902] },
  { base: 'regnet_y_32gf', figures: [130_211_928, 32.265] },
  { base: 'regnet_y_128gf', figures: [561_228_968, 127.434] },
  { base: 'deeplabv3_mobilenet_v2', rules: SEPARABLE, figures: [4_309_525, 4.86] },
  { base: 'deeplabv3_mobilenet_v3_large', rules: SEPARABLE, figures: [3_125_165, 3.471] },
  { base: 'deeplabv3_resnet50', rules: SEPARABLE, figures: [16_583_829, 70.014] },
  { base: 'deeplabv3_resnet101', rules: SEPARABLE, figures: [26_710_933, 112.543] },
  { base: 'deeplabv3plus_mobilenet_v2', rules: SEPARABLE, figures: [4_392_453, 7.398] },
  { base: 'deeplabv3plus_mobilenet_v3_large', rules: SEPARABLE, figures: [3_208_093, 6.01] },
  { base: 'lraspp_mobilenet_v3_large', rules: SEPARABLE, figures: [1_709_258, 2.085] },
  { base: 'fcn_resnet50', rules: SEPARABLE, figures: [14_572_693, 63.779] },
  { base: 'fcn_resnet101', rules: SEPARABLE, figures: [24_699_797, 106.308] },
];

function registerLite({ base, weights, rules, figures: [numParams, gmacs] }: LiteModel): void {
  const name = `${base}_lite`;
  const info = models.getModelInfo(base);
  const build = ({ weights: given, baseWeights, ...rest }: LiteOptions = {}): nn.AnyModule => {
    const make = (options: { numClasses?: number }) => {
      const model = models.getModel<nn.AnyModule>(base, {
        ...options,
        ...(baseWeights === undefined || baseWeights === null ? {} : { weights: baseWeights }),
      });
      convertToLiteModel(model, { preset: 'v1', ...(rules === undefined ? {} : { rules }) });
      return model;
    };
    // The name of an entry can only be the base network's: that would be loaded before surgery.
    if (weights === undefined && typeof given === 'string' && info.weights?.has(given))
      throw new ArgumentError('weights', `'${given}' is of '${base}'; to begin with it, give it as baseWeights`);
    return models.withWeights(weights ?? null, { ...rest, weights: given }, make);
  };
  models.registerModel(name, build, {
    task: info.task,
    module: 'lite',
    inputShapes: info.inputShapes,
    defaultOptions: { ...info.defaultOptions, baseWeights: null },
    ...(weights === undefined ? { figures: { numParams, gmacs } } : { weights }),
  });
}

for (const model of LITE) registerLite(model);
