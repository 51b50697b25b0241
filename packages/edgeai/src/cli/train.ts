/** @file `edgeai train TASK`: reads the recipe, trains in the output folder, says where everything is. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';

import { INTERRUPTED_EXIT_CODE } from '../errors.ts';
import { classification } from '../recipes/classification-options.ts';
import { addOptions, addRecipeOptions, givenFlags } from '../recipes/command-options.ts';
import { type RecipeInput, resolveRecipe } from '../recipes/resolve.ts';
import { serializeRecipe } from '../recipes/serialize.ts';
import { type CommandContext, print } from './context.ts';

/** The command with one sub-command a task. */
export function trainCommand(context: CommandContext): Command {
  const train = new Command('train').description('train a network; `edgeai train TASK --help` lists the options');
  const command = new Command('classification').description('train an image classifier');
  addRecipeOptions(command);
  addOptions(command, classification.options);
  command.action(() => trainClassification(command, context));
  return train.addCommand(command);
}

async function trainClassification(command: Command, context: CommandContext): Promise<void> {
  const { config } = resolveRecipe(classification, recipeInput(command));
  const [{ runTraining }, { openClassification }, { Progress }, { Interrupt }] = await Promise.all([
    import('../training/run.ts'),
    import('../tasks/classification/task.ts'),
    import('./progress.ts'),
    import('../interrupt.ts'),
  ]);
  if (config.testOnly) {
    const { evaluateClassification } = await import('./evaluate.ts');
    return evaluateClassification(config, context, { folder: config.outputDir });
  }
  const progress = new Progress({ printFreq: config.printFreq });
  const again = `edgeai train classification --output-dir ${quoted(config.outputDir)} --resume`;
  using interrupt = new Interrupt({
    onRequest: () => progress.println('stopping after this step; press Ctrl-C again to stop at once'),
    onForce: () => progress.close(),
  });
  try {
    const outcome = await runTraining({
      config,
      // The recipe of a run says what it is, not how this session of it came about.
      recipe: serializeRecipe(classification, { ...config, resume: null, overwrite: false }),
      openTask: openClassification,
      progress,
      style: context.style,
      interrupt,
    });
    if (outcome.status === 'stopped') {
      print(context, `Stopped; nothing is lost. Continue with:\n  ${again}`);
      context.exitCode = INTERRUPTED_EXIT_CODE;
      return;
    }
    const { summarise } = await import('../training/summary.ts');
    print(context, summarise(outcome.result, context.style));
  } finally {
    progress.close();
  }
}

/** A run that is resumed without a recipe goes on with its own. */
function recipeInput(command: Command): RecipeInput {
  const { recipe, set } = command.opts<{ recipe?: string; set?: string[] }>();
  const flags = givenFlags(command, classification.options);
  let file = recipe;
  if (file === undefined && flags.resume === 'auto') {
    const own = join(String(flags.outputDir ?? classification.options['output-dir'].default), 'recipe.yaml');
    if (existsSync(own)) file = own;
  }
  return { file, sets: set, flags };
}

/** A path as it can be pasted into a shell. */
function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
