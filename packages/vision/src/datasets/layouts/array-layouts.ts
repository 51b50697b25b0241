/** @file Recognises data sets that are kept in a few large files: CIFAR, MNIST and its relatives, STL10, SVHN. */

import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { scope, type Tensor } from '@edgeai/torch';
import { tensorToImage, toMode } from '../../io/decoded-image.ts';
import { isFolder } from '../listing.ts';
import { FashionMNIST, KMNIST, MNIST } from '../mnist.ts';
import { CIFAR10, CIFAR100, STL10, SVHN } from '../sets/array-sets.ts';
import type { LayoutKind, LayoutSplit, RecognisedDataset, Recogniser } from './layout.ts';

/** A data set in memory. */
interface InMemory {
  readonly length: number;
  readonly classes: readonly string[];
  readonly targets: readonly number[];
  get(index: number): unknown;
  dispose(): void;
}

function memorySplit(name: string, path: string, set: InMemory): LayoutSplit {
  const targets = [...set.targets];
  return {
    name,
    length: set.length,
    path: () => path,
    ownFiles: false,
    image: async (index) =>
      toMode(
        scope(() => tensorToImage((set.get(index) as readonly [Tensor, unknown])[0])),
        'RGB',
      ),
    annotation: async (index) => ({ label: targets[index] as number }),
    dispose: () => set.dispose(),
  };
}

/** Opens what can be opened; what cannot is a problem. */
function opened(
  kind: LayoutKind,
  title: string,
  path: string,
  attempts: readonly (readonly [name: string, open: () => InMemory])[],
): RecognisedDataset | undefined {
  const splits: LayoutSplit[] = [];
  const problems: string[] = [];
  let classes: readonly string[] = [];
  for (const [name, open] of attempts) {
    try {
      const set = open();
      if (classes.length === 0) ({ classes } = set);
      splits.push(memorySplit(name, path, set));
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  return { kind, title, task: 'classification', splits, classes, problems };
}

/** The folder that has a folder `name`, or is it. */
function holder(path: string, name: string): string | undefined {
  if (isFolder(join(path, name))) return path;
  return basename(path) === name ? dirname(path) : undefined;
}

// What is told here is what is there; that it is what was published, opening it as a data set checks.
const plain = { checkIntegrity: false } as const;

export const arrayLayouts: Recogniser = (path) => {
  if (!isFolder(path)) return undefined;
  const cifar10 = holder(path, 'cifar-10-batches-py');
  if (cifar10 !== undefined)
    return opened('cifar', 'CIFAR-10 in Python’s batches', join(cifar10, 'cifar-10-batches-py'), [
      ['train', () => new CIFAR10(cifar10, plain)],
      ['test', () => new CIFAR10(cifar10, { ...plain, train: false })],
    ]);
  const cifar100 = holder(path, 'cifar-100-python');
  if (cifar100 !== undefined)
    return opened('cifar', 'CIFAR-100 in Python’s batches', join(cifar100, 'cifar-100-python'), [
      ['train', () => new CIFAR100(cifar100, plain)],
      ['test', () => new CIFAR100(cifar100, { ...plain, train: false })],
    ]);
  const stl = holder(path, 'stl10_binary');
  if (stl !== undefined)
    return opened('stl10', 'STL-10 in binary files', join(stl, 'stl10_binary'), [
      ['train', () => new STL10(stl, plain)],
      ['test', () => new STL10(stl, { ...plain, split: 'test' })],
    ]);
  const svhn = (['train', 'test', 'extra'] as const).filter((split) => existsSync(join(path, `${split}_32x32.mat`)));
  if (svhn.length > 0)
    return opened(
      'svhn',
      'SVHN in MAT-files',
      path,
      svhn.map((split) => [split, () => new SVHN(path, { ...plain, split })] as const),
    );
  for (const [name, Class] of [
    ['MNIST', MNIST],
    ['FashionMNIST', FashionMNIST],
    ['KMNIST', KMNIST],
  ] as const)
    if (isFolder(join(path, name, 'raw')))
      return opened('mnist', `${name} in IDX files`, join(path, name, 'raw'), [
        ['train', () => new Class(path)],
        ['test', () => new Class(path, { train: false })],
      ]);
  const idx = (part: string) => ['', '.gz'].some((end) => existsSync(join(path, `${part}-images-idx3-ubyte${end}`)));
  const there = (['train', 't10k'] as const).filter(idx);
  if (there.length === 0) return undefined;
  const Class = /fashion/i.test(path) ? FashionMNIST : MNIST;
  return opened(
    'mnist',
    'pictures in IDX files, as of MNIST',
    path,
    there.map(
      (part) => [part === 'train' ? 'train' : 'test', () => new Class(path, { train: part === 'train' })] as const,
    ),
  );
};
