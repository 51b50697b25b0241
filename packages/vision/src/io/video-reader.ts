/** @file Frames of a video, one after the other, decoded by the program ffmpeg while they are asked for. */

import { ArgumentError, fromTypedArray, scope, type Tensor } from '@edgeai/torch';
import { complaint, keepFrames, start, stop, stopOnAbort, VideoError, type VideoOptions } from './ffmpeg.ts';
import { checkVideoFile, probeVideo, type VideoMetadata } from './video-probe.ts';

export interface VideoFrame {
  /** uint8 [3, height, width]. It belongs to no scope: dispose it. */
  readonly data: Tensor;
  /** When it is shown, in seconds. */
  readonly pts: number;
}

export interface VideoReaderOptions extends VideoOptions {
  /** Height and width to give the frames; ffmpeg does it faster than a resize afterwards. Default: as stored. */
  size?: readonly [height: number, width: number];
  /** Turn frames as the file says, which telephones write. Default false, as in torchvision. */
  applyRotation?: boolean;
}

/** Pixels of a frame, row after row, RGB side by side. @internal */
export interface RawFrame {
  readonly data: Uint8Array;
  readonly height: number;
  readonly width: number;
  readonly pts: number;
}

/**
 * Reads the first video stream of a file, frame by frame:
 *
 * ```ts
 * for await (const { data, pts } of new VideoReader('clip.mp4').seek(2)) {
 *   if (pts > 5) break; // ends ffmpeg, too
 * }
 * ```
 *
 * Each iteration starts at the place last sought (the beginning, at first) and runs its own ffmpeg.
 */
export class VideoReader implements AsyncIterable<VideoFrame> {
  readonly path: string;
  readonly options: VideoReaderOptions;
  #from: { seconds: number; keyframesOnly: boolean } | undefined;

  constructor(path: string, options: VideoReaderOptions = {}) {
    const { size } = options;
    if (size !== undefined && !size.every((side) => Number.isInteger(side) && side > 0))
      throw ArgumentError.expected('size', 'two whole numbers above 0, [height, width]', `[${size.join(', ')}]`);
    this.path = path;
    this.options = options;
  }

  /** Size, frame rate and duration. @throws {VideoError} */
  metadata(): Promise<VideoMetadata> {
    return probeVideo(this.path, this.options);
  }

  /**
   * Lets the next iteration begin with the first frame at or after a time.
   *
   * @param keyframesOnly begin with the last key frame before it instead, which is quicker. Default false
   */
  seek(seconds: number, options: { keyframesOnly?: boolean } = {}): this {
    if (!(seconds >= 0)) throw ArgumentError.expected('seconds', 'a number of at least 0', seconds);
    this.#from = { seconds, keyframesOnly: options.keyframesOnly ?? false };
    return this;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<VideoFrame, void, undefined> {
    for await (const frame of this.rawFrames()) yield { data: toTensor(frame), pts: frame.pts };
  }

  /** @internal Frames as bytes. */
  async *rawFrames(): AsyncGenerator<RawFrame, void, undefined> {
    const { path, options } = this;
    const { ffmpeg = 'ffmpeg', signal } = options;
    signal?.throwIfAborted();
    await checkVideoFile(path);
    const args = await this.#arguments(ffmpeg);
    const { child, ended } = start(ffmpeg, args, path);
    const unwatch = stopOnAbort(child, signal);
    const log = new FrameLog();
    child.stdin.end();
    child.stderr.setEncoding('utf8').on('data', (text: string) => log.add(text));
    child.stderr.on('end', () => log.end());
    child.on('error', () => log.end());
    try {
      const pixels = new ByteReader(child.stdout);
      for (let facts = await log.next(); facts !== undefined; facts = await log.next()) {
        const data = await pixels.read(facts.width * facts.height * 3);
        signal?.throwIfAborted();
        if (data === undefined) break;
        yield { data, ...facts };
      }
      const code = await ended;
      signal?.throwIfAborted();
      if (code !== 0)
        throw new VideoError('UNREADABLE_VIDEO', path, `is not a readable video: ${complaint(log.rest, path)}`);
    } finally {
      unwatch();
      stop(child);
    }
  }

  async #arguments(ffmpeg: string): Promise<string[]> {
    const { size, applyRotation = false } = this.options;
    // showinfo tells size and time of each frame that is written.
    const filters = ['format=rgb24', 'showinfo=checksum=0'];
    if (size !== undefined) filters.unshift(`scale=${size[1]}:${size[0]}`);
    const seek = this.#from === undefined ? [] : ['-ss', String(this.#from.seconds)];
    if (this.#from?.keyframesOnly === true) seek.push('-noaccurate_seek');
    return [
      ...['-hide_banner', '-nostats', '-loglevel', 'info', '-copyts'],
      ...(applyRotation ? [] : ['-noautorotate']),
      ...seek,
      ...['-i', `file:${this.path}`, '-map', '0:v:0', '-vf', filters.join(',')],
      ...(await keepFrames(ffmpeg, this.path)),
      ...['-f', 'rawvideo', '-pix_fmt', 'rgb24', 'pipe:1'],
    ];
  }
}

/** @internal */
export function toTensor({ data, height, width }: RawFrame): Tensor {
  return scope(() => fromTypedArray(data, [height, width, 3]).permute([2, 0, 1]));
}

type FrameFacts = Omit<RawFrame, 'data'>;

/** Picks the facts about frames out of what ffmpeg prints, as they come. */
class FrameLog {
  /** What is not about frames: complaints, at the end. */
  rest = '';
  #line = '';
  readonly #frames: FrameFacts[] = [];
  #ended = false;
  #wake: (() => void) | undefined;

  add(text: string): void {
    const lines = (this.#line + text).split('\n');
    this.#line = lines.pop() ?? '';
    for (const line of lines) this.#take(line);
    this.#wake?.();
  }

  end(): void {
    this.#take(this.#line);
    this.#ended = true;
    this.#wake?.();
  }

  /** The next frame; undefined where no more will come. */
  async next(): Promise<FrameFacts | undefined> {
    while (this.#frames.length === 0 && !this.#ended)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    return this.#frames.shift();
  }

  #take(line: string): void {
    const [, pts, width, height] = / pts_time:\s*(\S+) .* s:(\d+)x(\d+) /.exec(line) ?? [];
    if (pts !== undefined) this.#frames.push({ pts: Number(pts), width: Number(width), height: Number(height) });
    else if (!line.includes('Parsed_showinfo')) this.rest = `${this.rest}${line}\n`.slice(-4000);
  }
}

/** Cuts a stream into pieces of known sizes. */
class ByteReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #left: Buffer = Buffer.alloc(0);

  constructor(stream: AsyncIterable<Buffer>) {
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  /** New memory; undefined where the stream ends before. */
  async read(size: number): Promise<Uint8Array | undefined> {
    const data = new Uint8Array(size);
    for (let filled = 0; filled < size; ) {
      if (this.#left.length === 0) {
        const next = await this.#chunks.next();
        if (next.done === true) return undefined;
        this.#left = next.value;
      }
      const part = this.#left.subarray(0, size - filled);
      data.set(part, filled);
      filled += part.length;
      this.#left = this.#left.subarray(part.length);
    }
    return data;
  }
}
