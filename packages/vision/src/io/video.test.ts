/** @file Videos are read frame by frame with their times, written, and refused with a reason; ffmpeg never outlives its reader. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { expectNoLeaks, fromTypedArray, keep, scope, zeros } from '@edgeai/torch';
import {
  probeVideo,
  readVideo,
  readVideoTimestamps,
  VideoError,
  VideoReader,
  writeVideo,
  writeVideoFrames,
} from './index.ts';

function isInstalled(): boolean {
  try {
    execFileSync('ffmpeg', ['-version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
const skip = isInstalled() ? false : 'ffmpeg is not installed here';

let folder: string;
let clip: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vision-video-'));
  clip = join(folder, 'clip.mp4');
  // 2 s of 10 frames each: a test picture with a counter, key frames every 5 frames.
  if (skip === false)
    execFileSync('ffmpeg', [
      ...['-v', 'error', '-f', 'lavfi', '-i', 'testsrc=size=64x48:rate=10:duration=2', '-c:v', 'libx264'],
      ...['-pix_fmt', 'yuv420p', '-g', '5', '-threads', '1', clip],
    ]);
});
after(() => rm(folder, { recursive: true, force: true }));

const near = (actual: readonly number[], expected: readonly number[]) =>
  assert.ok(
    actual.length === expected.length && actual.every((value, i) => Math.abs(value - (expected[i] ?? 0)) < 1e-4),
    `${actual} instead of ${expected}`,
  );
const tenths = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => (from + i) / 10);

/** Decodes by another way, to compare with. */
function decodedByFfmpeg(): Buffer {
  return execFileSync('ffmpeg', ['-v', 'error', '-i', clip, '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-'], {
    maxBuffer: 1 << 26,
  });
}

