/** @file Fashion-MNIST for training and evaluation: where its Debian package puts it, or downloaded once. */

import { homedir } from 'node:os';
import { join } from 'node:path';
import { datasets, type transforms } from '@edgeai/vision';

import type { ClassificationData } from './classification-data.ts';

/** Opens a part of Fashion-MNIST; `root` is where to look for it, and to download it to where it is not on this machine. */
export function openFashionMnist(
  root: string | null,
  split: 'train' | 'val',
  transform: transforms.Transform,
): Promise<ClassificationData> {
  const folder = root ?? join(homedir(), '.cache', 'edgeai', 'datasets');
  return datasets.FashionMNIST.open(folder, { train: split === 'train', transform, download: true });
}
