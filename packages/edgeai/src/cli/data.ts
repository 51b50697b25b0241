/** @file `edgeai data`: what is in a data set, how it looks, and what is wrong with it. */

import { Command } from 'commander';

import type { CommandContext } from './context.ts';
import { dataCheckCommand } from './data-check.ts';
import { dataClassWeightsCommand } from './data-class-weights.ts';
import { dataPackCommand } from './data-pack.ts';
import { dataShowCommand } from './data-show.ts';
import { dataStatsCommand } from './data-stats.ts';

export function dataCommand(context: CommandContext): Command {
  return new Command('data')
    .description('look at data sets: what they hold, how they look, what is wrong with them; pack them into one file')
    .addCommand(dataStatsCommand(context))
    .addCommand(dataShowCommand(context))
    .addCommand(dataCheckCommand(context))
    .addCommand(dataClassWeightsCommand(context))
    .addCommand(dataPackCommand(context));
}
