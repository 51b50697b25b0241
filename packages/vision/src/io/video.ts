/** @file Whole videos as tensors, read and written. Sound is left out: this library is about pictures. */

import { once } from 'node:events';
import { rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ArgumentError, fromTypedArray, scope, type Tensor } from '@edgeai/torch';
import { complaint, start, stop, stopOnAbort, VideoError, type VideoOptions } from './ffmpeg.ts';
import { VideoReader, type VideoReaderOptions } from './video-reader.ts';

export interface ReadVideoOptions extends VideoReaderOptions {
  /** First and last time, in seconds; both belong to the part that is read. Default: everything. */
  start?: number;
  end?: number;
  /** Order of the dimensions. Default 'THWC', as in torchvision. */
  outputFormat?: 'THWC' | 'TCHW';
}

export interface ReadVideo {
  /** uint8 [frames, height, width, 3] or [frames, 3, height, width]. It belongs to no scope: dispose it. */
  readonly video: Tensor;
  /** When each frame is shown, in seconds. */
  readonly pts: number[];
  readonly info: { readonly videoFps: number };
}

/**
 * Reads a video, or a part of it, into memory. A part without frames has the shape [0, 1, 1, 3].
 *
 * @throws {VideoError} naming the file
 */
export async function readVideo(path: string, options: ReadVideoOptions = {}): Promise<ReadVideo> {
  const { start: from = 0, end = Number.POSITIVE_INFINITY, outputFormat = 'THWC' } = options;
  if (outputFormat !== 'THWC' && outputFormat !== 'TCHW')
    throw ArgumentError.expected('outputFormat', "'THWC' or 'TCHW'", outputFormat);
  if (!(end >= from)) throw ArgumentError.expected('end', `a time of at least the start's ${from} s`, end);
  const reader = new VideoReader(path, options);
  const { fps } = await reader.metadata();
  if (from > 0) reader.seek(from);
  const pts: number[] = [];
  const frames: Uint8Array[] = [];
  let [height, width] = [1, 1];
  for await (const frame of reader.rawFrames()) {
    if (frame.pts > end) break;
    [height, width] = [frame.height, frame.width];
    pts.push(frame.pts);
    frames.push(frame.data);
  }
  const video = scope(() => {
    const stacked = fromTypedArray(Buffer.concat(frames), [frames.length, height, width, 3]);
    return outputFormat === 'THWC' ? stacked : stacked.permute([0, 3, 1, 2]);
  });
  return { video, pts, info: { videoFps: fps } };
}

export interface WriteVideoOptions extends Omit<VideoOptions, 'ffprobe'> {
  /** FFmpeg's name of an encoder. Default 'libx264'. */
  codec?: string;
  /** Options of the encoder: `{ crf: 18 }`. */
  options?: Readonly<Record<string, string | number>>;
}

/**
 * Writes frames as a video; the extension says in which container. Sizes that are not even keep the colour of each pixel (4:4:4), which
 * some players do not show; even ones have it at half the resolution, as is usual.
 *
 * @param video uint8 [frames, height, width, 3]
 * @param fps frames a second
 * @throws {VideoError} with the encoder's complaint; what was at `path` is as it was then
 */
export async function writeVideo(
  path: string,
  video: Tensor,
  fps: number,
  options: WriteVideoOptions = {},
): Promise<void> {
  const [frames = 0, height = 0, width = 0, channels] = video.shape;
  if (video.dtype !== 'uint8' || video.ndim !== 4 || channels !== 3 || frames === 0)
    throw ArgumentError.expected(
      'video',
      'uint8 of shape [frames, height, width, 3]',
      `${video.dtype} [${video.shape}]`,
    );
  // Before the first await: the tensor may be gone afterwards.
  const bytes = scope(() => video.contiguous().toTypedArray() as Uint8Array);
  await encodeFrames(path, [height, width], fps, [bytes], options);
}

/**
 * {@link writeVideo} for frames that come one after the other, of which only one is in memory at a time.
 *
 * @param frames uint8 [3, height, width], all of one size. They are disposed.
 * @throws {VideoError} with the encoder's complaint, or where there is no frame; what was at `path` is as it was then
 */
export async function writeVideoFrames(
  path: string,
  frames: AsyncIterable<Tensor>,
  fps: number,
  options: WriteVideoOptions = {},
): Promise<void> {
  const iterator = frames[Symbol.asyncIterator]();
  try {
    const first = await iterator.next();
    if (first.done === true)
      throw new VideoError('VIDEO_WRITE_FAILED', path, 'could not be written: there are no frames');
    using known = first.value;
    const [, height = 0, width = 0] = known.shape;
    async function* bytes(): AsyncGenerator<Uint8Array, void, undefined> {
      for (let next: IteratorResult<Tensor> = first; next.done !== true; next = await iterator.next()) {
        using frame = next.value;
        if (frame.dtype !== 'uint8' || frame.shape.join() !== `3,${height},${width}`)
          throw ArgumentError.expected('frames', `uint8 [3, ${height}, ${width}]`, `${frame.dtype} [${frame.shape}]`);
        yield scope(() => frame.permute([1, 2, 0]).contiguous().toTypedArray() as Uint8Array);
      }
    }
    await encodeFrames(path, [height, width], fps, bytes(), options);
  } finally {
    await iterator.return?.();
  }
}

/** Pipes frames, row after row, RGB side by side, to the encoder. */
async function encodeFrames(
  path: string,
  [height, width]: readonly [number, number],
  fps: number,
  frames: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  options: WriteVideoOptions,
): Promise<void> {
  if (!(fps > 0)) throw ArgumentError.expected('fps', 'a number above 0', fps);
  const { codec = 'libx264', ffmpeg = 'ffmpeg', signal } = options;
  signal?.throwIfAborted();
  const part = join(dirname(path), `.${process.pid}.part.${basename(path)}`);
  const { child, ended } = start(
    ffmpeg,
    [
      ...['-hide_banner', '-loglevel', 'error', '-y'],
      ...['-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', `${width}x${height}`, '-r', String(fps), '-i', 'pipe:0'],
      ...['-c:v', codec, '-pix_fmt', width % 2 === 0 && height % 2 === 0 ? 'yuv420p' : 'yuv444p'],
      ...Object.entries(options.options ?? {}).flatMap(([name, value]) => [`-${name}`, String(value)]),
      `file:${part}`,
    ],
    path,
  );
  const unwatch = stopOnAbort(child, signal);
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-4000);
  });
  child.stdout.resume();
  try {
    const closed = ended.then(() => undefined);
    for await (const bytes of frames) {
      if (!child.stdin.writable) break;
      for (let at = 0; at < bytes.length && child.stdin.writable; at += FRAME_PART) {
        if (child.stdin.write(bytes.subarray(at, at + FRAME_PART))) continue;
        await Promise.race([once(child.stdin, 'drain').catch(() => undefined), closed]);
      }
    }
    child.stdin.end();
    const code = await ended;
    signal?.throwIfAborted();
    if (code !== 0)
      throw new VideoError('VIDEO_WRITE_FAILED', path, `could not be written: ${complaint(errors, part)}`);
    await rename(part, path);
  } catch (error) {
    stop(child);
    await rm(part, { force: true });
    throw error;
  } finally {
    unwatch();
  }
}

/** How many bytes are handed over at a time. */
const FRAME_PART = 1 << 20;
