/** @file What can be wrong with a recipe, a `--set` or a flag: problems are data here, and become text only in `renderProblem`. */

import { UsageError } from '../errors.ts';

/** Where a value came from, in rising precedence. */
export type Source = 'default' | 'recipe' | 'set' | 'flag';

/** One thing that is wrong. */
export interface Problem {
  /**
   * `unknown-key`: no option has this name. `invalid-value`: the option does not take this value. `duplicate-key`: given
   * twice. `missing`: needed and not given. `conflict`: two options contradict each other. `syntax`: not readable at all.
   */
  code: 'unknown-key' | 'invalid-value' | 'duplicate-key' | 'missing' | 'conflict' | 'syntax';
  /** The option's kebab-case name (`lr`, `model-option.numClasses`); empty where the problem is the whole file. */
  path: string;
  /** What would have been right, in words that continue "expected …". */
  expected: string;
  /** What came, printable; empty where nothing came. */
  received: string;
  /** The only values that the option takes, where they can be listed. */
  allowed?: readonly string[];
  /** What was probably meant instead of an unknown name or value. */
  suggestion?: string;
  source: Source;
  /** The recipe file, where the problem is in one. */
  file?: string;
  /** Line in that file, counted from 1. */
  line?: number;
}

/** One or more problems with what the user gave; exit code 2. */
export class RecipeError extends UsageError {
  override readonly code = 'RECIPE';
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(renderProblem).join('\n'));
    this.problems = problems;
  }
}

/** One line for a person: where, what was expected, what came, what to do. */
export function renderProblem(problem: Problem): string {
  return `${place(problem)}${what(problem)}`;
}

function place({ source, file, line, path, code }: Problem): string {
  switch (source) {
    case 'recipe':
      return `${file ?? 'recipe'}${line === undefined ? '' : `:${line}`}: `;
    case 'set':
      return path === '' || code === 'unknown-key' ? '--set: ' : `--set ${path}: `;
    case 'flag':
      return path === '' || code === 'unknown-key' || code === 'missing' ? '' : `--${path}: `;
    case 'default':
      return '';
  }
}

function what(problem: Problem): string {
  const { code, path, expected, received, suggestion, source } = problem;
  const name = source === 'recipe' && path !== '' ? `${path}: ` : '';
  switch (code) {
    case 'unknown-key':
      return `unknown key '${path}'${suggestion === undefined ? '' : `; did you mean '${suggestion}'?`}`;
    case 'duplicate-key':
      return `${name}given twice; expected ${expected}`;
    case 'missing':
      return source === 'recipe'
        ? `${name}missing; expected ${expected}`
        : `--${path} is missing; expected ${expected}`;
    case 'conflict':
      return source === 'default'
        ? `--${path}: expected ${expected} but received ${received}`
        : `${name}expected ${expected} but received ${received}`;
    case 'invalid-value': {
      const hint = suggestion !== undefined ? `; did you mean '${suggestion}'?` : '';
      return `${name}expected ${expected} but received ${received}${hint}`;
    }
    case 'syntax':
      return received === '' ? expected : `expected ${expected} but received ${received}`;
  }
}

/** A value as a person would write it, with its type where the look of it does not tell. */
export function describeReceived(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'string') return `'${value.length > 60 ? `${value.slice(0, 57)}…` : value}'`;
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return String(value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === 'object' ? 'a mapping' : `a ${typeof value}`;
}
