/** @file Opens data sets of dense tasks by name. */

import { ArgumentError, data } from '@edgeai/torch';
import { didYouMean } from '@edgeai/torch/suggest';
import type { DenseTransform } from '../transforms/sample.ts';
import { openA2d2, openCityscapes, openCityscapes5 } from './cityscapes.ts';
import { openCoco, openCoco21, openCocoStyle, openCocoStyleWithBackground } from './coco.ts';
import { DenseDataset } from './dense-dataset.ts';
import { openKittiDepth, openSintelDepth } from './depth-sets.ts';
import {
  openFlyingChairs,
  openKittiFlowNoc,
  openKittiFlowOcc,
  openSintelBoth,
  openSintelClean,
  openSintelFinal,
} from './flow-sets.ts';
import { openAde20k, openAde20k32, openCamVid, openVoc } from './pairs.ts';
import { openScenes } from './scenes-source.ts';
import type { DenseOpenOptions, Opener } from './source-options.ts';

const OPENERS: Readonly<Record<string, Opener>> = {
  scenes: openScenes,
  camvid: openCamVid,
  cityscapes: openCityscapes,
  cityscapes5: openCityscapes5,
  a2d2: openA2d2,
  ade20k: openAde20k,
  ade20k32: openAde20k32,
  voc: openVoc,
  coco: openCoco,
  coco21: openCoco21,
  'coco-style': openCocoStyle,
  'coco-style-background': openCocoStyleWithBackground,
  'kitti-depth': openKittiDepth,
  'sintel-depth': openSintelDepth,
  'sintel-clean': openSintelClean,
  'sintel-final': openSintelFinal,
  'sintel-both': openSintelBoth,
  'kitti-flow-occ': openKittiFlowOcc,
  'kitti-flow-noc': openKittiFlowNoc,
  'flying-chairs': openFlyingChairs,
};

/** The names that {@link openDense} takes. */
export const denseDatasetNames: readonly string[] = Object.keys(OPENERS);

function open(name: string, options: DenseOpenOptions, transform: DenseTransform | null = null): DenseDataset {
  const opener = Object.hasOwn(OPENERS, name) ? OPENERS[name] : undefined;
  if (opener === undefined) {
    const hint = didYouMean(name, denseDatasetNames) || `; there are: ${denseDatasetNames.join(', ')}`;
    throw new ArgumentError('name', `There is no dense data set '${name}'${hint}`);
  }
  const source = opener(options);
  if (source.length === 0) throw new ArgumentError('root', `${name}: there is nothing in ${options.root ?? 'it'}`);
  return new DenseDataset(source, transform);
}

/**
 * Opens a data set of a dense task: `openDense('camvid', { root, split: 'train', tasks: ['segmentation'] }, transform)`.
 *
 * @throws {ArgumentError} for a name or a task that there is not, and where files are missing
 */
export const openDense = data.portableFactory(import.meta.url, 'openDense')(open);
