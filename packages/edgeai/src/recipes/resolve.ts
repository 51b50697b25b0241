/** @file Joins defaults, recipe, `--set` and flags into the one typed config of a run. */

import { readFileSync } from 'node:fs';

import { describeSystemError, UsageError } from '../errors.ts';
import {
  type ConfigOf,
  camelCase,
  entriesOf,
  type OptionTable,
  type SourcesOf,
  type TaskDefinition,
} from './option-table.ts';
import { type Problem, RecipeError, type Source } from './problems.ts';
import { readRecipe, unknownKey } from './read-recipe.ts';
import { type Checked, checkFlag, checkSet, splitAssignment } from './values.ts';

export interface RecipeInput {
  /** Values in the place of defaults, by camelCase name: what a checkpoint says of itself. Names without an option are left out. */
  base?: Readonly<Record<string, unknown>> | undefined;
  /** Path of a YAML recipe. */
  file?: string | undefined;
  /** `key=value` texts; later ones win. */
  sets?: readonly string[] | undefined;
  /** Options by camelCase name: texts from the command line or typed values; absent ones were not given. */
  flags?: Readonly<Record<string, unknown>> | undefined;
}

export interface ResolvedRecipe<Table extends OptionTable> {
  config: ConfigOf<Table>;
  sources: SourcesOf<Table>;
}

/**
 * Resolves a recipe: defaults, then `base`, then the file, then `sets`, then `flags`. Records (`model-option`) are joined key by key,
 * everything else is replaced. Throws a RecipeError with all problems at once; a UsageError where the file cannot be read.
 */
export function resolveRecipe<Table extends OptionTable>(
  definition: TaskDefinition<Table>,
  { base = {}, file, sets = [], flags = {} }: RecipeInput,
): ResolvedRecipe<Table> {
  const table = definition.options;
  const values = new Map<string, unknown>();
  const sources = new Map<string, Source>();
  const problems: Problem[] = [];
  const put = (name: string, value: unknown, source: Source): void => {
    const before = values.get(name);
    const join = table[name]?.kind.form === 'record' && isRecord(before) && isRecord(value);
    values.set(name, join ? { ...before, ...value } : value);
    sources.set(name, source);
  };
  const take = (name: string, checked: Checked, source: Source): void => {
    if (checked.ok) put(name, checked.value, source);
    else problems.push(...checked.problems.map((problem) => ({ ...problem, source })));
  };

  for (const [name, spec] of entriesOf(table)) put(name, spec.default, 'default');

  const names = new Map(Object.keys(table).map((name) => [camelCase(name), name]));
  for (const [key, value] of Object.entries(base)) {
    const name = names.get(key);
    if (name !== undefined && value !== undefined) take(name, checkFlag(table, name, value), 'default');
  }

  let lines = new Map<string, number>();
  if (file !== undefined) {
    const recipe = readRecipe(readText(file), definition.task, table, file);
    lines = recipe.lines;
    problems.push(...recipe.problems);
    for (const [name, value] of recipe.values) put(name, value, 'recipe');
  }
  for (const text of sets) {
    const assignment = splitAssignment(text);
    if (assignment === undefined) {
      problems.push({ code: 'syntax', path: '', expected: 'key=value', received: `'${text}'`, source: 'set' });
      continue;
    }
    const read = checkSet(table, assignment.key, assignment.value);
    if (read === undefined) problems.push({ ...unknownKey(table, assignment.key), source: 'set' });
    else take(read.name, read.checked, 'set');
  }
  for (const [key, given] of Object.entries(flags)) {
    if (given === undefined) continue;
    const name = names.get(key);
    if (name === undefined) problems.push({ ...unknownKey(table, key), source: 'flag' });
    else take(name, checkFlag(table, name, given), 'flag');
  }
  if (problems.length > 0) throw new RecipeError(problems);

  // Every option has a value of its own schema by now, which is what the mapped type says.
  const config = Object.fromEntries([...values].map(([name, value]) => [camelCase(name), value])) as ConfigOf<Table>;
  const conflicts = definition.check(config).map((problem): Problem => {
    const source = problem.code === 'missing' ? 'flag' : (sources.get(problem.path) ?? 'default');
    return source === 'recipe' ? { ...problem, source, file, line: lines.get(problem.path) } : { ...problem, source };
  });
  if (conflicts.length > 0) throw new RecipeError(conflicts);
  return { config, sources: Object.fromEntries(sources) as SourcesOf<Table> };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`cannot read the recipe ${file}: ${describeSystemError(error)}`, { cause: error });
  }
}
