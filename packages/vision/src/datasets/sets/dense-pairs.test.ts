import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { dispose, expectNoLeaks, type Tensor } from '@edgeai/torch';
import * as datasets from '../index.ts';
import { dot, flo, pfm, png, tree } from '../testing.ts';

type Files = Record<string, string | Uint8Array>;
interface AnySet {
  readonly length: number;
  get(index: number): Promise<unknown>;
}

/** Files whose names hold a number, with pictures of that value. */
const pictures = (...names: string[]): Files =>
  Object.fromEntries(names.map((name) => [name, dot(Number(/(\d+)\D*$/.exec(name)?.[1]))]));
const flow = (x: number) => flo(2, 1, [x, 0, 0, -x]);
const kitti = (x: number) => png(2, 1, [32768 + 64 * x, 32768, 1, 0, 0, 0], { bits: 16 });
const disparity = (value: number, bits: 8 | 16 = 16) => png(2, 1, [value, 0], { bits });

/** Each sample: first pixels of both pictures, the first number of flow or disparity, and where it is known. */
async function read(set: AnySet): Promise<unknown[]> {
  const found: unknown[] = [];
  for (let i = 0; i < set.length; i++) {
    const sample = (await set.get(i)) as readonly (Tensor | null)[];
    found.push(
      sample.map((part) => {
        if (part === null) return null;
        const values = part.toArray();
        return part.dtype === 'bool' ? values : ([values].flat(4)[0] as number);
      }),
    );
    dispose(sample);
  }
  return found;
}

