/** @file `edgeai surgery`: replaces what embedded devices run badly in a model, shows what changed, and writes the result. */

import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { surgery } from '@edgeai/modelopt';
import type { Tensor } from '@edgeai/torch';
import { Command, Option } from 'commander';

import { FailureError, UsageError } from '../errors.ts';
import { type CommandContext, columnsOf, print, printJson } from './context.ts';
import { addInputShape, parseShape } from './input-shape.ts';
import { addModelOptions, type ModelFlags, parseModelOptions, wholeNumber } from './model-options.ts';
import { renderTable } from './table.ts';

interface SurgeryFlags extends ModelFlags {
  preset?: surgery.SurgeryPreset;
  rules?: string;
  rulesFile?: string;
  exact?: boolean;
  level: 'graph' | 'modules';
  inputShape?: string[];
  seed: string;
  outputDir: string;
  json?: boolean;
}

const HELP = `
A rules file is YAML: a list of rules, or a mapping of rules to true, false or their settings, perhaps with a preset:
  preset: v2
  rules:
    gelu_to_relu: false
    conv2d_to_conv2d_dw_conv2d: { groupSizeDw: 1 }`;

export function surgeryCommand(context: CommandContext): Command {
  const command = new Command('surgery').description(
    'replace what embedded devices run badly by what they run well, and show what changed',
  );
  addInputShape(addModelOptions(command))
    .addOption(
      new Option('--preset <name>', 'the set of rules to begin with (default: v2)').choices([
        'v1',
        'v2',
        'exact',
        'none',
      ]),
    )
    .option('--rules <names>', 'use these rules and no others, separated by commas')
    .option('--rules-file <file>', 'rules with their settings, as YAML')
    .option('--exact', 'only rules after which the network need not be trained further')
    .addOption(
      new Option('--level <level>', 'change the graph, or the module tree, which keeps all classes')
        .choices(['graph', 'modules'])
        .default('graph'),
    )
    .option('--seed <n>', 'seed of weights that nothing is known of', '0')
    .requiredOption('--output-dir <folder>', 'where checkpoint.pth, graph.json and result.json go')
    .option('--json', 'print the report as JSON')
    .addHelpText('after', HELP)
    .action((flags: SurgeryFlags) => run(flags, context));
  return command;
}

