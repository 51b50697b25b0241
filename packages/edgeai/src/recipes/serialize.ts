/** @file Writes a resolved config as a recipe that reads back to the same config: the `recipe.yaml` of a run folder. */

import { stringify } from 'yaml';

import { type ConfigOf, camelCase, entriesOf, type OptionTable, type TaskDefinition } from './option-table.ts';

/** YAML with every option of the task, under a comment for each group. */
export function serializeRecipe<Table extends OptionTable>(
  definition: TaskDefinition<Table>,
  config: ConfigOf<Table>,
): string {
  const values = new Map<string, unknown>(Object.entries(config));
  const lines = [`task: ${definition.task}`];
  let group = '';
  for (const [name, spec] of entriesOf(definition.options)) {
    if (spec.group !== group) {
      group = spec.group;
      lines.push('', `# ${group}`);
    }
    // Strings in quotes, never folded or in blocks: whatever they hold comes back, and the same config gives the same bytes.
    lines.push(
      stringify({ [name]: values.get(camelCase(name)) }, { lineWidth: 0, blockQuote: false }).replace(/\n$/, ''),
    );
  }
  return `${lines.join('\n')}\n`;
}
