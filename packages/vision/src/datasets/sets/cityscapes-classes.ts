/** @file The 35 classes of Cityscapes: ids in the masks, numbers in training, groups and colours. */

export interface CityscapesClass {
  readonly name: string;
  /** The value in `labelIds` masks. */
  readonly id: number;
  /** The class in training; 255, and -1 for the license plate, where it is not trained. */
  readonly trainId: number;
  readonly category: string;
  readonly categoryId: number;
  readonly hasInstances: boolean;
  readonly ignoreInEval: boolean;
  readonly color: readonly [red: number, green: number, blue: number];
}

/** Groups of classes; a group's number is its place. */
const CATEGORIES = ['void', 'flat', 'construction', 'object', 'nature', 'sky', 'human', 'vehicle'] as const;
const [NO, YES] = [false, true];

/** Name, id, training id, group, has instances, ignored in evaluation, colour. */
const ROWS: readonly (readonly [
  string,
  number,
  number,
  number,
  boolean,
  boolean,
  readonly [number, number, number],
])[] = [
  ['unlabeled', 0, 255, 0, NO, YES, [0, 0, 0]],
  ['ego vehicle', 1, 255, 0, NO, YES, [0, 0, 0]],
  ['rectification border', 2, 255, 0, NO, YES, [0, 0, 0]],
  ['out of roi', 3, 255, 0, NO, YES, [0, 0, 0]],
  ['static', 4, 255, 0, NO, YES, [0, 0, 0]],
  ['dynamic', 5, 255, 0, NO, YES, [111, 74, 0]],
  ['ground', 6, 255, 0, NO, YES, [81, 0, 81]],
  ['road', 7, 0, 1, NO, NO, [128, 64, 128]],
  ['sidewalk', 8, 1, 1, NO, NO, [244, 35, 232]],
  ['parking', 9, 255, 1, NO, YES, [250, 170, 160]],
  ['rail track', 10, 255, 1, NO, YES, [230, 150, 140]],
  ['building', 11, 2, 2, NO, NO, [70, 70, 70]],
  ['wall', 12, 3, 2, NO, NO, [102, 102, 156]],
  ['fence', 13, 4, 2, NO, NO, [190, 153, 153]],
  ['guard rail', 14, 255, 2, NO, YES, [180, 165, 180]],
  ['bridge', 15, 255, 2, NO, YES, [150, 100, 100]],
  ['tunnel', 16, 255, 2, NO, YES, [150, 120, 90]],
  ['pole', 17, 5, 3, NO, NO, [153, 153, 153]],
  ['polegroup', 18, 255, 3, NO, YES, [153, 153, 153]],
  ['traffic light', 19, 6, 3, NO, NO, [250, 170, 30]],
  ['traffic sign', 20, 7, 3, NO, NO, [220, 220, 0]],
  ['vegetation', 21, 8, 4, NO, NO, [107, 142, 35]],
  ['terrain', 22, 9, 4, NO, NO, [152, 251, 152]],
  ['sky', 23, 10, 5, NO, NO, [70, 130, 180]],
  ['person', 24, 11, 6, YES, NO, [220, 20, 60]],
  ['rider', 25, 12, 6, YES, NO, [255, 0, 0]],
  ['car', 26, 13, 7, YES, NO, [0, 0, 142]],
  ['truck', 27, 14, 7, YES, NO, [0, 0, 70]],
  ['bus', 28, 15, 7, YES, NO, [0, 60, 100]],
  ['caravan', 29, 255, 7, YES, YES, [0, 0, 90]],
  ['trailer', 30, 255, 7, YES, YES, [0, 0, 110]],
  ['train', 31, 16, 7, YES, NO, [0, 80, 100]],
  ['motorcycle', 32, 17, 7, YES, NO, [0, 0, 230]],
  ['bicycle', 33, 18, 7, YES, NO, [119, 11, 32]],
  ['license plate', -1, -1, 7, NO, YES, [0, 0, 142]],
];

export const CITYSCAPES_CLASSES: readonly CityscapesClass[] = ROWS.map(
  ([name, id, trainId, categoryId, hasInstances, ignoreInEval, color]) => ({
    name,
    id,
    trainId,
    category: CATEGORIES[categoryId] ?? '',
    categoryId,
    hasInstances,
    ignoreInEval,
    color,
  }),
);
