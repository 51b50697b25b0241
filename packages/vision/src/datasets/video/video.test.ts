import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { dispose, expectNoLeaks, full, manualSeed, scope, stack } from '@edgeai/torch';
import { writeVideo } from '../../io/video.ts';
import { describe as describeDataset } from '../layouts/describe.ts';
import { put, temporaryFolder } from '../testing.ts';
import { RandomClipSampler, UniformClipSampler } from './clip-samplers.ts';
import { resampleFrames, VideoClips, type VideoTimes } from './video-clips.ts';
import { HMDB51, Kinetics, UCF101, VideoFolder } from './video-sets.ts';

/** Times of videos of so many frames, ten a second. */
const times = (...counts: number[]): VideoTimes => ({
  videoPaths: counts.map((_, i) => `${i}.mp4`),
  videoPts: counts.map((count) => Array.from({ length: count }, (_, i) => i / 10)),
  videoFps: counts.map(() => 10),
});

describe('clips', () => {
  it('are all windows of so many frames; short videos have none', () => {
    const clips = new VideoClips(times(5, 2, 7), 3, { framesBetweenClips: 2 });
    assert.deepEqual(clips.clipsPerVideo, [2, 0, 3]);
    assert.deepEqual([clips.length, clips.cumulativeSizes], [5, [2, 2, 5]]);
    assert.deepEqual(
      [0, 1, 2, 4].map((i) => clips.clipLocation(i)),
      [
        [0, 0],
        [0, 1],
        [2, 0],
        [2, 2],
      ],
    );
    assert.deepEqual(clips.clipTimes(1), [0.2, 0.3, 0.4]);
    assert.deepEqual(clips.subset([2, 0]).clipsPerVideo, [3, 2]);
    assert.throws(() => clips.clipLocation(5), /between 0 and 4/);
    assert.throws(() => new VideoClips(times(5), 0), /whole number above 0 for clipLengthInFrames/);
  });

  it('take other frame rates, as torchvision does', () => {
    assert.deepEqual(new VideoClips(times(10), 2, { frameRate: 5 }).clipTimes(1), [0.2, 0.4]);
    // VideoClips._resample_video_idx(6, 10, 4) and (7, 30, 20) of torchvision.
    assert.deepEqual(resampleFrames(4, 10, 4), [0, 2, 5, 7]);
    assert.deepEqual(resampleFrames(7, 30, 20), [0, 1, 3, 4, 6, 7, 9]);
    assert.deepEqual(resampleFrames(3, 10, 20), [0, 0, 1]);
  });

  it('are sampled evenly, or at random from libtorch’s generator', () => {
    const clips = new VideoClips(times(12, 2, 5), 3);
    // list(UniformClipSampler(clips, 3)) of torchvision with 10, 0 and 3 clips.
    assert.deepEqual([...new UniformClipSampler(clips, 3)], [0, 4, 9, 10, 11, 12]);
    assert.deepEqual([...new UniformClipSampler(clips, 1)], [0, 10]);
    assert.equal(new UniformClipSampler(clips, 3).length, 6);
    manualSeed(0);
    const random = new RandomClipSampler(clips, 4);
    const found = [...random];
    assert.equal(random.length, 7);
    assert.equal(new Set(found).size, 7);
    assert.equal(found.filter((i) => i < 10).length, 4);
    manualSeed(0);
    assert.deepEqual([...random], found);
  });
});

const missing = spawnSync('ffmpeg', ['-version']).status === 0 ? false : 'ffmpeg is not installed';

describe('videos in folders', { skip: missing }, () => {
  const root = temporaryFolder();
  before(async () => {
    // Frame i is grey with the value 20 i.
    const frames = scope(() =>
      stack(Array.from({ length: 8 }, (_, i) => full([32, 32, 3], 20 * i, { dtype: 'uint8' }))),
    );
    for (const name of ['walk', 'run']) mkdirSync(join(root, 'train', name), { recursive: true });
    const first = join(root, 'train', 'walk', 'a.avi');
    await writeVideo(first, frames, 10, { codec: 'mjpeg' });
    copyFileSync(first, join(root, 'train', 'run', 'b.avi'));
    frames.dispose();
    put(root, 'folds/walk_test_split2.txt', 'a.avi 1\n');
    put(root, 'folds/run_test_split2.txt', 'b.avi 2\n');
    put(root, 'lists/testlist01.txt', 'run/b.avi\n');
  });

  it('give clips of the right frames with their classes', () =>
    expectNoLeaks(async () => {
      const set = await VideoFolder.open(join(root, 'train'), 3, { stepBetweenClips: 2 });
      assert.deepEqual([set.length, set.classes], [6, ['run', 'walk']]);
      const [clip, label] = await set.get(4);
      assert.deepEqual([clip.shape, clip.dtype, label], [[3, 32, 32, 3], 'uint8', 1]);
      const values = scope(() => clip.float().mean([1, 2, 3]).toArray()) as number[];
      for (const [i, value] of values.entries()) assert.ok(Math.abs(value - 20 * (i + 2)) < 6, `frame ${i}: ${value}`);
      assert.match(set.describe(4), /walk\/a\.avi, from 0\.20 s$/);
      dispose(clip);
    }));

  it('of Kinetics, HMDB51 and UCF101 know their parts, orders of dimensions and rates', () =>
    expectNoLeaks(async () => {
      const kinetics = await Kinetics.open(root, 2, { frameRate: 5, transform: (clip) => clip.float() });
      const [clip, label] = await kinetics.get(1);
      assert.deepEqual([clip.shape, clip.dtype, label, kinetics.length], [[2, 3, 32, 32], 'float32', 0, 6]);
      const values = scope(() => clip.mean([1, 2, 3]).toArray()) as number[];
      assert.ok(Math.abs((values[0] as number) - 40) < 6 && Math.abs((values[1] as number) - 80) < 6, `${values}`);
      dispose(clip);
      const { metadata } = kinetics;
      const hmdb = new HMDB51(join(root, 'train'), join(root, 'folds'), 4, { fold: 2, train: false, metadata });
      assert.deepEqual([hmdb.length, hmdb.samples.map(([, target]) => target)], [5, [0]]);
      const ucf = new UCF101(join(root, 'train'), join(root, 'lists'), 4, { train: false, metadata });
      assert.deepEqual(
        ucf.samples.map(([path]) => path.slice(-9)),
        ['run/b.avi'],
      );
    }));

  it('are recognised; what is missing is named', async () => {
    const { kind, task, splits, classes } = describeDataset(root);
    assert.deepEqual(
      [kind, task, splits, classes],
      ['video-folder', 'video', [{ name: 'train', samples: 2 }], ['run', 'walk']],
    );
    await assert.rejects(VideoFolder.open(join(root, 'lists'), 3), /holds no videos; expected/);
    await assert.rejects(Kinetics.open(root, 3, { split: 'val' }), /val does not exist/);
    assert.throws(() => new VideoFolder(join(root, 'train'), 3, {}), /use await ….open\(…\), or give the metadata/);
    await assert.rejects(
      UCF101.open(join(root, 'train'), join(root, 'lists'), 3, { fold: 3 }),
      /trainlist03\.txt: there is no such file/,
    );
  });
});
