/** @file Turns an option table into commander options, and what commander parsed back into flags for `resolveRecipe`. */

import { type Command, Option } from 'commander';

import { camelCase, entriesOf, type OptionSpec, type OptionTable } from './option-table.ts';

/**
 * Adds every option of the table to a command, with its short and alternative names, under the heading of its group. No
 * defaults are given to commander: what was not given must be told apart from what was given as the default.
 */
export function addOptions(command: Command, table: OptionTable): void {
  for (const [name, spec] of entriesOf(table)) {
    for (const option of optionsFor(name, spec)) command.addOption(option);
  }
}

/** Adds `--recipe FILE` and the repeatable `--set key=value`. */
export function addRecipeOptions(command: Command): void {
  command.option('--recipe <file>', 'YAML recipe with values for the options below; flags win over it');
  command.addOption(
    new Option('--set <key=value>', 'set one option, as in a recipe; may be repeated').argParser(collect),
  );
}

/** The options of the table that were given on the command line, by camelCase name. */
export function givenFlags(command: Command, table: OptionTable): Record<string, unknown> {
  const given: Record<string, unknown> = {};
  for (const name of Object.keys(table)) {
    const key = camelCase(name);
    const value: unknown = command.getOptionValue(key);
    if (value !== undefined) given[key] = value;
  }
  return given;
}

function optionsFor(name: string, spec: OptionSpec<unknown>): Option[] {
  const { kind, short, alias, group } = spec;
  const heading = `${group}:`;
  const description = `${spec.help} ${describeDefault(spec)}`;
  const names = [
    short === undefined ? undefined : `-${short}`,
    alias === undefined ? undefined : `--${alias}`,
    `--${name}`,
  ]
    .filter((part) => part !== undefined)
    .join(', ');
  if (kind.form === 'flag') {
    const on = new Option(names, description).helpGroup(heading);
    const off = new Option(`--no-${name}`, spec.helpOff ?? `The opposite of --${name}.`).helpGroup(heading);
    // Help lists the one that changes something; both are accepted, to overrule a recipe.
    return [on.hideHelp(spec.default === true), off.hideHelp(spec.default !== true)];
  }
  const values = kind.allowed === undefined ? '' : ` One of: ${kind.allowed.join(', ')}.`;
  const placeholder = kind.placeholder ?? 'value';
  const option = new Option(
    `${names} ${spec.bare === undefined ? `<${placeholder}>` : `[${placeholder}]`}`,
    `${spec.help}${values} ${describeDefault(spec)}`,
  );
  if (spec.bare !== undefined) option.preset(spec.bare);
  if (kind.form === 'record') option.argParser(collect);
  return [option.helpGroup(heading)];
}

function collect(value: string, before: unknown): string[] {
  return [...(Array.isArray(before) ? before : []), value];
}

/** `(default: 0.1)`. */
function describeDefault(spec: OptionSpec<unknown>): string {
  const value = spec.default;
  if (spec.kind.form === 'flag') return `(default: ${value === true ? 'on' : 'off'})`;
  if (value === null || spec.kind.form === 'record') return '(default: none)';
  return `(default: ${String(value)})`;
}
