/** @file PhotoTour: patches of photos of sights, and which of them show the same spot. Brown, Hua and Winder, 2011. */

import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { data, fromTypedArray, keep, load, save, scope, Tensor, Tuple } from '@edgeai/torch';
import { loadImage } from '../../io/decode.ts';
import { DatasetError } from '../errors.ts';
import { invalid, readLines, wholeNumber } from '../files/text.ts';
import { compareStrings, expandHome } from '../listing.ts';
import { choose, type DownloadChoice, fetchFiles } from '../published.ts';

const SIDE = 64;
const BROWN = 'http://matthewalunbrown.com/patchdata/';
const ICVL = 'http://icvl.ee.ic.ac.uk/vbalnt/';

/** Where each is, its MD5, mean and deviation of its pixels from 0 to 1, and number of patches. */
const TOURS = {
  notredame: [ICVL, '509eda8535847b8c0a90bbb210c83484', 0.4854, 0.1864, 468159],
  yosemite: [ICVL, '533b2e8eb7ede31be40abc317b2fd4f0', 0.4844, 0.1818, 633587],
  liberty: [ICVL, 'fdd9152f138ea5ef2091746689176414', 0.4437, 0.2019, 450092],
  notredame_harris: [BROWN, '69f8c90f78e171349abdf0307afefe4d', 0.4854, 0.1864, 325295],
  yosemite_harris: [BROWN, 'a73253d1c6fbd3ba2613c45065c00d46', 0.4844, 0.1818, 450912],
  liberty_harris: [BROWN, 'c731fcfb3abb4091110d0ae8c7ba182c', 0.4437, 0.2019, 379587],
} as const;
type TourName = keyof typeof TOURS;
const MATCHES = 'm50_100000_100000_0.txt';
const NAMES = {
  choices: { name: ['notredame', 'yosemite', 'liberty', 'notredame_harris', 'yosemite_harris', 'liberty_harris'] },
} as const;

export interface PhotoTourOptions<T> {
  /** Single patches (true) or pairs (false). Default true. */
  train?: boolean;
  /** What happens to each patch. */
  transform?: (patch: Tensor) => T;
}

/**
 * Patches, uint8 [64, 64], or with `train: false` pairs of them: [patch, patch, 1 where both show the same spot]. Files:
 * `root/<name>/*.bmp`, `info.txt`, `m50_100000_100000_0.txt`; `open` gathers them once in `root/<name>.pt`, as torchvision does.
 */
@data.portable(import.meta.url)
export class PhotoTour<T = Tensor> implements data.Dataset<T | [T, T, number]> {
  readonly name: TourName;
  readonly train: boolean;
  /** Mean and deviation of all pixels, 0 … 1. */
  readonly mean: number;
  readonly std: number;
  /** uint8 [patches, 64, 64]. */
  readonly data: Tensor;
  /** The number of the spot that each patch shows. */
  readonly labels: readonly number[];
  /** Two patches, and whether they show the same spot. */
  readonly matches: readonly (readonly [number, number, number])[];
  readonly transform: ((patch: Tensor) => T) | undefined;

  /** @throws {DatasetError} where the patches have not been gathered yet */
  constructor(root: string, name: TourName, options: PhotoTourOptions<T> = {}) {
    this.name = choose(NAMES, { name }).name;
    this.train = options.train ?? true;
    this.transform = options.transform;
    [, , this.mean, this.std] = TOURS[name];
    const path = join(expandHome(root), `${name}.pt`);
    if (!existsSync(path))
      throw new DatasetError(
        'DATASET_NOT_FOUND',
        path,
        `PhotoTour: there is no ${path}; await PhotoTour.open(…) makes it`,
      );
    const { patches, labels, matches } = scope(() => {
      const content = load(path);
      const [patches, labels, matches] = Array.isArray(content) ? content : [];
      if (!(patches instanceof Tensor && labels instanceof Tensor && matches instanceof Tensor))
        throw invalid(path, 'expected patches, their labels and pairs of them');
      return {
        patches,
        labels: labels.toArray() as number[],
        matches: matches.toArray() as [number, number, number][],
      };
    });
    this.data = keep(patches);
    this.labels = labels;
    this.matches = matches;
  }

