/** @file The little of protobuf's wire format that event files need: writing and reading of fields, no schema compiler. */

/** Collects the encoded fields of one message. Fields with default values are written too: readers do not mind. */
export class MessageWriter {
  readonly #parts: Uint8Array[] = [];

  /** An unsigned integer up to 2^53 − 1 (int32, int64, enum fields with non-negative values). */
  integer(field: number, value: number): this {
    if (!Number.isSafeInteger(value) || value < 0)
      throw new RangeError(`Expected a whole number ≥ 0 but received ${value}`);
    this.#parts.push(varint(field * 8), varint(value));
    return this;
  }

  double(field: number, value: number): this {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(value);
    this.#parts.push(varint(field * 8 + 1), bytes);
    return this;
  }

  float(field: number, value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeFloatLE(value);
    this.#parts.push(varint(field * 8 + 5), bytes);
    return this;
  }

  /** Bytes, text (UTF-8) or a nested message. */
  bytes(field: number, value: Uint8Array | string | MessageWriter): this {
    const data =
      typeof value === 'string' ? Buffer.from(value) : value instanceof MessageWriter ? value.finish() : value;
    this.#parts.push(varint(field * 8 + 2), varint(data.length), data);
    return this;
  }

  /** A packed list of doubles. */
  doubles(field: number, values: ArrayLike<number>): this {
    const data = Buffer.alloc(8 * values.length);
    for (let i = 0; i < values.length; i++) data.writeDoubleLE(values[i] ?? 0, 8 * i);
    return this.bytes(field, data);
  }

  finish(): Uint8Array {
    return Buffer.concat(this.#parts);
  }
}

/** Seven bits a byte, lowest first. Division rather than shifts: steps may exceed 32 bits. */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

/** One decoded field: a number for integers and floats, bytes for everything with a length. */
export interface Field {
  field: number;
  value: number | Buffer;
}

/** The fields of a message in their order. Throws a RangeError where it ends too early or uses an unknown wire type. */
export function readFields(message: Buffer): Field[] {
  const fields: Field[] = [];
  let position = 0;
  const readVarint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = message.readUInt8(position++);
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (position < message.length) {
    const key = readVarint();
    const field = Math.floor(key / 8);
    switch (key % 8) {
      case 0:
        fields.push({ field, value: readVarint() });
        break;
      case 1:
        fields.push({ field, value: message.readDoubleLE(position) });
        position += 8;
        break;
      case 2: {
        const length = readVarint();
        if (position + length > message.length) throw new RangeError('a field is longer than its message');
        fields.push({ field, value: message.subarray(position, position + length) });
        position += length;
        break;
      }
      case 5:
        fields.push({ field, value: message.readFloatLE(position) });
        position += 4;
        break;
      default:
        throw new RangeError(`unknown wire type ${key % 8}`);
    }
  }
  return fields;
}

/** The numbers of a packed list of doubles. */
export function unpackDoubles(data: Buffer): number[] {
  return Array.from({ length: Math.floor(data.length / 8) }, (_, i) => data.readDoubleLE(8 * i));
}
