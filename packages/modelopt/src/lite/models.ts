/**
 * @file The lite networks: torchvision's, after surgery of the module tree, under names that end in `_lite`. Importing this file
 * registers them.
 *
 * State-dict keys are those of the original library's lite networks, whose checkpoints therefore load.
 */

import { ArgumentError, type nn } from '@edgeai/torch';
import { models } from '@edgeai/vision';
import { type ConvertOptions, convertToLiteModel } from '../surgery/index.ts';
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
  { base: 'regnet_y_400mf', figures: [3_676_120, 0.401] },
  { base: 'regnet_y_800mf', figures: [5_586_344, 0.833] },
  { base: 'regnet_y_1_6gf', figures: [9_684_680, 1.611] },
  { base: 'regnet_y_3_2gf', figures: [16_830_776, 3.174] },
  { base: 'deeplabv3_mobilenet_v3_large', rules: SEPARABLE, figures: [3_125_165, 3.471] },
  { base: 'deeplabv3_resnet50', rules: SEPARABLE, figures: [16_583_829, 70.014] },
  { base: 'lraspp_mobilenet_v3_large', rules: SEPARABLE, figures: [1_709_258, 2.085] },
  { base: 'fcn_resnet50', rules: SEPARABLE, figures: [14_572_693, 63.779] },
];

/** A published entry or file for the network itself: what `withWeights` looks names up in where nothing is published. */
function entriesOf(base: string): models.WeightsEnum {
  return models.getModelWeights(base);
}

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
    if (weights !== undefined) return models.withWeights(weights, { ...rest, weights: given }, make);
    if (typeof given !== 'string') {
      if (given === undefined || given === null) return make(rest);
      throw new ArgumentError('weights', `There are no published weights of '${name}'; give a file, or baseWeights`);
    }
    // Nothing is published, so a name can only be the base network's: that would load before surgery.
    if (entriesOf(base).has(given))
      throw new ArgumentError('weights', `'${given}' is of '${base}'; to begin with it, give it as baseWeights`);
    return models.withWeights(entriesOf(base), { ...rest, weights: given }, make);
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