/** Child processes of this one. */
async function children(): Promise<string[]> {
  const text = await readFile(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').catch(() => '');
  return text.split(' ').filter((id) => id !== '');
}

describe('reading', { skip }, () => {
  it('knows size, rate, duration and the times of frames without decoding', async () => {
    const facts = await probeVideo(clip);
    assert.deepEqual(facts, { width: 64, height: 48, fps: 10, duration: 2, frames: 20, codec: 'h264', rotation: 0 });
    const { pts, videoFps } = await readVideoTimestamps(clip);
    near(pts, tenths(0, 20));
    assert.equal(videoFps, 10);
  });

  it('readVideo gives all frames, or those between two times, in either order of dimensions', async () => {
    const { video, pts, info } = await readVideo(clip);
    assert.deepEqual([video.dtype, video.shape, info], ['uint8', [20, 48, 64, 3], { videoFps: 10 }]);
    near(pts, tenths(0, 20));
    assert.ok(decodedByFfmpeg().equals(video.toTypedArray() as Uint8Array));
    const part = await readVideo(clip, { start: 0.5, end: 0.9, outputFormat: 'TCHW' });
    near(part.pts, tenths(5, 10));
    assert.deepEqual(part.video.shape, [5, 3, 48, 64]);
    scope(() => assert.ok(part.video.equal(video.narrow(0, 5, 5).permute([0, 3, 1, 2]))));
    const none = await readVideo(clip, { start: 7 });
    assert.deepEqual([none.video.shape, none.pts], [[0, 1, 1, 3], []]);
    const small = await readVideo(clip, { end: 0, size: [10, 12] });
    assert.deepEqual(small.video.shape, [1, 10, 12, 3]);
    for (const made of [video, part.video, none.video, small.video]) made.dispose();
  });

  it('VideoReader iterates, and begins where it was told to', async () => {
    await expectNoLeaks(async () => {
      const reader = new VideoReader(clip);
      const times: number[] = [];
      for await (const { data, pts } of reader) {
        assert.deepEqual([data.dtype, data.shape], ['uint8', [3, 48, 64]]);
        times.push(pts);
        data.dispose();
      }
      near(times, tenths(0, 20));
      const first = async () => {
        for await (const { data, pts } of reader) {
          data.dispose();
          return pts;
        }
        return undefined;
      };
      reader.seek(1.23);
      near([(await first()) ?? 0], [1.3]);
      reader.seek(1.23, { keyframesOnly: true });
      near([(await first()) ?? 0], [1]);
      reader.seek(9);
      assert.equal(await first(), undefined);
    });
  });

  it('leaving the loop, aborting and errors end ffmpeg', async () => {
    for await (const { data } of new VideoReader(clip)) {
      data.dispose();
      break;
    }
    const stopping = new AbortController();
    await assert.rejects(async () => {
      for await (const { data } of new VideoReader(clip, { signal: stopping.signal })) {
        data.dispose();
        stopping.abort(new Error('enough'));
      }
    }, /enough/);
    await assert.rejects(readVideo(clip, { signal: AbortSignal.abort(new Error('never')) }), /never/);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual(await children(), []);
  });
});

describe('writing', { skip }, () => {
  const moving = (height: number, width: number) =>
    keep(
      fromTypedArray(
        Uint8Array.from(
          { length: 6 * height * width * 3 },
          (_, i) => (Math.floor(i / (height * width * 3)) * 40 + 20) % 256,
        ),
        [6, height, width, 3],
      ),
    );

  it('makes files that are read again, of even and odd sizes', async () => {
    for (const [height, width] of [
      [32, 48],
      [17, 23],
    ] as const) {
      const video = moving(height, width);
      const path = join(folder, `made-${height}.mp4`);
      await writeVideo(path, video, 30000 / 1001, { options: { crf: 1, preset: 'ultrafast', threads: 1 } });
      const again = await readVideo(path);
      assert.deepEqual(again.video.shape, [6, height, width, 3]);
      assert.ok(Math.abs(again.info.videoFps - 29.97) < 0.01);
      const distance = scope(() => again.video.float().sub(video).abs().max().item());
      assert.ok(distance <= 3, `${distance}`);
      again.video.dispose();
      video.dispose();
    }
  });

  it('refuses what is no video, and leaves nothing behind', async () => {
    const video = moving(8, 8);
    const path = join(folder, 'bad.mp4');
    await assert.rejects(writeVideo(path, video, 10, { codec: 'no-such' }), (error) => {
      assert.ok(error instanceof VideoError && error.code === 'VIDEO_WRITE_FAILED');
      assert.match(error.message, /bad\.mp4: could not be written: .*no-such/);
      return true;
    });
    await assert.rejects(writeVideo(path, zeros([3, 8, 8]), 10), /\[frames, height, width, 3\]/);
    await assert.rejects(writeVideo(path, video, 0), /above 0 for fps/);
    assert.deepEqual(
      (await readdir(folder)).filter((name) => name.includes('bad')),
      [],
    );
    video.dispose();
  });

  it('writes frames as they come, and holds one at a time', { skip }, () =>
    expectNoLeaks(async () => {
      const path = join(folder, 'stream.mp4');
      let [alive, most] = [0, 0];
      async function* frames(count: number, size = 16) {
        for (let i = 0; i < count; i++) {
          most = Math.max(most, ++alive);
          yield zeros([3, i === 4 ? size : 16, 32], { dtype: 'uint8' });
          alive--;
        }
      }
      await writeVideoFrames(path, frames(5), 5);
      const { video } = await readVideo(path);
      assert.deepEqual(video.shape, [5, 16, 32, 3]);
      video.dispose();
      assert.equal(most, 1);
      await assert.rejects(writeVideoFrames(path, frames(5, 18), 5), /uint8 \[3, 16, 32\].*18/s);
      await assert.rejects(writeVideoFrames(path, frames(0), 5), /no frames/);
      await assert.rejects(writeVideoFrames(path, frames(5), 5, { codec: 'no-such' }), VideoError);
    }),
  );
});

describe('what is no video is named with the reason', () => {
  const rejects = (work: Promise<unknown>, path: string, code: string, reason: RegExp) =>
    assert.rejects(work, (error) => {
      assert.ok(error instanceof VideoError, String(error));
      assert.deepEqual([error.code, error.path], [code, path]);
      assert.ok(error.message.startsWith(path));
      assert.match(error.message, reason);
      return true;
    });

  it('files', { skip }, async () => {
    const write = async (name: string, data: string | Uint8Array) => {
      await writeFile(join(folder, name), data);
      return join(folder, name);
    };
    const missing = join(folder, 'missing.mp4');
    await rejects(readVideo(missing), missing, 'VIDEO_NOT_FOUND', /no such file/);
    await rejects(readVideo(folder), folder, 'UNREADABLE_VIDEO', /it is a folder/);
    const empty = await write('empty.mp4', '');
    await rejects(readVideo(empty), empty, 'UNREADABLE_VIDEO', /it is empty \(0 bytes\)/);
    const text = await write('text.mp4', 'this is text, not a video');
    await rejects(readVideoTimestamps(text), text, 'UNREADABLE_VIDEO', /not a readable video: .*Invalid data/);
    const cut = await write('cut.mp4', (await readFile(clip)).subarray(0, 2000));
    await rejects(
      (async () => {
        for await (const { data } of new VideoReader(cut)) data.dispose();
      })(),
      cut,
      'UNREADABLE_VIDEO',
      /not a readable video/,
    );
    const odd = join(folder, 'no extension');
    await copyFile(clip, odd);
    assert.equal((await probeVideo(odd)).frames, 20);
  });

  it('a missing program, with how to install it', async () => {
    const path = join(folder, 'any.mp4');
    await writeFile(path, 'x');
    const programs = { ffmpeg: 'no-ffmpeg-here', ffprobe: 'no-ffprobe-here' };
    await rejects(readVideo(path, programs), path, 'FFMPEG_NOT_FOUND', /'no-ffprobe-here'.*\n.*apt-get install ffmpeg/);
    const iterate = async () => {
      for await (const { data } of new VideoReader(path, programs)) data.dispose();
    };
    await rejects(iterate(), path, 'FFMPEG_NOT_FOUND', /brew install ffmpeg/);
    await rejects(
      writeVideo(path, zeros([1, 2, 2, 3], { dtype: 'uint8' }), 5, programs),
      path,
      'FFMPEG_NOT_FOUND',
      /winget/,
    );
    assert.equal(await readFile(path, 'utf8'), 'x');
    assert.throws(() => new VideoReader(path).seek(-1), /at least 0 for seconds/);
    assert.throws(() => new VideoReader(path, { size: [0, 4] }), /\[height, width\]/);
  });
});