const cases: Readonly<Record<string, { files: Files; make: (root: string) => AnySet; expected: unknown[] }>> = {
  'Sintel, both passes': {
    files: {
      ...pictures(
        ...['clean', 'final'].flatMap((pass) =>
          [1, 2, 3].map((i) => `Sintel/training/${pass}/alley/frame_000${i}.png`),
        ),
      ),
      'Sintel/training/flow/alley/frame_0001.flo': flow(5),
      'Sintel/training/flow/alley/frame_0002.flo': flow(6),
    },
    make: (root) => new datasets.Sintel(root, { passName: 'both' }),
    expected: [
      [1, 2, 5, null],
      [2, 3, 6, null],
      [1, 2, 5, null],
      [2, 3, 6, null],
    ],
  },
  'Sintel, test': {
    files: pictures('Sintel/test/clean/cave/1.png', 'Sintel/test/clean/cave/2.png'),
    make: (root) => new datasets.Sintel(root, { split: 'test' }),
    expected: [[1, 2, null, null]],
  },
  KittiFlow: {
    files: {
      ...pictures('KittiFlow/training/image_2/000000_10.png', 'KittiFlow/training/image_2/000000_11.png'),
      'KittiFlow/training/flow_occ/000000_10.png': kitti(3),
    },
    make: (root) => new datasets.KittiFlow(root),
    expected: [[10, 11, 3, [[true, false]]]],
  },
  FlyingChairs: {
    files: {
      ...pictures(...[1, 2, 3, 4].map((i) => `FlyingChairs/data/0000${i}_img${i}.ppm`)),
      'FlyingChairs/data/00001_flow.flo': flow(1),
      'FlyingChairs/data/00002_flow.flo': flow(2),
      'FlyingChairs/FlyingChairs_train_val.txt': '1\n2\n',
    },
    make: (root) => new datasets.FlyingChairs(root, { split: 'val' }),
    expected: [[3, 4, 2, null]],
  },
  FlyingThings3D: {
    files: {
      ...pictures(...[1, 2, 3].map((i) => `FlyingThings3D/frames_cleanpass/TRAIN/A/0000/left/000${i}.png`)),
      ...Object.fromEntries(
        ['into_future', 'into_past'].flatMap((direction, d) =>
          [1, 2, 3].map((i) => [
            `FlyingThings3D/optical_flow/TRAIN/A/0000/${direction}/left/000${i}.pfm`,
            pfm(2, 1, [10 * (d + 1) + i, 0]),
          ]),
        ),
      ),
    },
    make: (root) => new datasets.FlyingThings3D(root),
    expected: [
      [1, 2, 11, null],
      [2, 3, 12, null],
      [2, 1, 22, null],
      [3, 2, 23, null],
    ],
  },
  HD1K: {
    files: {
      ...pictures(...[1, 2, 3].map((i) => `hd1k/hd1k_input/image_2/000001_000${i}.png`)),
      ...Object.fromEntries([1, 2, 3].map((i) => [`hd1k/hd1k_flow_gt/flow_occ/000001_000${i}.png`, kitti(i)])),
    },
    make: (root) => new datasets.HD1K(root),
    expected: [
      [1, 2, 1, [[true, false]]],
      [2, 3, 2, [[true, false]]],
    ],
  },
  CarlaStereo: {
    files: {
      ...pictures('carla-highres/trainingF/s/im0.png', 'carla-highres/trainingF/s/im1.png'),
      'carla-highres/trainingF/s/disp0GT.pfm': pfm(2, 1, [-4, 0]),
      'carla-highres/trainingF/s/disp1GT.pfm': pfm(2, 1, [5, 0]),
    },
    make: (root) => new datasets.CarlaStereo(root),
    expected: [[0, 1, 4, null]],
  },
  Kitti2012Stereo: {
    files: {
      ...pictures('Kitti2012/training/colored_0/0_10.png', 'Kitti2012/training/colored_1/0_10.png'),
      'Kitti2012/training/disp_noc/0_10.png': disparity(512),
    },
    make: (root) => new datasets.Kitti2012Stereo(root),
    expected: [[10, 10, 2, null]],
  },
  'Kitti2015Stereo, test': {
    files: pictures('Kitti2015/testing/image_2/4.png', 'Kitti2015/testing/image_3/5.png'),
    make: (root) => new datasets.Kitti2015Stereo(root, { split: 'test' }),
    expected: [[4, 5, null, null]],
  },
  CREStereo: {
    files: Object.fromEntries(
      ['shapenet', 'reflective', 'tree', 'hole'].flatMap((part, i) => [
        [`CREStereo/${part}/a_left.jpg`, dot(i)],
        [`CREStereo/${part}/a_right.jpg`, dot(i + 10)],
        [`CREStereo/${part}/a_left.disp.png`, disparity(64)],
        [`CREStereo/${part}/a_right.disp.png`, disparity(32)],
      ]),
    ),
    make: (root) => new datasets.CREStereo(root),
    expected: [0, 1, 2, 3].map((i) => [i, i + 10, 2, null]),
  },
  FallingThingsStereo: {
    files: {
      'FallingThings/single/soup/kitchen/1.left.jpg': dot(1),
      'FallingThings/single/soup/kitchen/1.right.jpg': dot(2),
      'FallingThings/single/soup/kitchen/1.left.depth.png': disparity(1000),
      'FallingThings/single/soup/kitchen/1.right.depth.png': disparity(1000),
      'FallingThings/single/soup/kitchen/_camera_settings.json': JSON.stringify({
        camera_settings: [{ intrinsic_settings: { fx: 500 } }],
      }),
    },
    make: (root) => new datasets.FallingThingsStereo(root),
    expected: [[1, 2, 300, null]],
  },
  SceneFlowStereo: {
    files: Object.fromEntries(
      [1, 2].flatMap((i) => [
        [`SceneFlow/Monkaa/frames_finalpass/a/left/${i}.png`, dot(i)],
        [`SceneFlow/Monkaa/frames_finalpass/a/right/${i}.png`, dot(i + 10)],
        [`SceneFlow/Monkaa/disparity/a/left/${i}.pfm`, pfm(2, 1, [i + 20, 0])],
        [`SceneFlow/Monkaa/disparity/a/right/${i}.pfm`, pfm(2, 1, [1, 0])],
      ]),
    ),
    make: (root) => new datasets.SceneFlowStereo(root, { variant: 'Monkaa', passName: 'final' }),
    expected: [
      [1, 11, 21, null],
      [2, 12, 22, null],
    ],
  },
  SintelStereo: {
    files: {
      'Sintel/training/final_left/alley/1.png': dot(1),
      'Sintel/training/final_right/alley/1.png': dot(2),
      'Sintel/training/disparities/alley/1.png': png(2, 1, [2, 32, 0, 0, 0, 0]),
      'Sintel/training/occlusions/alley/1.png': png(2, 1, [0, 255]),
      'Sintel/training/outofframe/alley/1.png': png(2, 1, [0, 0]),
    },
    make: (root) => new datasets.SintelStereo(root),
    expected: [[1, 2, 8.5, [[true, false]]]],
  },
  InStereo2k: {
    files: {
      'InStereo2k/test/a/left.png': dot(1),
      'InStereo2k/test/a/right.png': dot(2),
      'InStereo2k/test/a/left_disp.png': disparity(3072),
      'InStereo2k/test/a/right_disp.png': disparity(1024),
    },
    make: (root) => new datasets.InStereo2k(root, { split: 'test' }),
    expected: [[1, 2, 3, null]],
  },
  ETH3DStereo: {
    files: {
      'ETH3D/two_view_training/a/im0.png': dot(1),
      'ETH3D/two_view_training/a/im1.png': dot(2),
      'ETH3D/two_view_training_gt/a/disp0GT.pfm': pfm(2, 1, [7, Number.POSITIVE_INFINITY]),
      'ETH3D/two_view_training_gt/a/mask0nocc.png': png(2, 1, [255, 0]),
    },
    make: (root) => new datasets.ETH3DStereo(root),
    expected: [[1, 2, 7, [[true, false]]]],
  },
  Middlebury2014Stereo: {
    files: Object.fromEntries(
      ['perfect', 'imperfect'].flatMap((suffix, i) => [
        [`Middlebury2014/train/Piano-${suffix}/im0.png`, dot(i + 1)],
        [`Middlebury2014/train/Piano-${suffix}/im1.png`, dot(i + 3)],
        [`Middlebury2014/train/Piano-${suffix}/disp0.pfm`, pfm(2, 1, [9, Number.POSITIVE_INFINITY])],
        [`Middlebury2014/train/Piano-${suffix}/disp1.pfm`, pfm(2, 1, [9, 9])],
      ]),
    ),
    make: (root) => new datasets.Middlebury2014Stereo(root, { calibration: 'both' }),
    expected: [
      [1, 3, 9, [[true, false]]],
      [2, 4, 9, [[true, false]]],
    ],
  },
};

