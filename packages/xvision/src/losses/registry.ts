/** @file Losses and metrics of dense tasks by the names that recipes use. */

import { ArgumentError } from '@edgeai/torch';
import { didYouMean } from '@edgeai/torch/suggest';
import { DenseLoss, type DenseLossDefinition, type DenseLossOptions } from './dense-loss.ts';
import * as errors from './errors.ts';

const ERROR_COUNT = 2;

function element(displayName: string, error: errors.ErrorFunction, minElements = 0): DenseLossDefinition {
  return { displayName, error, reduction: 'element', minElements };
}

function pixel(displayName: string, error: errors.ErrorFunction): DenseLossDefinition {
  return { displayName, error, reduction: 'pixel' };
}

function mean(displayName: string, error: errors.ErrorFunction): DenseLossDefinition {
  return { displayName, error, reduction: 'mean' };
}

/** Relative errors of targets between 3 and a limit. */
function range(limit: number): DenseLossDefinition {
  return element(`ARDiff3To${limit}`, errors.relative({ above: 3, limit }), ERROR_COUNT);
}

const relative = errors.relative();
const scaled = (factor: number, error: errors.ErrorFunction): errors.ErrorFunction => {
  return (x, y) => error(x, y).mul(factor);
};
const scaleLoss = mean('ScaleLoss', errors.charbonnier);

/** Each definition with all names that it has had. */
const DEFINITIONS: readonly (readonly [DenseLossDefinition, ...string[]])[] = [
  [pixel('L1NormDiff', errors.l1Norm), 'L1NormDiff', 'supervised_l1_loss', 'l1_norm_loss'],
  [pixel('L2NormDiff', errors.l2Norm), 'L2NormDiff', 'supervised_l2_loss', 'l2_norm_loss'],
  [pixel('L2NormSelf', errors.l2NormOfPrediction), 'L2NormSelf', 'supervised_l2_loss_self', 'l2_norm_loss_self'],
  [
    element('SmoothL1Diff', errors.smoothL1),
    ...([
      'SmoothL1Diff',
      'supervised_loss',
      'supervised_error',
      'supervised_smooth_l1_loss',
      'smooth_l1_norm_loss',
    ] as const),
  ],
  [element('CharbonnierDiff', errors.charbonnier), 'CharbonnierDiff', 'charbonnier_loss', 'SupervisedLoss'],
  [
    element('CharbonnierAdaptiveDiff', errors.charbonnierAdaptive),
    ...(['CharbonnierAdaptiveDiff', 'charbonnier_adaptive_loss', 'SupervisedAdaptiveLoss'] as const),
  ],
  [element('BerHuDiff', errors.berHu), 'BerHuDiff', 'berhu_loss'],
  [
    { ...element('RMSE', errors.squared), squareRoot: true },
    ...(['RootMeanSquaredError', 'supervised_root_mean_squared_error', 'root_mean_squared_error'] as const),
  ],
  [element('ARDiff', relative), 'AbsRelDiff', 'supervised_relative_error', 'abs_relative_error'],
  [
    element('AbsRelDiffX100', scaled(100, relative)),
    ...(['AbsRelDiffX100', 'supervised_relative_error_x100', 'abs_relative_error_x100'] as const),
  ],
  [
    element('ARDiffMin1', errors.relative({ above: 1 }), ERROR_COUNT),
    ...(['AbsRelDiffRng1', 'supervised_relative_error_rng1', 'abs_relative_error_rng1'] as const),
  ],
  [range(20), 'AbsRelDiffRng3To20', 'supervised_relative_error_rng3to20', 'abs_relative_error_rng3to20'],
  [range(80), 'AbsRelDiffRng3To80', 'supervised_relative_error_rng3to80', 'abs_relative_error_rng3to80'],
  [range(255), 'AbsRelDiffRng3To255', 'supervised_relative_error_rng3to255', 'abs_relative_error_rng3to255'],
  [
    element('ARDiffWeighted3To255', errors.relative({ above: 3, limit: 255, weightAtLimit: 0.1 }), ERROR_COUNT),
    'AbsRelDiffWeightedRng3To255',
    'supervised_relative_error_weighted_rng3to255',
    'abs_relative_error_weighted_rng3to255',
  ],
  [element('ErrorVar', errors.variance), 'ErrorVar', 'supervised_error_var'],
  [element('ErrorSTD', errors.standardDeviation), 'ErrorSTD', 'supervised_error_std'],
  [scaleLoss, 'ScaleLoss', 'scale_loss', 'charbonnier_scale_loss', 'smooth_l1_norm_scale_loss'],
  [mean('ScaleDiff', errors.absolute), 'ScaleDiff', 'scale_abs_loss'],
  [mean('SmoothL1ScaleLoss', errors.smoothL1), 'SmoothL1ScaleLoss'],
  [pixel('EPError', errors.l2Norm), 'end_point_error', 'end_point_loss'],
  [pixel('OutlierFraction', errors.outlier()), 'kitti_outlier_fraction'],
  [pixel('OutlierFraction', errors.outlier('prediction')), 'outlier_fraction'],
  [pixel('OutlierPercentage', errors.outlier('prediction', 100)), 'outlier_precentage', 'outlier_percentage'],
  [
    {
      ...element('InterestPtDiffS1D64', errors.smoothL1),
      ranges: [
        { from: 0, to: 1, weight: 0.5 },
        { from: 1, to: 65, weight: 0.5 },
      ],
    },
    ...(['InterestPtDiffScore1PlusDesc64', 'interest_pt_loss_score1_desc64'] as const),
  ],
];

const byName = new Map(
  DEFINITIONS.flatMap(([definition, ...names]) => names.map((name) => [name, definition] as const)),
);

/** The names that {@link makeDenseLoss} takes. */
export function denseLossNames(): string[] {
  return [...byName.keys()].sort();
}

/** A loss or metric by name. @throws {ArgumentError} for an unknown one */
export function makeDenseLoss(name: string, options: DenseLossOptions = {}): DenseLoss {
  const definition = byName.get(name);
  if (definition === undefined) {
    const hint = didYouMean(name, byName.keys()) || `; there are: ${denseLossNames().join(', ')}`;
    throw new ArgumentError('name', `There is no dense loss '${name}'${hint}`);
  }
  return new DenseLoss(definition, options);
}
