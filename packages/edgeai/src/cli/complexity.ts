/** @file `edgeai complexity`: parameters, multiply-accumulates and memory of a model, part by part. */

import { Command } from 'commander';

import { type CommandContext, columnsOf, print, printJson } from './context.ts';
import { addInputShape, parseShape } from './input-shape.ts';
import { addModelOption, parseModelOptions, wholeNumber } from './model-options.ts';
import { renderTable } from './table.ts';

interface ComplexityFlags {
  model: string;
  modelOption?: string[];
  inputShape?: string[];
  depth: string;
  output?: string;
  json?: boolean;
}

export function complexityCommand(context: CommandContext): Command {
  const command = new Command('complexity')
    .description('parameters, multiply-accumulates and memory of a model, part by part')
    .requiredOption('--model <name>', 'name of the model');
  addInputShape(addModelOption(command))
    .option('--depth <n>', 'add up what lies deeper in the network; 0 shows every layer', '2')
    .option('--output <file>', 'draw a bar chart, an SVG file')
    .option('--json', 'print every layer as JSON')
    .action((flags: ComplexityFlags) => run(flags, context));
  return command;
}

async function run(flags: ComplexityFlags, context: CommandContext): Promise<void> {
  const given = flags.inputShape?.map(parseShape);
  const depth = wholeNumber('--depth', flags.depth);
  const [{ complexity }, { scope, writeFileAtomic, zeros }, { openModel }] = await Promise.all([
    import('@edgeai/modelopt'),
    import('@edgeai/torch'),
    import('../models/open-model.ts'),
  ]);
  const opened = await openModel({
    model: flags.model,
    modelOptions: parseModelOptions(flags.modelOption),
    inputShapes: given,
  });
  const shapes = given ?? opened.inputShapes;
  const found = scope(() =>
    complexity.measureComplexity(
      opened.model,
      shapes.map((shape) => zeros(shape)),
    ),
  );
  const parts = depth === 0 ? found.layers : complexity.groupLayers(found.layers, depth);
  if (flags.output !== undefined) {
    const title = `${opened.name} at ${shapes.map((shape) => shape.join('×')).join(' and ')}`;
    const chart = complexity.complexityChart(parts, { title });
    writeFileAtomic(flags.output, chart);
    context.stderr.write(`${flags.output}: the bar chart\n`);
  }
  if (flags.json === true) return printJson(context, { model: opened.name, inputShapes: shapes, ...found });
  const { short } = complexity;
  const rows = parts
    .filter((part) => part.params > 0 || part.matmulMacs > 0)
    .map((part) => [
      part.path,
      part.type,
      part.shape?.join('×'),
      short(part.params),
      short(part.matmulMacs),
      `${short(part.activationBytes)}B`,
    ]);
  print(
    context,
    renderTable(['part', 'kind', 'result', 'params', 'MACs', 'activations'], rows, {
      width: columnsOf(context.stdout),
      align: { params: 'right', MACs: 'right', activations: 'right' },
    }),
  );
  const facts = [
    ['parameters', String(found.params)],
    ['MACs of convolutions and linear layers', String(found.macs)],
    ['MACs of all matrix products', String(found.matmulMacs)],
    ['weights', `${short(found.stateBytes)}B`],
    ['activations, all', `${short(found.activationBytes)}B`],
    ['activations, at most at a time', `${short(found.peakBytes)}B (at ${found.peakAt})`],
  ];
  print(context, `\n${renderTable(['in all', 'value'], facts, { align: { value: 'left' } })}`);
}