describe('pairs of pictures with flow or disparity', () => {
  for (const [name, { files, make, expected }] of Object.entries(cases))
    it(name, () =>
      expectNoLeaks(async () => {
        assert.deepEqual(await read(make(tree(files))), expected);
      }),
    );

  it('go through transforms as a whole', () =>
    expectNoLeaks(async () => {
      const root = tree((cases.KittiFlow as { files: Files }).files);
      const set = new datasets.KittiFlow(root, {
        transforms: (first, _second, flow, valid) => ({ first, flow: flow?.mul(2) ?? null, known: valid !== null }),
      });
      const sample = await set.get(0);
      assert.deepEqual([sample.flow?.toArray(), sample.known], [[[[6, -1024]], [[0, -1024]]], true]);
      dispose(sample);
    }));

  it('say what is missing', () => {
    assert.throws(
      () => new datasets.Sintel('/nowhere'),
      /Sintel was not found: there are no pairs of pictures in \/nowhere/,
    );
    assert.throws(
      () => new datasets.CarlaStereo('/nowhere'),
      /there is no file \/nowhere\/carla-highres\/trainingF\/\*\/im0\.png/,
    );
    const { files } = cases.CarlaStereo as { files: Files };
    const extra = tree({ ...files, 'carla-highres/trainingF/t/im0.png': dot(1) });
    assert.throws(() => new datasets.CarlaStereo(extra), /there are 2 files \*\/im0\.png but 1 files \*\/im1\.png/);
    assert.throws(
      () => new datasets.Middlebury2014Stereo('x', { split: 'test', calibration: 'perfect' }),
      /null for the test scenes/,
    );
  });
});
