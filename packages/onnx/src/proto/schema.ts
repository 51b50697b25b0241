/** @file Protocol buffer messages as data: a table of fields for each, from which one encoder and one decoder work. */

/**
 * Element types. `int` is a signed varint that fits a JavaScript number; `int64` is one that may not, and then comes as a
 * bigint; `bytes` and `string` are length-delimited.
 */
export type ScalarKind = 'int' | 'int64' | 'uint64' | 'float' | 'double' | 'string' | 'bytes';

export interface Field {
  /** Field number in the .proto file. */
  readonly number: number;
  readonly kind: ScalarKind | (() => MessageType<object>);
  readonly repeated: boolean;
  /** Repeated numbers are written in one block. Both forms are read. */
  readonly packed: boolean;
}

/** A message: its name and its fields by property name. */
export interface MessageType<T extends object> {
  readonly name: string;
  readonly fields: ReadonlyMap<string, Field>;
  /** Never set: carries the type of the message. */
  readonly type?: T;
}

export function one(number: number, kind: Field['kind']): Field {
  return { number, kind, repeated: false, packed: false };
}

export function many(number: number, kind: Field['kind']): Field {
  return { number, kind, repeated: true, packed: false };
}

export function packed(number: number, kind: ScalarKind): Field {
  return { number, kind, repeated: true, packed: true };
}

/** Declares a message; the compiler checks that every property of `T` has its field. */
export function message<T extends object>(name: string, fields: { readonly [K in keyof T]-?: Field }): MessageType<T> {
  return { name, fields: new Map(Object.entries(fields) as [string, Field][]) };
}
