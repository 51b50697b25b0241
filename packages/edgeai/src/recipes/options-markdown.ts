/** @file The options of a task as Markdown tables, for the documentation. */

import { entriesOf, type OptionSpec, type OptionTable } from './option-table.ts';

/** A heading and a table for each group: option, values, default, meaning. `level` is the level of the headings. */
export function renderOptionsMarkdown(table: OptionTable, level = 3): string {
  const groups = new Map<string, string[]>();
  for (const [name, spec] of entriesOf(table)) {
    const rows = groups.get(spec.group) ?? [];
    rows.push(
      `| ${[names(name, spec), spec.kind.expected, defaultText(spec), spec.help].map(escapeCell).join(' | ')} |`,
    );
    groups.set(spec.group, rows);
  }
  return [...groups]
    .map(([group, rows]) =>
      [
        `${'#'.repeat(level)} ${group}`,
        '',
        '| Option | Values | Default | Meaning |',
        '|---|---|---|---|',
        ...rows,
        '',
      ].join('\n'),
    )
    .join('\n');
}

function names(name: string, { short, alias, kind, default: value }: OptionSpec<unknown>): string {
  const all = [`\`--${name}\``];
  if (alias !== undefined) all.push(`\`--${alias}\``);
  if (short !== undefined) all.push(`\`-${short}\``);
  if (kind.form === 'flag' && value === true) all.push(`\`--no-${name}\``);
  return all.join(', ');
}

function defaultText({ default: value, kind }: OptionSpec<unknown>): string {
  if (value === null) return '–';
  if (kind.form === 'record') return '–';
  return `\`${String(value)}\``;
}

/** A `|` or a newline inside a cell would end it; `<` would begin HTML. */
function escapeCell(text: string): string {
  return text
    .replaceAll('|', '\\|')
    .replaceAll('\n', ' ')
    .replaceAll(/<(?=[a-z])/g, '\\<');
}
