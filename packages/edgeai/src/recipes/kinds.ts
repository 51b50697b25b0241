/** @file The kinds of value that options take: each knows its zod schema, how to read it from text, and how to say what it expects. */

import { z } from 'zod';

/** A kind of option value. */
export interface ValueKind<T> {
  readonly schema: z.ZodType<T>;
  /** Continues "expected …", for instance `a number > 0`. */
  readonly expected: string;
  /** What stands for the value in help texts; a flag has none. */
  readonly placeholder: string | undefined;
  /** The values, where they can be listed. */
  readonly allowed?: readonly string[];
  /** `flag`: given or not; `value`: one text; `record`: repeated `key=JSON`. */
  readonly form: 'flag' | 'value' | 'record';
  /** Reads the text of a flag or of `--set`; what cannot be read is returned as the text, for the schema to refuse. */
  fromText(text: string): unknown;
}

/** On or off; off unless given. */
export function flag(): ValueKind<boolean> {
  return {
    schema: z.boolean(),
    expected: 'true or false',
    placeholder: undefined,
    form: 'flag',
    fromText: (text) => (text === 'true' ? true : text === 'false' ? false : text),
  };
}

export interface Bounds {
  min?: number;
  max?: number;
  /** The value must be greater than this. */
  above?: number;
  /** The value must be less than this. */
  below?: number;
}

/** A whole number. */
export function integer(bounds: Bounds = {}): ValueKind<number> {
  return numeric('a whole number', z.int(), bounds);
}

/** A finite number. */
export function real(bounds: Bounds = {}): ValueKind<number> {
  return numeric('a number', z.number(), bounds);
}

function numeric(noun: string, base: z.ZodNumber, { min, max, above, below }: Bounds): ValueKind<number> {
  let schema = base;
  const limits: string[] = [];
  if (min !== undefined) {
    schema = schema.gte(min);
    limits.push(`≥ ${min}`);
  }
  if (above !== undefined) {
    schema = schema.gt(above);
    limits.push(`> ${above}`);
  }
  if (max !== undefined) {
    schema = schema.lte(max);
    limits.push(`≤ ${max}`);
  }
  if (below !== undefined) {
    schema = schema.lt(below);
    limits.push(`< ${below}`);
  }
  return {
    schema,
    expected: limits.length === 0 ? noun : `${noun} ${limits.join(' and ')}`,
    placeholder: noun === 'a whole number' ? 'n' : 'x',
    form: 'value',
    // Number('') is 0, and hexadecimal is nobody's learning rate.
    fromText: (text) => (/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text.trim()) ? Number(text) : text),
  };
}

export interface TextOptions {
  /** What the text must look like; `expected` describes it. */
  pattern?: RegExp;
  expected?: string;
  placeholder?: string;
}

/** Any text but an empty one. */
export function text(options: TextOptions = {}): ValueKind<string> {
  return {
    schema: options.pattern === undefined ? z.string().min(1) : z.string().regex(options.pattern),
    expected: options.expected ?? 'a text',
    placeholder: options.placeholder ?? 'text',
    form: 'value',
    fromText: (value) => value,
  };
}

/** One of a few names. */
export function choice<const Names extends readonly [string, ...string[]]>(names: Names): ValueKind<Names[number]> {
  return {
    schema: z.enum(names),
    expected: `one of ${names.join(', ')}`,
    placeholder: 'name',
    allowed: names,
    form: 'value',
    fromText: (value) => value,
  };
}

/** Several numbers, in a list or in one text with commas, spaces or `x` between them: `384,768`, `384x768`. */
export function numbers({ count, bounds = {} }: { count?: number; bounds?: Bounds } = {}): ValueKind<number[]> {
  const each = real(bounds);
  const noun = count === undefined ? 'numbers' : `${count} numbers`;
  const limits = each.expected.replace(/^a number/, '');
  return {
    schema: count === undefined ? z.array(each.schema) : z.array(each.schema).length(count),
    expected: `${noun}${limits}, such as ${count === 1 ? '1' : '1,2'}`,
    placeholder: count === undefined ? 'x,y,…' : Array.from({ length: count }, (_, i) => 'xyzw'[i] ?? 'v').join(','),
    form: 'value',
    fromText: (text) => {
      const parts = text
        .replaceAll(/[[\]]/g, ' ')
        .trim()
        .split(/[\s,x×]+/);
      const values = parts.map((part) => each.fromText(part));
      return values.every((value) => typeof value === 'number') ? values : text;
    },
  };
}

/** A value that JSON can carry. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** Named values of any JSON type, such as the constructor options of a model. */
export function record(): ValueKind<Record<string, Json>> {
  return {
    schema: z.record(z.string(), z.json()),
    expected: 'a mapping of names to JSON values',
    placeholder: 'key=JSON',
    form: 'record',
    fromText: readJson,
  };
}

/** A kind that may also be left open: `null` in a recipe, `none` or `null` as text. */
export function optional<T>(kind: ValueKind<T>): ValueKind<T | null> {
  return {
    ...kind,
    schema: kind.schema.nullable(),
    expected: `${kind.expected}${kind.expected.includes(',') ? ',' : ''} or null`,
    fromText: (value) => (/^(null|none|)$/i.test(value.trim()) ? null : kind.fromText(value)),
  };
}

/** The JSON value that a text spells, or the text itself where it spells none. */
export function readJson(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
