/** @file The shape of an option table: the one place that knows a task's options, and from which flags, recipe keys, types and docs follow. */

import type { ValueKind } from './kinds.ts';
import type { Problem, Source } from './problems.ts';

/** Everything about one option but its name, which is its key in the table. */
export interface OptionSpec<T> {
  readonly kind: ValueKind<T>;
  readonly default: T;
  /** One or two sentences; the default is added to it automatically. */
  readonly help: string;
  /** For a flag that is on by default: what turning it off (`--no-…`) means. */
  readonly helpOff?: string;
  /** Heading under which help and docs list it. */
  readonly group: string;
  /** One letter, for `-b`. */
  readonly short?: string;
  /** Another full name that is accepted, such as `wd` for `weight-decay`. */
  readonly alias?: string;
  /** What the option means when it is given without a value (`--resume`); without this, a value is required. */
  readonly bare?: string;
  /** Names that other tools use for this: not accepted, but understood well enough to suggest the right one. */
  readonly lookalikes?: readonly string[];
}

/** Options by their kebab-case names, in the order in which help lists them. */
export type OptionTable = Readonly<Record<string, OptionSpec<unknown>>>;

/** `lr-step-size` → `lrStepSize`. */
export type CamelCase<Name extends string> = Name extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Name;

/** The typed settings that a table describes, under camelCase names. */
export type ConfigOf<Table extends OptionTable> = {
  readonly [Name in keyof Table & string as CamelCase<Name>]: Table[Name] extends OptionSpec<infer T> ? T : never;
};

/** Where each setting came from, by its kebab-case name. */
export type SourcesOf<Table extends OptionTable> = Readonly<Record<keyof Table & string, Source>>;

/** A trainable task as recipes see it. */
export interface TaskDefinition<Table extends OptionTable> {
  /** The value of the recipe key `task`. */
  readonly task: string;
  readonly options: Table;
  /** Rules between options; called only when every single value is right. */
  check(config: ConfigOf<Table>): Pick<Problem, 'code' | 'path' | 'expected' | 'received'>[];
}

/** Writes an entry of a table; infers the value's type from its kind. */
export function option<T>(kind: ValueKind<T>, spec: Omit<OptionSpec<NoInfer<T>>, 'kind'>): OptionSpec<T> {
  return { kind, ...spec };
}

/** `lr-step-size` → `lrStepSize`, at run time. */
export function camelCase(name: string): string {
  return name.replaceAll(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** The full name of an option that is called `name` in a recipe or on the command line; undefined for an unknown one. */
export function canonicalName(table: OptionTable, name: string): string | undefined {
  if (Object.hasOwn(table, name)) return name;
  return Object.keys(table).find((key) => table[key]?.alias === name);
}

/** All options with their names. */
export function entriesOf(table: OptionTable): [name: string, spec: OptionSpec<unknown>][] {
  return Object.entries(table);
}
