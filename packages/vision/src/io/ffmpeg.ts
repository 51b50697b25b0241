/** @file Runs the programs ffmpeg and ffprobe, which read and write videos. Sound is not handled. */

import { type ChildProcess, type ChildProcessByStdio, type SpawnOptions, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { EdgeAIError } from '@edgeai/torch';

/** `code` is `FFMPEG_NOT_FOUND`, `VIDEO_NOT_FOUND`, `UNREADABLE_VIDEO` or `VIDEO_WRITE_FAILED`. */
export class VideoError extends EdgeAIError {
  /** The video. */
  readonly path: string;

  constructor(
    code: 'FFMPEG_NOT_FOUND' | 'VIDEO_NOT_FOUND' | 'UNREADABLE_VIDEO' | 'VIDEO_WRITE_FAILED',
    path: string,
    message: string,
    cause?: unknown,
  ) {
    super(code, `${path}: ${message}`, { cause });
    this.path = path;
  }
}

/** What all functions for videos take. */
export interface VideoOptions {
  /** Stops the work; it then fails with the signal's reason. */
  signal?: AbortSignal;
  /** The program to run. Default `ffmpeg`, found in the PATH. */
  ffmpeg?: string;
  /** The program to run. Default `ffprobe`, found in the PATH. */
  ffprobe?: string;
}

const ADVICE = [
  'install FFmpeg, which has it',
  '  Debian, Ubuntu:  sudo apt-get install ffmpeg',
  '  Fedora:          sudo dnf install ffmpeg-free',
  '  macOS:           brew install ffmpeg',
  '  Windows:         winget install ffmpeg',
].join('\n');

type Piped = ChildProcessByStdio<Writable, Readable, Readable>;

/** A running program, and the promise of its end. */
export interface Program {
  readonly child: Piped;
  /** Resolves with the exit code (`null` when killed); rejects when the program cannot be started. */
  readonly ended: Promise<number | null>;
}

/** Starts a program with pipes to its three streams. @param path the video that it is for, named in errors */
export function start(program: string, args: readonly string[], path: string, options: SpawnOptions = {}): Program {
  const child = spawn(program, args, { ...options, stdio: ['pipe', 'pipe', 'pipe'], windowsHide: true }) as Piped;
  // A program that ends early breaks the pipe to its input; its exit code tells why.
  child.stdin.on('error', () => {});
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', (error) => reject(startError(error, program, path)));
    child.on('close', resolve);
  });
  // Whoever waits for it gets the rejection; nobody has to.
  ended.catch(() => {});
  return { child, ended };
}

function startError(error: NodeJS.ErrnoException, program: string, path: string): Error {
  if (error.code !== 'ENOENT') return error;
  return new VideoError(
    'FFMPEG_NOT_FOUND',
    path,
    `videos need the program '${program}', which is not there; ${ADVICE}`,
  );
}

/** Kills a program that still runs. */
export function stop(child: ChildProcess): void {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
}

/** Kills the program when the signal fires. @returns what ends the watch */
export function stopOnAbort(child: ChildProcess, signal: AbortSignal | undefined): () => void {
  const abort = () => stop(child);
  signal?.addEventListener('abort', abort, { once: true });
  return () => signal?.removeEventListener('abort', abort);
}

/** Runs a program to its end. @returns what it printed */
export async function run(
  program: string,
  args: readonly string[],
  path: string,
  signal?: AbortSignal,
): Promise<{ code: number | null; out: string; err: string }> {
  signal?.throwIfAborted();
  const { child, ended } = start(program, args, path);
  const unwatch = stopOnAbort(child, signal);
  try {
    child.stdin.end();
    const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
    signal?.throwIfAborted();
    return { code, out, err };
  } finally {
    unwatch();
  }
}

async function text(stream: Readable): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}

/** The last thing that FFmpeg complained about, without the file's name. */
export function complaint(stderr: string, path: string): string {
  const lines = stderr.split('\n').map((line) => line.trim());
  const last = lines.filter((line) => line !== '' && !line.startsWith('Conversion failed')).at(-1);
  return (last ?? 'no reason given').replaceAll(`file:${path}: `, '').replaceAll(path, 'it');
}

const versions = new Map<string, Promise<string[]>>();

/** Options that keep every frame, once: FFmpeg 5.1 renamed them. */
export function keepFrames(program: string, path: string): Promise<string[]> {
  let known = versions.get(program);
  if (known === undefined) {
    known = run(program, ['-version'], path).then(({ out }) => {
      const [, major, minor] = /version n?(\d+)\.(\d+)/.exec(out) ?? [];
      const old = major !== undefined && Number(major) + Number(minor) / 10 < 5.1;
      return [old ? '-vsync' : '-fps_mode', 'passthrough'];
    });
    versions.set(program, known);
    known.catch(() => versions.delete(program));
  }
  return known;
}
