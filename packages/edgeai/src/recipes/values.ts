/** @file Checks one value against its option, and reads the texts of flags and `--set` into values. */

import { suggest } from '@edgeai/torch/suggest';
import { readJson } from './kinds.ts';
import { canonicalName, type OptionTable } from './option-table.ts';
import { describeReceived, type Problem } from './problems.ts';

type ValueProblem = Omit<Problem, 'source' | 'file' | 'line'>;

/** A value of the option's type, or what is wrong with it. */
export type Checked = { ok: true; value: unknown } | { ok: false; problems: ValueProblem[] };

/** Checks `value` for the option `name`, which must exist. */
export function checkValue(table: OptionTable, name: string, value: unknown): Checked {
  const spec = table[name];
  if (spec === undefined) throw new Error(`internal: no option ${name}`);
  const { kind } = spec;
  const parsed = kind.schema.safeParse(value);
  if (parsed.success) return { ok: true, value: parsed.data };
  const suggestion =
    typeof value === 'string' && kind.allowed !== undefined ? suggest(value, kind.allowed, 1)[0] : undefined;
  return {
    ok: false,
    problems: [
      {
        code: 'invalid-value',
        path: name,
        expected: kind.expected,
        received: describeReceived(value),
        ...(kind.allowed === undefined ? {} : { allowed: kind.allowed }),
        ...(suggestion === undefined ? {} : { suggestion }),
      },
    ],
  };
}

/** Checks what a flag carried: a text from the command line (several for records), or a value from a program. */
export function checkFlag(table: OptionTable, name: string, given: unknown): Checked {
  const kind = table[name]?.kind;
  if (kind?.form === 'record' && Array.isArray(given)) return checkEntries(table, name, given);
  return checkValue(table, name, typeof given === 'string' ? (kind?.fromText(given) ?? null) : given);
}

/** `key=JSON` texts to a record. */
function checkEntries(table: OptionTable, name: string, texts: readonly unknown[]): Checked {
  const record: Record<string, unknown> = {};
  const problems: ValueProblem[] = [];
  for (const text of texts) {
    const entry = splitAssignment(String(text));
    const value = entry === undefined ? undefined : parseJson(entry.value);
    if (entry === undefined || value === undefined) {
      const expected = 'key=JSON, with texts in double quotes (key=\'"text"\')';
      problems.push({ code: 'invalid-value', path: name, expected, received: describeReceived(text) });
    } else {
      Object.defineProperty(record, entry.key, { value, enumerable: true, configurable: true, writable: true });
    }
  }
  return problems.length > 0 ? { ok: false, problems } : checkValue(table, name, record);
}

/** Undefined for what is no JSON (which has no `undefined` itself). */
function parseJson(text: string): unknown {
  const value = readJson(text);
  return value === text ? undefined : value;
}

/** `a=b=c` → key `a`, value `b=c`; undefined without a `=` or a key. */
export function splitAssignment(text: string): { key: string; value: string } | undefined {
  const equals = text.indexOf('=');
  return equals <= 0 ? undefined : { key: text.slice(0, equals).trim(), value: text.slice(equals + 1) };
}

/** Reads one `--set key=value`: the option's name and its value, or what is wrong. */
export function checkSet(
  table: OptionTable,
  key: string,
  value: string,
): { name: string; checked: Checked } | undefined {
  const name = canonicalName(table, key);
  if (name !== undefined) return { name, checked: checkFlag(table, name, value) };
  // `model-option.numClasses=10` sets one entry of a record.
  const dot = key.indexOf('.');
  const owner = dot > 0 ? canonicalName(table, key.slice(0, dot)) : undefined;
  if (owner === undefined || table[owner]?.kind.form !== 'record') return undefined;
  return { name: owner, checked: checkFlag(table, owner, [`${key.slice(dot + 1)}=${value}`]) };
}
