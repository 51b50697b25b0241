/** @file Decompresses bzip2, at once or as it comes. */

import { FileFormatError } from '@edgeai/torch';
import unbzip2 from 'unbzip2-stream';

/** The library's stream works within `write` and `end`: what comes out is there when they return. */
class Decompressor {
  readonly #stream = unbzip2();
  readonly #path: string | undefined;
  #pieces: Buffer[] = [];
  #error: Error | undefined;

  constructor(path: string | undefined) {
    this.#path = path;
    this.#stream.on('data', (piece: Buffer) => this.#pieces.push(piece));
    this.#stream.on('error', (error: Error) => {
      this.#error ??= error;
    });
  }

  /** What this piece, or the end, brings out. @throws {FileFormatError} for what is not bzip2 */
  next(piece?: Uint8Array): Buffer[] {
    try {
      if (piece === undefined) this.#stream.end();
      else this.#stream.write(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength));
    } catch (error) {
      this.#error ??= error as Error;
    }
    if (this.#error !== undefined)
      throw new FileFormatError(
        `cannot be decompressed, it is damaged or cut off (${this.#error.message})`,
        this.#path,
        {
          cause: this.#error,
        },
      );
    const pieces = this.#pieces;
    this.#pieces = [];
    return pieces;
  }
}

/** Decompresses all of a file's bytes. @throws {FileFormatError} naming the file */
export function bunzip2(bytes: Uint8Array, path?: string): Buffer {
  const decompressor = new Decompressor(path);
  return Buffer.concat([...decompressor.next(bytes), ...decompressor.next()]);
}

/** Decompresses a stream piece by piece. @throws {FileFormatError} naming the file */
export async function* bunzip2Stream(source: AsyncIterable<Uint8Array>, path?: string): AsyncGenerator<Buffer> {
  const decompressor = new Decompressor(path);
  for await (const piece of source) yield* decompressor.next(piece);
  yield* decompressor.next();
}
