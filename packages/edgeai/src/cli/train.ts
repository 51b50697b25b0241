/** @file `edgeai train TASK`: reads the recipe, trains in the output folder, says where everything is; or looks for a learning rate. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';

import { INTERRUPTED_EXIT_CODE } from '../errors.ts';
import { classification } from '../recipes/classification-options.ts';
import { addOptions, addRecipeOptions, givenFlags } from '../recipes/command-options.ts';
import { type DenseTaskName, denseTasks } from '../recipes/dense-options.ts';
import type { ConfigOf, OptionTable, TaskDefinition } from '../recipes/option-table.ts';
import { type RecipeInput, resolveRecipe } from '../recipes/resolve.ts';
import { serializeRecipe } from '../recipes/serialize.ts';
import type { TrainingConfig } from '../recipes/training-options.ts';
import type { RunInput } from '../training/run.ts';
import { type CommandContext, print } from './context.ts';
import { addFindOptions, findRate, sweepAskedFor } from './lr-find.ts';

/** The command with one sub-command a task. */
export function trainCommand(context: CommandContext): Command {
  const train = new Command('train').description('train a network; `edgeai train TASK --help` lists the options');
  train.addCommand(
    taskCommand(context, classification, 'train an image classifier', async (config) => {
      const { openClassification } = await import('../tasks/classification/task.ts');
      return {
        open: openClassification,
        evaluate: async ({ weights = config.weights, perClass }) => {
          const { evaluateClassification } = await import('./evaluate.ts');
          await evaluateClassification({ ...config, weights }, context, { folder: config.outputDir, perClass });
        },
      };
    }),
  );
  for (const [name, definition] of Object.entries(denseTasks)) {
    train.addCommand(
      taskCommand(context, definition, DENSE_DESCRIPTIONS[name as DenseTaskName], async (config) => {
        const { openDenseTask } = await import('../tasks/dense/task.ts');
        return {
          open: (settings, logger) => openDenseTask(name, settings, logger),
          evaluate: async ({ weights = config.weights, perClass }) => {
            const { evaluateDense } = await import('./evaluate-dense.ts');
            await evaluateDense(name, { ...config, weights }, context, { folder: config.outputDir, perClass });
          },
        };
      }),
    );
  }
  return train;
}

const DENSE_DESCRIPTIONS: Readonly<Record<DenseTaskName, string>> = {
  segmentation: 'train a network for the classes of pixels',
  depth: 'train a network for the distance of pixels',
  motion: 'train a network for what moves, from two images',
  multitask: 'train a network for several of these at once',
};

/** What a task does with its settings. */
interface TaskActions<Config extends TrainingConfig, Batch, Output> {
  open: RunInput<Config, Batch, Output>['openTask'];
  /** With `--test-only`, and after a training with `--per-class`. */
  evaluate(options: { weights?: string; perClass: boolean }): Promise<void>;
}

function taskCommand<Table extends OptionTable, Batch, Output>(
  context: CommandContext,
  definition: TaskDefinition<Table>,
  description: string,
  actions: (
    config: ConfigOf<Table> & TrainingConfig,
  ) => Promise<TaskActions<ConfigOf<Table> & TrainingConfig, Batch, Output>>,
): Command {
  const command = new Command(definition.task).description(description);
  addRecipeOptions(command);
  addOptions(command, definition.options);
  addFindOptions(command);
  command.option('--per-class', 'when training is done, also show every class of the best weights by itself');
  return command.action(async () => {
    const perClass = command.getOptionValue('perClass') === true;
    const resolved = resolveRecipe(definition, recipeInput(command, definition.options));
    // Every task's table has the options of training.
    const config = resolved.config as ConfigOf<Table> & TrainingConfig;
    const sweep = sweepAskedFor(command);
    const { open, evaluate } = await actions(config);
    if (sweep !== null) return findRate(config, open, sweep, context);
    if (config.testOnly) return evaluate({ perClass });
    const best = await trainTask(definition, config, open, context);
    if (perClass && best !== null) await evaluate({ weights: best, perClass });
  });
}

/** @returns the file with the best weights, or the last where none are best; null where the run was stopped */
async function trainTask<Table extends OptionTable, Batch, Output>(
  definition: TaskDefinition<Table>,
  config: ConfigOf<Table> & TrainingConfig,
  openTask: RunInput<ConfigOf<Table> & TrainingConfig, Batch, Output>['openTask'],
  context: CommandContext,
): Promise<string | null> {
  const [{ runTraining }, { Progress }, { Interrupt }] = await Promise.all([
    import('../training/run.ts'),
    import('./progress.ts'),
    import('../interrupt.ts'),
  ]);
  const progress = new Progress({ printFreq: config.printFreq });
  const again = `edgeai train ${definition.task} --output-dir ${quoted(config.outputDir)} --resume`;
  using interrupt = new Interrupt({
    onRequest: () => progress.println('stopping after this step; press Ctrl-C again to stop at once'),
    onForce: () => progress.close(),
  });
  try {
    const outcome = await runTraining({
      config,
      // The recipe of a run says what it is, not how this session of it came about.
      recipe: serializeRecipe(definition, { ...config, resume: null, overwrite: false }),
      openTask,
      progress,
      style: context.style,
      interrupt,
    });
    if (outcome.status === 'stopped') {
      print(context, `Stopped; nothing is lost. Continue with:\n  ${again}`);
      context.exitCode = INTERRUPTED_EXIT_CODE;
      return null;
    }
    const { summarise } = await import('../training/summary.ts');
    print(context, summarise(outcome.result, context.style));
    return outcome.result.files.best ?? outcome.result.files.checkpoint ?? null;
  } finally {
    progress.close();
  }
}

/** A run that is resumed without a recipe goes on with its own. */
function recipeInput(command: Command, table: OptionTable): RecipeInput {
  const { recipe, set } = command.opts<{ recipe?: string; set?: string[] }>();
  const flags = givenFlags(command, table);
  let file = recipe;
  if (file === undefined && flags.resume === 'auto') {
    const own = join(String(flags.outputDir ?? table['output-dir']?.default), 'recipe.yaml');
    if (existsSync(own)) file = own;
  }
  return { file, sets: set, flags };
}

/** A path as it can be pasted into a shell. */
function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
