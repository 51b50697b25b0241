/** @file Relatives of MNIST in other files: QMNIST with all that is known of each digit, and MovingMNIST. */

import { join } from 'node:path';
import { ArgumentError, data, FileFormatError, keep, loadNpy, scope, type Tensor } from '@edgeai/torch';
import { readIdx } from '../idx.ts';
import { expandHome } from '../listing.ts';
import {
  choose,
  type DownloadChoice,
  fetchFiles,
  type Index,
  published,
  refuseDownload,
  requireFiles,
} from '../published.ts';
import { fromTensor, type Part, rows, values } from '../samples.ts';

const QMNIST_BASE = 'https://raw.githubusercontent.com/facebookresearch/qmnist/master/';
/** Images and labels: name, how it is packed, MD5 of that. */
const QMNIST_FILES = {
  train: [
    ['qmnist-train-images-idx3-ubyte', '.gz', 'ed72d4157d28c017586c42bc6afe6370'],
    ['qmnist-train-labels-idx2-int', '.gz', '0058f8dd561b90ffdd0f734c6a30e5e4'],
  ],
  test: [
    ['qmnist-test-images-idx3-ubyte', '.gz', '1394631089c404de565df7b7aeaf9412'],
    ['qmnist-test-labels-idx2-int', '.gz', '5b5b05890a5e13444e108efe57b788aa'],
  ],
  nist: [
    ['xnist-images-idx3-ubyte', '.xz', '7f124b3b8ab81486c9d8c2749c17f834'],
    ['xnist-labels-idx2-int', '.xz', '5ed0e788978e45d4a8bd4b7caec3d79d'],
  ],
} as const;
type What = 'train' | 'test' | 'test10k' | 'test50k' | 'nist';

const whatOf = (chosen: { readonly what: What | undefined; readonly train: boolean }): What =>
  chosen.what ?? (chosen.train ? 'train' : 'test');
const filesOf = (what: What) => QMNIST_FILES[what === 'test10k' || what === 'test50k' ? 'test' : what];
const QMNIST_FOLDER = join('QMNIST', 'raw');

/**
 * MNIST's digits with the whole test part and what is known of each: its class or, with `compat: false`, int64 [8]: class,
 * series of writers, writer, number of it, class in NIST's numbers, place there, and two zeros. `test10k` are MNIST's test
 * pictures, `test50k` those that it lost, `nist` all there are. Files: `root/QMNIST/raw/qmnist-train-images-idx3-ubyte` and so on.
 * Yadav and Bottou, 2019.
 */
export const QMNIST = published({
  name: 'QMNIST',
  choices: {
    what: [undefined, 'train', 'test', 'test10k', 'test50k', 'nist'],
    compat: [true, false],
    train: [true, false],
  },
  needs: (chosen) => filesOf(whatOf(chosen)).map(([file]) => join(QMNIST_FOLDER, file)),
  downloads: (chosen) =>
    filesOf(whatOf(chosen)).map(([file, ending, md5]) => ({
      url: `${QMNIST_BASE}${file}${ending}`,
      file: join(QMNIST_FOLDER, `${file}${ending}`),
      md5,
      unpack: QMNIST_FOLDER,
    })),
  read: (root, chosen): Index<number | Tensor> => {
    const what = whatOf(chosen);
    const [imageFile, labelFile] = filesOf(what).map(([file]) => join(root, QMNIST_FOLDER, file)) as [string, string];
    return scope(() => {
      const labels = readIdx(labelFile);
      const images = readIdx(imageFile);
      if (labels.ndim !== 2 || images.ndim !== 3 || images.size(0) !== labels.size(0))
        throw new FileFormatError(`holds [${labels.shape.join(', ')}], expected 8 numbers for each image`, labelFile);
      const [from, to] = what === 'test10k' ? [0, 10_000] : what === 'test50k' ? [10_000, Infinity] : [0, Infinity];
      const table = (labels.toArray() as number[][]).slice(from, to);
      const targets = table.map(([label = -1]) => label);
      const part: Part<number | Tensor> = chosen.compat ? values(targets) : rows(table);
      const used = images.narrow(0, from, table.length).unsqueeze(1);
      return { samples: fromTensor(used, part, imageFile), targets, classes: [...'0123456789'] };
    });
  },
});

export interface MovingMNISTOptions<T> {
  /** The first frames or the rest; null for all twenty. Default null. */
  split?: 'train' | 'test' | null;
  /** Frames that belong to `train`. Default 10. */
  splitRatio?: number;
  transform?: (frames: Tensor) => T;
}

const MOVING = {
  name: 'MovingMNIST',
  choices: {},
  needs: () => ['MovingMNIST/mnist_test_seq.npy'],
  downloads: () => [
    {
      url: 'http://www.cs.toronto.edu/~nitish/unsupervised_video/mnist_test_seq.npy',
      file: 'MovingMNIST/mnist_test_seq.npy',
      md5: 'be083ec986bfe91a449d63653c411eb2',
    },
  ],
};

/**
 * Two digits moving about, 10,000 times: uint8 [frames, 1, 64, 64]. File: `root/MovingMNIST/mnist_test_seq.npy`. Srivastava,
 * Mansimov and Salakhutdinov, 2015.
 */
@data.portable(import.meta.url)
export class MovingMNIST<T = Tensor> implements data.Dataset<T> {
  /** uint8 [sequences, frames, 1, 64, 64]. */
  readonly data: Tensor;
  readonly transform: ((frames: Tensor) => T) | undefined;

  /** @throws {DatasetError} when the file is missing @throws {FileFormatError} for one that is something else */
  constructor(root: string, options: MovingMNISTOptions<T> = {}) {
    refuseDownload(MOVING.name, options);
    const { split = null, splitRatio = 10 } = options;
    if (split !== null) choose({ choices: { split: ['train', 'test'] } as const }, { split });
    if (!Number.isInteger(splitRatio) || splitRatio < 1 || splitRatio > 19)
      throw ArgumentError.expected('splitRatio', 'a whole number of frames from 1 to 19', splitRatio);
    const folder = expandHome(root);
    requireFiles(MOVING, folder, {});
    const path = join(folder, 'MovingMNIST', 'mnist_test_seq.npy');
    this.transform = options.transform;
    this.data = keep(
      scope(() => {
        const all = loadNpy(path);
        if (all.ndim !== 4 || all.dtype !== 'uint8')
          throw new FileFormatError(
            `holds ${all.dtype} [${all.shape.join(', ')}], expected uint8 [frames, sequences, height, width]`,
            path,
          );
        const frames = all.size(0);
        const [from, count] =
          split === null ? [0, frames] : split === 'train' ? [0, splitRatio] : [splitRatio, frames - splitRatio];
        return all.narrow(0, from, count).transpose(0, 1).unsqueeze(2).contiguous();
      }),
    );
  }

  /** Like the constructor, but can download. */
  static async open<T = Tensor>(
    root: string,
    options: MovingMNISTOptions<T> & DownloadChoice = {},
  ): Promise<MovingMNIST<T>> {
    const { download, onProgress, signal, ...rest } = options;
    if (download === true) await fetchFiles(MOVING, expandHome(root), {}, { onProgress, signal });
    return new MovingMNIST<T>(root, rest);
  }

  get length(): number {
    return this.data.size(0);
  }

  get(index: number): T {
    data.checkIndex(index, this.length);
    return scope(() => {
      const frames = this.data.select(0, index);
      // Without a transform, T is Tensor.
      return this.transform === undefined ? (frames as unknown as T) : this.transform(frames);
    });
  }

  /** Releases the frames. */
  dispose(): void {
    this.data.dispose();
  }
}
