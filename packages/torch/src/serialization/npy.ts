/** @file numpy's files: `.npy` (one array) and `.npz` (a zip archive of them), read into and written from records. */

import { ArgumentError, FileFormatError } from '../errors.ts';
import { writeFileAtomic, writeFully } from './atomic.ts';
import { ByteReader } from './byte-reader.ts';
import { widenBFloat16 } from './elements.ts';
import { withInputFile } from './input-file.ts';
import { formatNpyHeader, parseNpyHeader } from './npy-header.ts';
import { arrayByteLength, decodeArrayBytes, numpyCode, parseNumpyType } from './numpy-types.ts';
import { contiguousBytes, type TensorRecord } from './records.ts';
import { ZipReader, type ZipReadOptions } from './zip.ts';
import { ZipWriter } from './zip-writer.ts';

const MAGIC = '\x93NUMPY';
/** numpy pads the header so that the data starts at a multiple of this. */
const ALIGNMENT = 64;
/** No header of a plain array comes near; larger ones are corrupt. */
const MAX_HEADER = 1_000_000;

/**
 * Reads a `.npy` file, versions 1 to 3, either byte order. Column-major arrays keep their order and get the strides
 * that say so. uint16 is widened to int32, uint32 and uint64 to int64 (2^63 and more is an error).
 *
 * @throws FileFormatError when the file is truncated or corrupt, or holds text, records or Python objects.
 */
export function readNpy(path: string): TensorRecord {
  return withInputFile(path, (file) => decodeNpy(new ByteReader(file)));
}

/** Reads the array of a `.npy` file from memory or a reader; see {@link readNpy}. `source` names it in errors. */
export function decodeNpy(input: Uint8Array | ByteReader, source?: string): TensorRecord {
  const reader = input instanceof ByteReader ? input : new ByteReader(input, source);
  try {
    return decode(reader);
  } catch (error) {
    if (!(error instanceof FileFormatError) || error.path !== undefined) throw error;
    throw new FileFormatError(error.message, reader.source, { cause: error });
  }
}

function decode(reader: ByteReader): TensorRecord {
  const magic = Buffer.from(reader.bytes(6, 'the first bytes of an array file')).toString('latin1');
  if (magic !== MAGIC) throw new FileFormatError('not a .npy file: it does not start with \\x93NUMPY');
  const major = reader.u8();
  const minor = reader.u8();
  if (major < 1 || major > 3 || minor !== 0) {
    throw new FileFormatError(`version ${major}.${minor} of the .npy format is not known`);
  }
  const length = major === 1 ? reader.u16() : reader.u32();
  if (length > MAX_HEADER) throw new FileFormatError(`corrupt: the array header claims ${length} bytes`);
  const text = Buffer.from(reader.bytes(length, 'the array header')).toString(major === 3 ? 'utf8' : 'latin1');
  const { descr, fortranOrder, shape } = parseNpyHeader(text);
  const type = parseNumpyType(descr);
  const bytes = reader.bytes(arrayByteLength(type, shape), 'array data');
  return decodeArrayBytes(type, shape, fortranOrder, bytes);
}

/**
 * A `.npy` file's content, header and data, row-major and little-endian. numpy has no bfloat16: it is written as
 * float32, which holds it exactly.
 *
 * @throws ArgumentError for quantised element types.
 */
export function encodeNpy(tensor: TensorRecord): [header: Uint8Array, data: Uint8Array] {
  const isBFloat16 = tensor.dtype === 'bfloat16';
  const descr = numpyCode(isBFloat16 ? 'float32' : tensor.dtype);
  if (descr === undefined)
    throw new ArgumentError('tensor', `numpy has no ${tensor.dtype}; dequantise the tensor first`);
  const data = contiguousBytes(tensor);
  const text = formatNpyHeader({ descr, fortranOrder: false, shape: tensor.shape });
  // Magic, version and length take 10 bytes; the header ends in a newline.
  const padding = (ALIGNMENT - ((10 + text.length + 1) % ALIGNMENT)) % ALIGNMENT;
  const body = `${text}${' '.repeat(padding)}\n`;
  const length = String.fromCharCode(body.length & 0xff, body.length >> 8);
  const header = Buffer.from(`${MAGIC}\x01\x00${length}${body}`, 'latin1');
  return [new Uint8Array(header), isBFloat16 ? widenBFloat16(data) : data];
}

/** Writes a `.npy` file atomically; see {@link encodeNpy}. */
export function writeNpy(path: string, tensor: TensorRecord): void {
  const chunks = encodeNpy(tensor);
  writeFileAtomic(path, (fd) => {
    for (const chunk of chunks) writeFully(fd, chunk);
  });
}

/**
 * Reads a `.npz` archive, stored or compressed: arrays by name, in the order of the archive. See {@link readNpy}.
 *
 * @throws FileFormatError when the archive or one of its arrays is truncated, corrupt or not supported.
 */
export function readNpz(path: string, options: ZipReadOptions = {}): Map<string, TensorRecord> {
  const zip = new ZipReader(path, options);
  try {
    const arrays = new Map<string, TensorRecord>();
    for (const name of zip.entries.keys()) {
      if (!name.endsWith('.npy')) throw new FileFormatError(`entry '${name}' is not a .npy array`, path);
      arrays.set(name.slice(0, -'.npy'.length), decodeNpy(zip.read(name), `${path}: ${name}`));
    }
    return arrays;
  } finally {
    zip.close();
  }
}

/** Writes a `.npz` archive of stored arrays atomically; see {@link encodeNpy}. */
export function writeNpz(path: string, tensors: ReadonlyMap<string, TensorRecord>): void {
  writeFileAtomic(path, (fd) => {
    const zip = new ZipWriter(fd);
    for (const [name, tensor] of tensors) zip.add(`${name}.npy`, ...encodeNpy(tensor));
    zip.finish();
  });
}
