/** @file `--input-shape`: the sizes of a model's inputs. */

import { type Command, Option } from 'commander';

import { UsageError } from '../errors.ts';
import { collect } from './model-options.ts';

/** Adds `--input-shape`, which may be repeated. */
export function addInputShape(command: Command): Command {
  return command.addOption(
    new Option(
      '--input-shape <sizes>',
      'sizes of the input, such as 1,3,224,224; repeated for models with several inputs (default: that of the model)',
    ).argParser(collect),
  );
}

/** `1,3,224,224` as numbers. Throws a UsageError. */
export function parseShape(text: string): number[] {
  const sizes = text.split(/[,x]/).map((part) => Number(part.trim()));
  if (sizes.length === 0 || sizes.some((size) => !Number.isInteger(size) || size < 1)) {
    throw new UsageError(`--input-shape: expected sizes such as 1,3,224,224 but received '${text}'`);
  }
  return sizes;
}
