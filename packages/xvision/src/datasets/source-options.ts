/** @file What every dense data set is opened with. */

import { ArgumentError } from '@edgeai/torch';
import type { DenseSource } from './dense-dataset.ts';
import { paletteOf } from './palettes.ts';
import type { ClassTarget, Colour, TargetInfo } from './targets.ts';

export type Split = 'train' | 'val';
export type DenseTaskKind = TargetInfo['kind'];

export type SecondInput = 'picture' | 'flow';

export interface DenseOpenOptions {
  /** Where the files are; not for scenes. */
  root?: string | null;
  split: Split;
  /** The maps that are wanted, in this order. */
  tasks: readonly DenseTaskKind[];
  /** Images a sample: 2 adds the one before, or the one that flow leads to. Default 1. */
  images?: 1 | 2;
  /** What the second image is: a picture, or the flow from the first to it. Default 'picture'. */
  second?: SecondInput;
  /** For Cityscapes: the folder that flow as an input is in. Default 'leftImg8bit_flow_confidence'. */
  flowFolder?: string;
  /** For scenes: how many, how large, and which. */
  scenes?: { length?: number; size?: readonly [number, number]; seed?: number };
  /** Depths beyond are not measured, in metres. Default 80. */
  maxDepth?: number;
  /** For COCO-style files: what the name of the annotation file begins with. Default 'instances'. */
  annotationPrefix?: string;
}

/** Opens a data set for these options. */
export type Opener = (options: DenseOpenOptions) => DenseSource;

/** What a map of these classes is. */
export function classes(
  names: readonly string[],
  palette: readonly Colour[] = paletteOf(names.length),
  weights: readonly number[] | null = null,
): ClassTarget {
  return { kind: 'segmentation', classes: names, palette, classWeights: weights };
}

/** The folder of the data set. @throws {ArgumentError} where none was named */
export function rootOf({ root }: DenseOpenOptions, name: string): string {
  if (root === undefined || root === null) throw new ArgumentError('root', `${name} needs the folder that holds it`);
  return root;
}

/**
 * @param flow it can be an input
 * @throws {ArgumentError} for tasks that a data set has no maps for, or a second image that it has not
 */
export function requireTasks(
  { tasks, images = 1, second = 'picture' }: DenseOpenOptions,
  name: string,
  has: readonly DenseTaskKind[],
  { pairs = false, flow = false }: { pairs?: boolean; flow?: boolean } = {},
): void {
  const unknown = tasks.find((task) => !has.includes(task));
  if (unknown !== undefined) throw new ArgumentError('tasks', `${name} has no ${unknown}; it has ${has.join(', ')}`);
  if (images === 2 && second === 'flow' && !flow)
    throw new ArgumentError('second', `${name} has no flow to be an input; cityscapes and scenes have`);
  if (images === 2 && !pairs) throw new ArgumentError('images', `${name} has single images: there is none before each`);
}
