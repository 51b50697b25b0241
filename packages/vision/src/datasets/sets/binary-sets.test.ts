import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { arange, dispose, expectNoLeaks, saveNpy, scope, Tensor } from '@edgeai/torch';
import { Hdf5Bytes } from '../files/hdf5.ts';
import * as datasets from '../index.ts';
import { fixture, put, temporaryFolder, tree } from '../testing.ts';

/** An IDX file of bytes or, with size 4, of whole numbers. */
function idx(shape: readonly number[], values: readonly number[], size: 1 | 4): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.set([0, 0, size === 1 ? 8 : 12, shape.length]);
  for (const [i, length] of shape.entries()) header.writeUInt32BE(length, 4 + 4 * i);
  const body = Buffer.alloc(values.length * size);
  for (const [i, value] of values.entries()) body.writeUIntBE(value, i * size, size);
  return Buffer.concat([header, body]);
}

it('QMNIST gives a digit’s class, or all that is known of it', () =>
  expectNoLeaks(async () => {
    const root = tree({
      'QMNIST/raw/qmnist-test-images-idx3-ubyte': idx([2, 1, 2], [1, 2, 3, 4], 1),
      'QMNIST/raw/qmnist-test-labels-idx2-int': idx([2, 8], [7, 1, 2, 3, 4, 5, 0, 0, 9, 6, 5, 4, 3, 70000, 0, 0], 4),
    });
    const classes = new datasets.QMNIST(root, { train: false });
    const [image, label] = await classes.get(1);
    assert.deepEqual([image.toArray(), label, classes.targets], [[[[3, 4]]], 9, [7, 9]]);
    dispose(image);
    const all = new datasets.QMNIST(root, { what: 'test10k', compat: false });
    const [other, known] = await all.get(1);
    assert.ok(known instanceof Tensor);
    assert.deepEqual([known.dtype, known.toArray()], ['int64', [9, 6, 5, 4, 3, 70000, 0, 0]]);
    dispose([other, known]);
    classes.dispose();
    all.dispose();
    assert.throws(
      () => new datasets.QMNIST(root),
      /QMNIST was not found: there is no .*qmnist-train-images-idx3-ubyte/,
    );
  }));

it('MovingMNIST gives sequences, their beginning or their end', () =>
  expectNoLeaks(() => {
    const root = temporaryFolder();
    put(root, 'MovingMNIST/x', '');
    // 4 frames of 3 sequences, 2×2 pixels: the value is 12 f + 4 s + pixel.
    scope(() => saveNpy(arange(48).to('uint8').reshape([4, 3, 2, 2]), join(root, 'MovingMNIST', 'mnist_test_seq.npy')));
    for (const [split, first, frames] of [
      [null, 4, 4],
      ['train', 4, 1],
      ['test', 16, 3],
    ] as const) {
      const set = new datasets.MovingMNIST(root, { split, splitRatio: 1 });
      const sample = set.get(1);
      const start = scope(() => sample.flatten().select(0, 0).item());
      assert.deepEqual([set.length, sample.shape, start], [3, [frames, 1, 2, 2], first]);
      sample.dispose();
      set.dispose();
    }
    assert.throws(() => new datasets.MovingMNIST(root, { splitRatio: 20 }), /splitRatio/);
  }));

