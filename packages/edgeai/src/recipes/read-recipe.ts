/** @file Reads a YAML recipe into checked values by option name; everything wrong with it becomes a problem with its line. */

import { suggest } from '@edgeai/torch/suggest';
import { isMap, isScalar, LineCounter, type Pair, parseDocument } from 'yaml';
import { canonicalName, entriesOf, type OptionTable } from './option-table.ts';
import { describeReceived, type Problem } from './problems.ts';
import { checkValue } from './values.ts';

/** Values by kebab-case name, and where in the file each stood. */
export interface RecipeValues {
  values: Map<string, unknown>;
  lines: Map<string, number>;
  problems: Problem[];
}

/** Reads the text of a recipe of the task `task`. `file` is only for messages. Never throws for what the text says. */
export function readRecipe(text: string, task: string, table: OptionTable, file: string): RecipeValues {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false });
  const result: RecipeValues = { values: new Map(), lines: new Map(), problems: [] };
  const lineAt = (offset: number): number => counter.linePos(offset).line;
  const report = (problem: Omit<Problem, 'source' | 'file'>): void => {
    result.problems.push({ ...problem, source: 'recipe', file });
  };

  for (const error of document.errors) {
    const line = lineAt(error.pos[0]);
    if (error.code === 'DUPLICATE_KEY') {
      report({ code: 'duplicate-key', path: keyAt(text, error.pos[0]), expected: 'each key once', received: '', line });
    } else {
      report({ code: 'syntax', path: '', expected: 'readable YAML', received: firstLine(error.message), line });
    }
  }
  if (document.errors.some((error) => error.code !== 'DUPLICATE_KEY')) return result;

  const root = document.contents;
  if (root !== null && !isMap(root)) {
    report({
      code: 'syntax',
      path: '',
      expected: 'a mapping of keys to values',
      received: describeReceived(root.toJS(document)),
      line: 1,
    });
    return result;
  }
  const seen = new Map<string, string>();
  for (const pair of root?.items ?? []) {
    const { key, line } = keyOf(pair, lineAt);
    if (key === undefined) {
      report({
        code: 'invalid-value',
        path: '',
        expected: 'a name as the key',
        received: describeReceived(pair.key),
        line,
      });
      continue;
    }
    const value = plainValue(pair, document);
    if (key === 'task') {
      seen.set(key, key);
      if (value !== task) {
        report({ code: 'invalid-value', path: key, expected: `'${task}'`, received: describeReceived(value), line });
      }
      continue;
    }
    const name = canonicalName(table, key);
    if (name === undefined) {
      report({ ...unknownKey(table, key), line });
      continue;
    }
    const earlier = seen.get(name);
    if (earlier !== undefined && earlier !== key) {
      report({
        code: 'duplicate-key',
        path: key,
        expected: `it once; '${earlier}' is the same option`,
        received: '',
        line,
      });
      continue;
    }
    seen.set(name, key);
    result.lines.set(name, line);
    const checked = checkValue(table, name, value);
    if (checked.ok) result.values.set(name, checked.value);
    else for (const problem of checked.problems) report({ ...problem, line });
  }
  if (!seen.has('task')) {
    report({ code: 'missing', path: 'task', expected: `task: ${task}`, received: '' });
  }
  return result;
}

/** The problem that `key` is no option, with the nearest name that is one. */
export function unknownKey(table: OptionTable, key: string): Omit<Problem, 'source'> {
  const suggestion = nearestOption(table, key);
  return {
    code: 'unknown-key',
    path: key,
    expected: 'the name of an option',
    received: key,
    ...(suggestion === undefined ? {} : { suggestion }),
  };
}

function nearestOption(table: OptionTable, key: string): string | undefined {
  // Names of other tools are looked up exactly first: 'learning-rate' is far from 'lr' by letters.
  const owners = new Map<string, string>([['task', 'task']]);
  for (const [name, spec] of entriesOf(table)) {
    for (const known of [name, ...(spec.alias === undefined ? [] : [spec.alias]), ...(spec.lookalikes ?? [])]) {
      if (!owners.has(known)) owners.set(known, name);
    }
  }
  const [nearest] = suggest(key, owners.keys(), 1);
  return nearest === undefined ? undefined : owners.get(nearest);
}

function keyOf(
  pair: Pair<unknown, unknown>,
  lineAt: (offset: number) => number,
): { key: string | undefined; line: number } {
  if (!isScalar(pair.key)) return { key: undefined, line: 1 };
  const line = lineAt(pair.key.range?.[0] ?? 0);
  return { key: typeof pair.key.value === 'string' ? pair.key.value : undefined, line };
}

/** The plain value of a pair; aliases and anchors resolved. */
function plainValue(pair: Pair<unknown, unknown>, document: ReturnType<typeof parseDocument>): unknown {
  const { value } = pair;
  if (typeof value !== 'object' || value === null || !('toJS' in value) || typeof value.toJS !== 'function')
    return null;
  try {
    return value.toJS(document);
  } catch (error) {
    // Unresolved or too many aliases.
    return error instanceof Error ? error.message : String(error);
  }
}

function keyAt(text: string, offset: number): string {
  return /^[^\s:]*/.exec(text.slice(offset))?.[0] ?? '';
}

function firstLine(message: string): string {
  return message.split('\n')[0] ?? message;
}
