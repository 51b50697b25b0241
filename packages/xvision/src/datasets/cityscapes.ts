/** @file Cityscapes and what is laid out like it: nineteen or five classes, depth from disparity, what moves, the image before or the flow to it; A2D2. */

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { FileFormatError } from '@edgeai/torch';
import { datasets } from '@edgeai/vision';
import { SCENE_CLASSES } from '../scenes/index.ts';
import { A2D2_CLASSES, A2D2_PALETTE } from './a2d2-classes.ts';
import type { DenseSource } from './dense-dataset.ts';
import {
  before,
  classMaps,
  depthMaps,
  flowPictures,
  fromParts,
  namesBelow,
  type Part,
  type Plane,
  pictures,
  pngPlane,
} from './from-files.ts';
import { CITYSCAPES_PALETTE, CITYSCAPES_WEIGHTS } from './palettes.ts';
import { classes, type DenseOpenOptions, type Opener, requireTasks, rootOf } from './source-options.ts';
import { type ClassTarget, IGNORE, MOTION_TARGET, type TargetInfo } from './targets.ts';

const IMAGE = '_leftImg8bit.png';

/** Of the numbers in `labelIds` masks. */
const TRAIN_IDS: readonly number[] = (() => {
  const table = Array.from({ length: 256 }, () => IGNORE);
  for (const { id, trainId } of datasets.CITYSCAPES_CLASSES)
    if (id >= 0 && trainId >= 0 && trainId < SCENE_CLASSES.length) table[id] = trainId;
  return table;
})();

/** Moving is 255 in the files, which means unknown elsewhere. */
const MOTION_IDS: readonly number[] = Array.from({ length: 256 }, (_, value) => (value === 255 ? 1 : value));

/** Five coarse classes. The original draws them in the colours of the first five of nineteen, whatever those mean; these have their own. */
const FIVE: ClassTarget = classes(
  ['road', 'sky', 'pedestrian', 'vehicle', 'background'],
  [
    [128, 64, 128],
    [0, 130, 180],
    [220, 20, 60],
    [0, 0, 142],
    [70, 70, 70],
  ],
  [0.22567085, 1.89944273, 5.24032014, 1, 0.13516443],
);

interface Labels {
  readonly ending: string;
  readonly info: ClassTarget;
  readonly table: readonly number[] | null;
}

const NINETEEN: Labels = {
  ending: '_gtFine_labelIds.png',
  info: classes(SCENE_CLASSES, CITYSCAPES_PALETTE, CITYSCAPES_WEIGHTS),
  table: TRAIN_IDS,
};

function cityscapes(name: string, labels: Labels): Opener {
  return (options) => {
    requireTasks(options, name, ['segmentation', 'depth', 'motion'], { pairs: true, flow: true });
    const root = rootOf(options, name);
    const { split, tasks, images = 1, maxDepth = 80 } = options;
    const { second = 'picture', flowFolder = 'leftImg8bit_flow_confidence' } = options;
    const folder = join(root, 'leftImg8bit', split);
    const stems = namesBelow(folder, IMAGE).map((file) => file.slice(0, -IMAGE.length));
    const all = (part: string, ending: string) => stems.map((stem) => join(root, part, split, `${stem}${ending}`));
    const disparities = all('disparity', '_disparity.png');
    const cameras = all('camera', '_camera.json');
    const maps: Record<'segmentation' | 'motion' | 'depth', () => readonly [TargetInfo, Part]> = {
      segmentation: () => [labels.info, classMaps(all('gtFine', labels.ending), labels.table)],
      motion: () => [MOTION_TARGET, classMaps(all('gtFine', '_gtFine_labelTrainIds_motion.png'), MOTION_IDS)],
      depth: () => [
        { kind: 'depth', max: maxDepth },
        depthMaps(
          (index) => [disparities[index] as string, cameras[index] as string],
          (index) => depthOf(disparities[index] as string, cameras[index] as string),
          maxDepth,
        ),
      ],
    };
    const current = pictures(all('leftImg8bit', IMAGE));
    const previous = () =>
      pictures(stems.map((stem) => previousImage(join(root, 'leftImg8bit_previous', split), stem)));
    const flow = () => flowPictures(all(flowFolder, IMAGE));
    return fromParts(
      name,
      folder,
      stems.length,
      images === 2 ? [current, second === 'flow' ? flow() : previous()] : [current],
      tasks.map((task) => maps[task as keyof typeof maps]()),
      ['image', second === 'flow' ? 'flow' : 'image'],
    );
  };
}

/** The frame before: `aachen_000000_000018_leftImg8bit.png` for `…_000019`, or a file of the same name. */
function previousImage(folder: string, stem: string): string {
  const [, head = '', frame = ''] = /^(.*_)(\d+)$/.exec(basename(stem)) ?? [];
  const candidates = [`${head}${before(frame)}`, basename(stem)].map((name) =>
    join(folder, dirname(stem), `${name}${IMAGE}`),
  );
  return candidates.find((path) => existsSync(path)) ?? (candidates[0] as string);
}

/**
 * Metres from a disparity: focal length times base line over it. Files hold 256 times the disparity plus 1, 0 for nothing; a
 * disparity of 0, infinitely far, counts as unknown too (the original clips it to a distance of one metre).
 */
async function depthOf(disparity: string, camera: string): Promise<Plane> {
  const product = await focalBaseline(camera);
  return pngPlane(disparity, (value) => (value > 1 ? Math.min(255, Math.max(1, (product * 256) / (value - 1))) : 0));
}

async function focalBaseline(path: string): Promise<number> {
  let content: { intrinsic?: { fx?: unknown }; extrinsic?: { baseline?: unknown } };
  try {
    content = JSON.parse(await readFile(path, 'utf8')) as typeof content;
  } catch (error) {
    throw new FileFormatError(`is not readable as JSON: ${(error as Error).message}`, path, { cause: error });
  }
  const product = Number(content.intrinsic?.fx) * Number(content.extrinsic?.baseline);
  if (!(product > 0)) throw new FileFormatError('has no intrinsic.fx and extrinsic.baseline above 0', path);
  return product;
}

export const openCityscapes: Opener = cityscapes('cityscapes', NINETEEN);

export const openCityscapes5: Opener = cityscapes('cityscapes5', {
  ending: '_gtFine_labelTrainIds.png',
  info: FIVE,
  table: null,
});

/** Audi's A2D2 in the folders of Cityscapes: `leftImg8bit/<split>/**`, and masks of the same names in `gtFine/<split>/**`. */
export const openA2d2: Opener = (options: DenseOpenOptions): DenseSource => {
  requireTasks(options, 'a2d2', ['segmentation']);
  const root = rootOf(options, 'a2d2');
  const folder = join(root, 'leftImg8bit', options.split);
  const names = namesBelow(folder, '.png');
  const masks = names.map((name) => join(root, 'gtFine', options.split, name));
  const target = classes(A2D2_CLASSES, A2D2_PALETTE);
  return fromParts(
    'a2d2',
    folder,
    names.length,
    [pictures(names.map((name) => join(folder, name)))],
    options.tasks.map(() => [target, classMaps(masks)] as const),
  );
};