it('PhotoTour cuts pictures into patches once, and pairs them', () =>
  expectNoLeaks(async () => {
    const picture = Buffer.alloc(128 * 64);
    for (let i = 0; i < picture.length; i++) picture[i] = i % 128 < 64 ? 10 : 20;
    const root = tree({
      'liberty/patches0000.bmp': Buffer.concat([Buffer.from('P5 128 64 255\n'), picture]),
      'liberty/info.txt': '0 0\n0 0\n',
      'liberty/m50_100000_100000_0.txt': '0 5 0 1 5 0 0\n1 5 0 0 6 0 0\n',
    });
    assert.throws(() => new datasets.PhotoTour(root, 'liberty'), /liberty\.pt; await PhotoTour\.open/);
    const patches = await datasets.PhotoTour.open(root, 'liberty');
    assert.ok(existsSync(join(root, 'liberty.pt')));
    const patch = patches.get(1) as Tensor;
    assert.deepEqual(
      [patches.length, patch.shape, scope(() => patch.max().item()), patches.mean],
      [2, [64, 64], 20, 0.4437],
    );
    const pairs = new datasets.PhotoTour(root, 'liberty', { train: false });
    const [first, second, same] = pairs.get(0) as [Tensor, Tensor, number];
    assert.deepEqual([scope(() => first.max().item()), scope(() => second.max().item()), same], [10, 20, 1]);
    assert.equal((pairs.matches[1] ?? [])[2], 0);
    dispose([patch, first, second]);
    patches.dispose();
    pairs.dispose();
  }));

it('PCAM reads HDF5 files picture by picture', () =>
  expectNoLeaks(async () => {
    // h5py wrote them, in chunks of 2×48×96×3, deflated and shuffled: fixtures/make-fixtures.py.
    const root = tree({
      'pcam/camelyonpatch_level_2_split_valid_x.h5': fixture('pcam_x.h5'),
      'pcam/camelyonpatch_level_2_split_valid_y.h5': fixture('pcam_y.h5'),
    });
    const set = new datasets.PCAM(root, { split: 'val' });
    assert.deepEqual([set.length, set.targets], [5, [0, 1, 1, 0, 1]]);
    const [image, label] = await set.get(3);
    const pixel = scope(() => image.select(1, 10).select(1, 20).toArray());
    assert.deepEqual([image.shape, pixel, label], [[3, 96, 96], [1, 2, 3], 0]);
    assert.equal(
      scope(() => image.narrow(1, 40, 56).float().mean().item()),
      9,
    );
    image.dispose();
    set.dispose();
    const path = put(root, 'x.h5', 'hello');
    assert.throws(() => new Hdf5Bytes(path, 'x'), /x\.h5: (ends at|is not an HDF5 file)/);
    assert.throws(
      () => new Hdf5Bytes(join(root, 'pcam/camelyonpatch_level_2_split_valid_y.h5'), 'x'),
      /holds no array x, only y/,
    );
  }));

it('LSUN reads LMDB databases, small and large values', () =>
  expectNoLeaks(async () => {
    // mdb_load wrote it: 200 small pictures and a large one: fixtures/make-fixtures.py.
    const root = tree({
      'tower_val_lmdb/data.mdb': fixture('data.mdb'),
      'bedroom_train_lmdb/data.mdb': fixture('data.mdb'),
    });
    const set = new datasets.LSUN(root, { classes: ['bedroom_train', 'tower_val'] });
    assert.equal(set.length, 402);
    const found: unknown[] = [];
    for (const index of [0, 199, 200, 201, 401]) {
      const [image, target] = await set.get(index);
      found.push([scope(() => image.select(0, 0).select(0, 0).select(0, 0).item()), image.shape[2], target]);
      image.dispose();
    }
    assert.deepEqual(found, [
      [0, 2, 0],
      [199, 2, 0],
      [77, 100, 0],
      [0, 2, 1],
      [77, 100, 1],
    ]);
    set.dispose();
    const one = new datasets.LSUNClass(join(root, 'tower_val_lmdb'));
    const [image, target] = await one.get(5);
    assert.deepEqual(
      [one.length, target, one.describe(5)],
      [201, null, `${join(root, 'tower_val_lmdb', 'data.mdb')}, image 5`],
    );
    image.dispose();
    one.dispose();
    assert.throws(() => new datasets.LSUN(root, { classes: ['attic_train'] }), /names such as bedroom_train/);
    assert.throws(() => new datasets.LSUN(root), /LSUN was not found: there is no .*bridge_train_lmdb/);
    put(root, 'kitchen_val_lmdb/data.mdb', Buffer.alloc(200));
    assert.throws(() => new datasets.LSUN(root, { classes: ['kitchen_val'] }), /data\.mdb: is not an LMDB database/);
  }));
