/** @file `edgeai export`: writes a model as ONNX and proves in onnxruntime that it computes the same. */

import { Command } from 'commander';

import { type CommandContext, print, printJson } from './context.ts';
import { formatNumber } from './format.ts';
import { addInputShape, parseShape } from './input-shape.ts';
import { addModelOptions, type ModelFlags, parseModelOptions, wholeNumber } from './model-options.ts';

interface ExportFlags extends ModelFlags {
  output: string;
  inputShape?: string[];
  opset: string;
  dynamicBatch?: boolean;
  seed?: string;
  json?: boolean;
}

export function exportCommand(context: CommandContext): Command {
  const command = new Command('export').description('write a model as ONNX, verified with onnxruntime');
  addInputShape(addModelOptions(command).requiredOption('--output <file>', 'the ONNX file to write'))
    .option('--opset <version>', 'version of the ONNX operators', '17')
    .option('--dynamic-batch', 'leave the batch size open')
    .option('--seed <n>', 'seed of the initial weights, where none are given')
    .option('--json', 'print the report as JSON')
    .action((flags: ExportFlags) => run(flags, context));
  return command;
}

async function run(flags: ExportFlags, context: CommandContext): Promise<void> {
  const shapes = flags.inputShape?.map(parseShape);
  const opset = wholeNumber('--opset', flags.opset);
  const [{ openModel }, { exportVerified, randomSamples }] = await Promise.all([
    import('../models/open-model.ts'),
    import('../models/export-model.ts'),
  ]);
  const opened = await openModel({
    model: flags.model,
    modelOptions: parseModelOptions(flags.modelOption),
    inputShapes: shapes,
    weights: flags.weights ?? null,
    stateDictName: flags.weightsStateDictName,
    seed: flags.seed === undefined ? null : wholeNumber('--seed', flags.seed),
    log: (message) => context.stderr.write(`${message}\n`),
  });
  const hasWeights = flags.weights !== undefined || flags.model?.toLowerCase().endsWith('.onnx') === true;
  if (!hasWeights) context.stderr.write('no --weights: the exported network has its initial weights\n');
  const report = await exportVerified(opened.model, randomSamples(shapes ?? opened.inputShapes), {
    path: flags.output,
    opset,
    dynamicBatch: flags.dynamicBatch === true,
    facts: opened.facts,
  });
  if (flags.json === true) return printJson(context, report);
  const check = `onnxruntime agrees to ${formatNumber(report.maxDifference)} on ${report.checkedInputs} inputs`;
  print(context, `${report.path}  ${(report.bytes / 2 ** 20).toFixed(1)} MB, opset ${opset}; ${check}`);
}
