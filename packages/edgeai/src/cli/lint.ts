/** @file `edgeai lint`: what a device will not run, or run badly, of a model; with an exit code for continuous integration. */

import type { lint } from '@edgeai/modelopt';
import { Command, Option } from 'commander';

import { UsageError } from '../errors.ts';
import { type CommandContext, print, printJson } from './context.ts';
import { addInputShape, parseShape } from './input-shape.ts';
import { addModelOption, parseModelOptions } from './model-options.ts';

interface LintFlags {
  model: string;
  modelOption?: string[];
  target: string;
  inputShape?: string[];
  failOn: 'error' | 'warning' | 'hint';
  json?: boolean;
}

export function lintCommand(context: CommandContext): Command {
  const command = new Command('lint')
    .description('list what a device will not run, or run badly, of a model, why, and which surgery rule mends it')
    .requiredOption('--model <name>', 'name of the model')
    .requiredOption('--target <device>', 'generic-int8, tda4vm, am62a, am67a, am68a or am69a');
  addInputShape(addModelOption(command))
    .addOption(
      new Option('--fail-on <severity>', 'the least grave finding that makes the exit code 1')
        .choices(['error', 'warning', 'hint'])
        .default('error'),
    )
    .option('--json', 'print the findings as JSON')
    .action((flags: LintFlags) => run(flags, context));
  return command;
}

type Finding = lint.Finding;

async function run(flags: LintFlags, context: CommandContext): Promise<void> {
  const given = flags.inputShape?.map(parseShape);
  const [{ lint: linter }, { scope, zeros }, { openModel }] = await Promise.all([
    import('@edgeai/modelopt'),
    import('@edgeai/torch'),
    import('../models/open-model.ts'),
  ]);
  const names = linter.deviceProfiles.map(({ name }) => name);
  if (!names.includes(flags.target.toLowerCase()))
    throw new UsageError(`--target: expected one of ${names.join(', ')} but received '${flags.target}'`);
  const profile = linter.deviceProfile(flags.target);
  const opened = await openModel({
    model: flags.model,
    modelOptions: parseModelOptions(flags.modelOption),
    inputShapes: given,
  });
  const shapes = given ?? opened.inputShapes;
  const findings = scope(() =>
    linter.lintModel(
      opened.model,
      shapes.map((shape) => zeros(shape)),
      profile,
    ),
  );
  if (linter.hasSeverity(findings, flags.failOn)) context.exitCode = 1;
  if (flags.json === true)
    return printJson(context, { model: opened.name, target: profile.name, inputShapes: shapes, findings });
  if (findings.length === 0) return print(context, `${opened.name} runs on ${profile.name} (${profile.summary})`);
  for (const [heading, places] of grouped(findings)) {
    print(context, heading);
    for (const { where, what } of places) print(context, `    ${where || '(the network itself)'}  ${what}`);
  }
  const count = (severity: string) => findings.filter((finding) => finding.severity === severity).length;
  const sums = ['error', 'warning', 'hint'].map((severity) => `${count(severity)} ${severity}s`).join(', ');
  print(context, `\n${profile.name} (${profile.summary}): ${sums}`);
}

/** Findings that say the same, in the order of the first. */
function grouped(findings: readonly Finding[]): Map<string, Finding[]> {
  const groups = new Map<string, Finding[]>();
  for (const finding of findings) {
    const { severity, rule, why, mendedBy } = finding;
    const mend = mendedBy === null ? '' : ` (surgery rule ${mendedBy} mends it)`;
    const heading = `${severity} ${rule}: ${why}${mend}`;
    groups.set(heading, [...(groups.get(heading) ?? []), finding]);
  }
  return groups;
}