async function run(flags: SurgeryFlags, context: CommandContext): Promise<void> {
  const [{ surgery }, { ArgumentError, fx, nn, save, scope, writeFileAtomic, zeros }, { openModel }] =
    await Promise.all([import('@edgeai/modelopt'), import('@edgeai/torch'), import('../models/open-model.ts')]);
  const options = { ...(await readOptions(flags)), seed: wholeNumber('--seed', flags.seed) };
  try {
    surgery.resolveSurgery(options);
  } catch (error) {
    if (error instanceof ArgumentError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
  const shapes = flags.inputShape?.map(parseShape);
  const opened = await openModel({
    model: flags.model,
    modelOptions: parseModelOptions(flags.modelOption),
    weights: flags.weights ?? null,
    stateDictName: flags.weightsStateDictName,
    log: (message) => context.stderr.write(`${message}\n`),
  });
  mkdirSync(flags.outputDir, { recursive: true });
  const write = (name: string, text: string) => {
    writeFileAtomic(join(flags.outputDir, name), text);
  };
  const report = scope(() => {
    const inputs = (shapes ?? opened.inputShapes).map((shape) => zeros(shape));
    const { model, report } =
      flags.level === 'graph'
        ? surgery.applySurgery(opened.model, inputs, options)
        : {
            model: opened.model,
            report: surgery.convertToLiteModel(opened.model, { ...options, exampleInputs: inputs }),
          };
    // Down to operators, so that it can be run from the two files alone.
    const evaluated = nn.cloneModule(model).eval();
    using graph = fx.capture(evaluated, inputs, { isLeaf: () => false });
    save(
      { model: { ...model.stateDict(), ...constantsOf(fx.graphState(graph)) } },
      join(flags.outputDir, 'checkpoint.pth'),
    );
    write('graph.json', JSON.stringify(fx.graphToJson(graph)));
    write('graph.txt', `${model instanceof fx.GraphModule ? model.graph : graph}\n`);
    return report;
  });
  const result = { model: opened.name, weights: flags.weights ?? null, ...report };
  write('result.json', `${JSON.stringify(result, null, 2)}\n`);
  if (flags.json === true) return printJson(context, result);
  print(context, describe(report, columnsOf(context.stdout)));
  print(context, `\n${flags.outputDir}: checkpoint.pth, graph.json, graph.txt, result.json`);
}

/** What a graph needs besides the network's state. */
function constantsOf(state: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(state).filter(([key]) => key.startsWith('constants.')));
}

async function readOptions(flags: SurgeryFlags): Promise<surgery.SurgeryOptions> {
  const preset = flags.preset === undefined ? {} : { preset: flags.preset };
  const canRetrain = flags.exact === true ? { canRetrain: false } : {};
  if (flags.rules !== undefined && flags.rulesFile !== undefined)
    throw new UsageError('--rules and --rules-file: expected one of them, not both');
  if (flags.rules !== undefined) {
    const names = flags.rules.split(',').map((name) => name.trim());
    return {
      ...canRetrain,
      ...preset,
      rules: flags.preset === undefined ? names : Object.fromEntries(names.map((name) => [name, true])),
    };
  }
  if (flags.rulesFile === undefined) return { ...canRetrain, ...preset };
  const { parse } = await import('yaml');
  let content: unknown;
  try {
    content = parse(readFileSync(flags.rulesFile, 'utf8'));
  } catch (error) {
    throw new FailureError(
      'RULES',
      `--rules-file ${flags.rulesFile}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  if (typeof content !== 'object' || content === null)
    throw new UsageError(`--rules-file ${flags.rulesFile}: expected a list or a mapping of rules`);
  const whole = !Array.isArray(content) && ('rules' in content || 'preset' in content);
  // What it holds is checked with everything else, by resolveSurgery.
  const given = (whole ? content : { rules: content }) as surgery.SurgeryOptions;
  return { ...given, ...canRetrain, ...preset };
}

function describe(report: surgery.SurgeryReport, width: number): string {
  const { before, after } = report;
  const kinds = [...new Set([...Object.keys(before.ops), ...Object.keys(after.ops)])].sort();
  const millions = (value: number | null) => (value === null ? null : (value / 1e6).toFixed(3));
  const table = renderTable(
    ['', 'before', 'after'],
    [
      ['M params', millions(before.params), millions(after.params)],
      ['M MACs', millions(before.macs), millions(after.macs)],
      ['unsupported', before.unsupported.length, after.unsupported.length],
      ...kinds.map((kind) => [kind, before.ops[kind] ?? 0, after.ops[kind] ?? 0]),
    ],
    { align: { before: 'right', after: 'right' } },
  );
  const applied = report.rules
    .filter(({ places }) => places.length > 0)
    .map(({ id, places, preserves, weights }) => [id, places.length, preserves, weights]);
  const refused = report.rules.flatMap(({ id, refused: all }) => all.map(({ path, reason }) => [path, id, reason]));
  const left = after.unsupported.map(({ path, layer, reason }) => [path, layer, reason]);
  return [
    table,
    applied.length === 0
      ? 'no rule found anything to change'
      : renderTable(['rule', 'places', 'preserves', 'weights'], applied, { width }),
    ...(refused.length === 0 ? [] : [renderTable(['not changed', 'rule', 'why'], refused, { width })]),
    ...(left.length === 0 ? [] : [renderTable(['still there', 'layer', 'why it is a burden'], left, { width })]),
    ...report.notes,
  ].join('\n\n');
}