  /** Gathers the patches where that has not been done yet; can download. */
  static async open<T = Tensor>(
    root: string,
    name: TourName,
    options: PhotoTourOptions<T> & DownloadChoice = {},
  ): Promise<PhotoTour<T>> {
    choose(NAMES, { name });
    const { download, onProgress, signal, ...rest } = options;
    const folder = expandHome(root);
    if (!existsSync(join(folder, `${name}.pt`))) {
      const [base, md5] = TOURS[name];
      const files = {
        name: 'PhotoTour',
        needs: () => [name],
        downloads: () => [{ url: `${base}${name}.zip`, file: `${name}.zip`, md5, unpack: name }],
      };
      if (download === true) await fetchFiles(files, folder, {}, { onProgress, signal });
      await gather(folder, name);
    }
    return new PhotoTour<T>(root, name, rest);
  }

  get length(): number {
    return this.train ? this.data.size(0) : this.matches.length;
  }

  get(index: number): T | [T, T, number] {
    data.checkIndex(index, this.length);
    const patch = (i: number): T => {
      const one = this.data.select(0, i);
      // Without a transform, T is Tensor.
      return this.transform === undefined ? (one as unknown as T) : this.transform(one);
    };
    return scope(() => {
      if (this.train) return patch(index);
      const [first, second, same] = this.matches[index] as readonly [number, number, number];
      return [patch(first), patch(second), same];
    });
  }

  /** Releases the patches. */
  dispose(): void {
    this.data.dispose();
  }
}

/** Cuts the pictures into patches and keeps them with their labels and pairs. */
async function gather(root: string, name: TourName): Promise<void> {
  const folder = join(root, name);
  const files = existsSync(folder)
    ? (await readdir(folder)).filter((file) => file.endsWith('.bmp')).sort(compareStrings)
    : [];
  if (files.length === 0)
    throw new DatasetError(
      'DATASET_NOT_FOUND',
      folder,
      `PhotoTour was not found: there are no .bmp files in ${folder}`,
    );
  const info = join(folder, 'info.txt');
  const labels = readLines(info).map((line) => wholeNumber(line.split(/\s+/)[0], info, 'the spot'));
  const list = join(folder, MATCHES);
  const matches = readLines(list).map((line) => {
    const [first, spot, , second, other] = line.split(/\s+/);
    return [wholeNumber(first, list, 'a patch'), wholeNumber(second, list, 'a patch'), spot === other ? 1 : 0];
  });
  const pieces: Uint8Array[] = [];
  for (const file of files) {
    const { data: pixels, width, height } = await loadImage(join(folder, file), 'GRAY');
    for (let y = 0; y + SIDE <= height; y += SIDE)
      for (let x = 0; x + SIDE <= width; x += SIDE) {
        const patch = new Uint8Array(SIDE * SIDE);
        for (let row = 0; row < SIDE; row++)
          patch.set(pixels.subarray((y + row) * width + x, (y + row) * width + x + SIDE), row * SIDE);
        pieces.push(patch);
      }
  }
  // The last picture is not full.
  const patches = pieces.slice(0, Math.min(TOURS[name][4], labels.length));
  const whole = (numbers: readonly number[], shape: readonly number[]) =>
    fromTypedArray(BigInt64Array.from(numbers, BigInt), [...shape]);
  scope(() =>
    save(
      Tuple.fromItems([
        fromTypedArray(Buffer.concat(patches), [patches.length, SIDE, SIDE]),
        whole(labels, [labels.length]),
        whole(matches.flat(), [matches.length, 3]),
      ]),
      join(root, `${name}.pt`),
    ),
  );
}
