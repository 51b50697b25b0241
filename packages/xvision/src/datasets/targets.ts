/** @file What the target of a dense task is: its meaning, its classes and how they are drawn. */

import { ArgumentError, isin, type Tensor, tensor } from '@edgeai/torch';

export type Colour = readonly [red: number, green: number, blue: number];

/** A map of classes. */
export interface ClassTarget {
  readonly kind: 'segmentation' | 'motion';
  readonly classes: readonly string[];
  readonly palette: readonly Colour[];
  /** Weights by class that its publisher recommends. */
  readonly classWeights: readonly number[] | null;
}

/** A map of distances in metres. */
export interface DepthTarget {
  readonly kind: 'depth';
  /** Depths beyond are not measured. */
  readonly max: number;
}

/** A map of motion, to the right and down in pixels: from the image to the one that goes with it. Where both are exactly 0 nothing is known. */
export interface FlowTarget {
  readonly kind: 'flow';
}

export type TargetInfo = ClassTarget | DepthTarget | FlowTarget;

/** Whether a target is a map of classes. */
export function isClasses(info: TargetInfo): info is ClassTarget {
  return info.kind === 'segmentation' || info.kind === 'motion';
}

/** Stands for a known motion of 0. */
const STILL = 1e-10;

/** Flow in which what is known is never exactly 0. @param valid bool `(H, W)`; without it, all is known */
export function knownFlow(flow: Tensor, valid: Tensor | null = null): Tensor {
  const moved = flow.maskedFill(flow.abs().lt(STILL), STILL);
  return valid === null ? moved : moved.maskedFill(valid.logicalNot(), 0);
}

/** The label of pixels without a class. */
export const IGNORE = 255;

/** Static and moving. */
export const MOTION_TARGET: ClassTarget = {
  kind: 'motion',
  classes: ['static', 'moving'],
  palette: [
    [0, 0, 0],
    [220, 60, 40],
  ],
  classWeights: [0.05, 0.95],
};

/**
 * Replaces class numbers by others.
 *
 * @param table the new number of each old one, 255 for none
 */
export function relabel(labels: Tensor, table: readonly number[]): Tensor {
  const found = tensor([...table], { dtype: 'uint8' });
  return found.indexSelect(0, labels.reshape([-1]).to('int64')).reshape(labels.shape);
}

/** @throws {ArgumentError} naming `where`, for a map with a number that is neither a class nor 255 */
export function checkLabels(labels: Tensor, classes: number, where: string): void {
  const known = tensor([...Array.from({ length: classes }, (_, i) => i), IGNORE], { dtype: labels.dtype });
  const wrong = isin(labels, known, { invert: true });
  if (!wrong.any().item()) return;
  const value = labels.maskedSelect(wrong).select(0, 0).item();
  throw new ArgumentError(
    'labels',
    `${where}: expected class numbers from 0 to ${classes - 1}, or ${IGNORE} for none, but found ${value}`,
  );
}
