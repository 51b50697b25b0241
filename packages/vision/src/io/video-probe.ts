/** @file What a video file says about itself: size, frame rate, duration, and the times of its frames. */

import { stat } from 'node:fs/promises';
import { complaint, run, VideoError, type VideoOptions } from './ffmpeg.ts';

export interface VideoMetadata {
  /** As stored: before {@link VideoMetadata.rotation}. */
  readonly width: number;
  readonly height: number;
  /** Frames a second, on average. */
  readonly fps: number;
  /** In seconds. */
  readonly duration: number;
  /** Number of frames, where the file says it. */
  readonly frames: number | undefined;
  /** FFmpeg's name for how it is compressed: `h264`. */
  readonly codec: string;
  /** How far to turn it counter-clockwise to show it upright, in degrees. */
  readonly rotation: number;
}

interface ProbedStream {
  width: number;
  height: number;
  avg_frame_rate: string;
  r_frame_rate: string;
  duration?: string;
  nb_frames?: string;
  codec_name?: string;
  side_data_list?: { rotation?: number }[];
}

/** @throws {VideoError} naming the file, where it is missing, a folder or empty */
export async function checkVideoFile(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new VideoError('VIDEO_NOT_FOUND', path, 'there is no such file');
  if (found.isDirectory()) throw new VideoError('UNREADABLE_VIDEO', path, 'is not a readable video: it is a folder');
  if (found.size === 0)
    throw new VideoError('UNREADABLE_VIDEO', path, 'is not a readable video: it is empty (0 bytes)');
}

/** Size, frame rate and duration of the first video stream of a file. @throws {VideoError} */
export async function probeVideo(path: string, options: VideoOptions = {}): Promise<VideoMetadata> {
  const entries = 'stream=width,height,avg_frame_rate,r_frame_rate,duration,nb_frames,codec_name';
  const text = await probe(path, [`${entries}:stream_side_data=rotation:format=duration`, '-of', 'json'], options);
  const { streams = [], format } = JSON.parse(text) as { streams?: ProbedStream[]; format?: { duration?: string } };
  const stream = streams[0];
  if (stream === undefined) throw new VideoError('UNREADABLE_VIDEO', path, 'has no pictures: it holds no video stream');
  return {
    width: stream.width,
    height: stream.height,
    fps: fraction(stream.avg_frame_rate) || fraction(stream.r_frame_rate),
    duration: Number(stream.duration ?? format?.duration ?? Number.NaN),
    frames: stream.nb_frames === undefined ? undefined : Number(stream.nb_frames),
    codec: stream.codec_name ?? 'unknown',
    rotation: stream.side_data_list?.find(({ rotation }) => rotation !== undefined)?.rotation ?? 0,
  };
}

/**
 * When each frame of a video is shown, in seconds, ascending; and the frames a second. Nothing is decoded.
 *
 * @throws {VideoError} naming the file
 */
export async function readVideoTimestamps(
  path: string,
  options: VideoOptions = {},
): Promise<{ pts: number[]; videoFps: number }> {
  const { fps: videoFps } = await probeVideo(path, options);
  const text = await probe(path, ['packet=pts_time,flags', '-of', 'csv=p=0'], options);
  const pts = text
    .split('\n')
    .map((line) => line.trim().split(','))
    // D: a packet that is only there for others to refer to.
    .filter(([time, flags]) => time !== undefined && time !== '' && time !== 'N/A' && flags?.includes('D') !== true)
    .map(([time]) => Number(time))
    .sort((a, b) => a - b);
  return { pts, videoFps };
}

async function probe(path: string, entries: readonly string[], options: VideoOptions): Promise<string> {
  await checkVideoFile(path);
  const args = ['-v', 'error', '-select_streams', 'v:0', '-show_entries', ...entries, `file:${path}`];
  const { code, out, err } = await run(options.ffprobe ?? 'ffprobe', args, path, options.signal);
  if (code !== 0) throw new VideoError('UNREADABLE_VIDEO', path, `is not a readable video: ${complaint(err, path)}`);
  return out;
}

/** '30000/1001' as a number; 0 for '0/0'. */
function fraction(text: string): number {
  const [numerator = 0, denominator = 1] = text.split('/').map(Number);
  return denominator === 0 ? 0 : numerator / denominator;
}
