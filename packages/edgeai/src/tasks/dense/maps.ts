/** @file The maps of a dense task by name, and the losses that each is trained with unless a recipe says otherwise. */

import type { nn, Tensor } from '@edgeai/torch';
import { datasets, losses } from '@edgeai/xvision';

import { UsageError } from '../../errors.ts';
import type { DenseConfig, DenseKind } from '../../recipes/dense-options.ts';

/** The maps that the settings ask for, in the order of the network's outputs. */
export function kindsOf(config: Pick<DenseConfig, 'tasks'>): DenseKind[] {
  return config.tasks.split(',').map((kind) => kind.trim() as DenseKind);
}

const DEFAULT_LOSSES: Readonly<Record<DenseKind, { names: readonly string[]; factors: readonly number[] }>> = {
  segmentation: { names: ['segmentation_loss'], factors: [1] },
  motion: { names: ['segmentation_loss'], factors: [1] },
  depth: { names: ['supervised_loss', 'scale_loss'], factors: [1, 1] },
  flow: { names: ['end_point_loss'], factors: [1] },
};

/** The loss of one task: the sum of its losses, each with its factor. */
export type TaskLoss = (prediction: Tensor, target: Tensor) => Tensor;

/** Makes the loss of each task. Throws a UsageError for names and factors that do not go together. */
export function makeLosses(config: DenseConfig, targets: readonly datasets.TargetInfo[]): TaskLoss[] {
  return kindsOf(config).map((kind, i) => {
    const info = targets[i] as datasets.TargetInfo;
    const names = listOf(config.losses[kind], 'losses', kind, 'string') ?? DEFAULT_LOSSES[kind].names;
    const factors =
      listOf(config.lossMultFactors[kind], 'loss-mult-factors', kind, 'number') ??
      (config.losses[kind] === undefined ? DEFAULT_LOSSES[kind].factors : names.map(() => 1));
    if (factors.length !== names.length) {
      throw new UsageError(
        `--loss-mult-factors: expected ${names.length} numbers for ${kind}, one a loss, but received ${factors.length}`,
      );
    }
    const parts = names.map((name) => makeLoss(name, info, config));
    return (prediction, target) =>
      parts.map((loss, part) => loss(prediction, target).mul(factors[part] ?? 1)).reduce((sum, part) => sum.add(part));
  });
}

function makeLoss(name: string, info: datasets.TargetInfo, config: DenseConfig): TaskLoss {
  if (name === 'segmentation_loss') {
    if (!datasets.isClasses(info))
      throw new UsageError(`--losses: segmentation_loss needs classes, and ${info.kind} has none`);
    const weight = config.classWeights === 'dataset' ? info.classWeights : null;
    const loss: nn.Module<[Tensor, Tensor]> = new losses.SegmentationLoss({ weight });
    return (prediction, target) => loss(prediction, target);
  }
  const loss = losses.makeDenseLoss(name);
  return (prediction, target) => loss(prediction, target.to(prediction.dtype));
}

function listOf(value: unknown, option: string, kind: string, type: 'string'): string[] | null;
function listOf(value: unknown, option: string, kind: string, type: 'number'): number[] | null;
function listOf(value: unknown, option: string, kind: string, type: 'string' | 'number'): unknown[] | null {
  if (value === undefined) return null;
  const list = Array.isArray(value) ? value : [value];
  if (list.length === 0 || list.some((item) => typeof item !== type)) {
    throw new UsageError(`--${option}: expected a list of ${type}s for ${kind} but received ${JSON.stringify(value)}`);
  }
  return list;
}
