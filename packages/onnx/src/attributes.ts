/** @file Attributes of ONNX nodes from plain values. */

import { type AttributeProto, AttributeType, type TensorProto } from './proto/onnx.ts';

/** Marks a number that is a FLOAT attribute; plain numbers are INTs. */
export class Float {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/** Marks numbers that are a FLOATS attribute. */
export class Floats {
  readonly values: readonly number[];

  constructor(values: readonly number[]) {
    this.values = values;
  }
}

export type AttributeValue = number | boolean | string | Float | Floats | readonly number[] | TensorProto;

export type Attributes = Readonly<Record<string, AttributeValue | undefined>>;

const utf8 = new TextEncoder();

/** Attributes in the order given; those that are `undefined` are left out. */
export function attributeProtos(attributes: Attributes): AttributeProto[] {
  return Object.entries(attributes).flatMap(([name, value]) =>
    value === undefined ? [] : [{ name, ...content(value) }],
  );
}

function content(value: AttributeValue): AttributeProto {
  if (typeof value === 'number') return { i: value, type: AttributeType.INT };
  if (typeof value === 'boolean') return { i: value ? 1 : 0, type: AttributeType.INT };
  if (typeof value === 'string') return { s: utf8.encode(value), type: AttributeType.STRING };
  if (value instanceof Float) return { f: value.value, type: AttributeType.FLOAT };
  if (value instanceof Floats) return { floats: [...value.values], type: AttributeType.FLOATS };
  if (isIntegers(value)) return { ints: [...value], type: AttributeType.INTS };
  return { t: value, type: AttributeType.TENSOR };
}

function isIntegers(value: readonly number[] | TensorProto): value is readonly number[] {
  return Array.isArray(value);
}
