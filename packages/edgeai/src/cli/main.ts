/** @file The `edgeai` program: its commands, help and version. Commands load what they need only when they run. */

import { readFileSync } from 'node:fs';
import { Command } from 'commander';

import { complexityCommand } from './complexity.ts';
import { type CommandContext, processContext } from './context.ts';
import { dataCommand } from './data.ts';
import { doctorCommand } from './doctor.ts';
import { evaluateCommand } from './evaluate.ts';
import { exportCommand } from './export.ts';
import { reportFailure } from './failure.ts';
import { lintCommand } from './lint.ts';
import { predictCommand } from './predict.ts';
import { quantizeCommand } from './quantize.ts';
import { surgeryCommand } from './surgery.ts';
import { letThreadsSleep } from './threads.ts';
import { trainCommand } from './train.ts';
import { zooCommand } from './zoo.ts';

const EXAMPLES = `
Examples:
  edgeai train classification --recipe recipes/quickstart.yaml --output-dir runs/first
  edgeai train classification --model resnet18 --data-path images --epochs 10 --output-dir runs/second
  edgeai train classification --output-dir runs/second --resume
  edgeai evaluate classification --weights runs/second/best.pth --data-path images --per-class
  edgeai predict --weights runs/second/best.pth --input photo.jpg
  edgeai export --weights runs/second/best.pth --output model.onnx --dynamic-batch
  edgeai zoo info mobilenet_v2

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted. EDGEAI_DEBUG=1 adds stack traces to errors.`;

/** Runs the program with the arguments after its name and returns the exit code. Never throws. */
export async function main(argv: readonly string[]): Promise<number> {
  letThreadsSleep(process.env);
  const context = processContext();
  // `edgeai zoo list | head` closes the pipe early: that is no failure. The error may come when all has been written and we are gone.
  if (!context.stdout.listeners('error').includes(endOnClosedPipe)) context.stdout.on('error', endOnClosedPipe);
  try {
    await buildProgram(context).parseAsync([...argv], { from: 'user' });
    return context.exitCode;
  } catch (error) {
    return reportFailure(error, context.stderr, process.env);
  }
}

/** The command tree; documentation is made from it too. */
export function buildProgram(context: CommandContext): Command {
  const program = new Command('edgeai')
    .description('Train, evaluate, export and check embedded-friendly vision networks.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .addHelpText('after', EXAMPLES)
    .configureHelp({ showGlobalOptions: false });
  program.commandsGroup('Train:').addCommand(trainCommand(context)).addCommand(evaluateCommand(context));
  program.commandsGroup('Shrink:').addCommand(surgeryCommand(context)).addCommand(quantizeCommand(context));
  program.commandsGroup('Use:').addCommand(predictCommand(context)).addCommand(exportCommand(context));
  program
    .commandsGroup('Look up:')
    .addCommand(dataCommand(context))
    .addCommand(zooCommand(context))
    .addCommand(complexityCommand(context))
    .addCommand(lintCommand(context))
    .addCommand(doctorCommand(context));
  program.commandsGroup('More:');
  prepare(program);
  return program;
}

/** Errors come back to `main` instead of ending the process, in every command. */
function prepare(command: Command): void {
  command.exitOverride().showSuggestionAfterError().showHelpAfterError('(--help shows what is possible)');
  for (const child of command.commands) prepare(child);
}

/** From the package's own manifest, which lies two folders up from the source as from the compiled file. */
function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const found = typeof manifest === 'object' && manifest !== null && 'version' in manifest ? manifest.version : '';
  return String(found);
}

function endOnClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
}
