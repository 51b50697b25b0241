/** @file LSUN: photos of ten kinds of scenes in LMDB databases. Yu et al., 2015. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ArgumentError, data, type Tensor } from '@edgeai/torch';
import { decodePixels } from '../../io/decode.ts';
import { type DecodedImage, imageToTensor } from '../../io/decoded-image.ts';
import { DatasetError } from '../errors.ts';
import { LmdbValues } from '../files/lmdb.ts';
import { expandHome } from '../listing.ts';
import { PublishedDataset } from '../published.ts';
import type { Samples } from '../samples.ts';
import type { VisionDatasetOptions } from '../vision-dataset.ts';

const CATEGORIES = [
  'bedroom',
  'bridge',
  'church_outdoor',
  'classroom',
  'conference_room',
  'dining_room',
  'kitchen',
  'living_room',
  'restaurant',
  'tower',
];
const PARTS = ['train', 'val', 'test'];

function openDatabase(folder: string): LmdbValues {
  if (existsSync(join(folder, 'data.mdb'))) return new LmdbValues(folder);
  const advice = 'Fetch and unpack it with https://github.com/fyu/lsun';
  throw new DatasetError('DATASET_NOT_FOUND', folder, `LSUN was not found: there is no ${folder}/data.mdb. ${advice}`);
}

/** The pictures of several databases, one after the other. */
function samplesOf<Target>(databases: readonly LmdbValues[], target: (database: number) => Target): Samples<Target> {
  let total = 0;
  const ends = databases.map(({ length }) => {
    total += length;
    return total;
  });
  const locate = (index: number): [database: number, local: number] => {
    const database = ends.findIndex((end) => index < end);
    return [database, index - (database === 0 ? 0 : (ends[database - 1] as number))];
  };
  const describe = (index: number): string => {
    const [database, local] = locate(index);
    return `${databases[database]?.path}, image ${local}`;
  };
  return {
    length: total,
    load: (index): Promise<DecodedImage> => {
      const [database, local] = locate(index);
      return decodePixels((databases[database] as LmdbValues).value(local), 'RGB', {}, describe(index));
    },
    finish: (index, loaded) => [imageToTensor(loaded as DecodedImage), target(locate(index)[0])],
    describe,
    dispose: () => {
      for (const database of databases) database.close();
    },
  };
}

/** The pictures of one database, in the order of their keys: [picture, null]. `root` is its folder, with `data.mdb`. */
@data.portable(import.meta.url)
export class LSUNClass<T = Tensor, Y = null> extends PublishedDataset<null, T, Y> {
  /** @throws {DatasetError} when it is missing @throws {FileFormatError} when it is something else */
  constructor(root: string, options: VisionDatasetOptions<Tensor, T, Y, null> = {}) {
    const folder = expandHome(root);
    super(folder, {}, { samples: samplesOf([openDatabase(folder)], () => null) }, options);
  }
}

export interface LSUNOptions<T, Y> extends VisionDatasetOptions<Tensor, T, Y> {
  /** A part, of all ten categories, or a list such as `['bedroom_train', 'tower_val']`. Default `train`. */
  classes?: 'train' | 'val' | 'test' | readonly string[];
}

/** Photos of scenes: [picture, place of its category in the list]. Files: `root/<category>_<part>_lmdb/data.mdb`. */
@data.portable(import.meta.url)
export class LSUN<T = Tensor, Y = number> extends PublishedDataset<number, T, Y> {
  /** @throws {DatasetError} when one is missing @throws {ArgumentError} for categories and parts that there are not */
  constructor(root: string, options: LSUNOptions<T, Y> = {}) {
    const folder = expandHome(root);
    const classes = databasesOf(options.classes ?? 'train');
    const samples = samplesOf(
      classes.map((name) => openDatabase(join(folder, `${name}_lmdb`))),
      (database) => database,
    );
    super(folder, { classes }, { samples, classes }, options);
  }
}

function databasesOf(given: string | readonly string[]): readonly string[] {
  if (given === 'test') return ['test'];
  if (typeof given === 'string') {
    if (!PARTS.includes(given)) throw ArgumentError.expected('classes', 'train, val, test or a list', given);
    return CATEGORIES.map((name) => `${name}_${given}`);
  }
  for (const name of given) {
    const at = name.lastIndexOf('_');
    if (!CATEGORIES.includes(name.slice(0, at)) || !PARTS.includes(name.slice(at + 1)))
      throw ArgumentError.expected('classes', `names such as bedroom_train, of ${CATEGORIES.join(', ')}`, name);
  }
  return given;
}
