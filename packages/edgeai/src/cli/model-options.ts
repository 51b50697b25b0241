/** @file The options by which several commands name a model and its weights, and reading them. */

import { type Command, Option } from 'commander';

import { UsageError } from '../errors.ts';
import { type Json, readJson } from '../recipes/kinds.ts';
import { splitAssignment } from '../recipes/values.ts';

/** What the options come as. */
export interface ModelFlags {
  model?: string;
  modelOption?: string[];
  weights?: string;
  weightsStateDictName?: string;
}

/** Adds `--model-option key=JSON`. */
export function addModelOption(command: Command): Command {
  return command.addOption(
    new Option(
      '--model-option <key=JSON>',
      "an option of the model's constructor, such as numClasses=10; may be repeated",
    ).argParser(collect),
  );
}

/** Adds `--model`, `--model-option`, `--weights` and `--weights-state-dict-name`. */
export function addModelOptions(command: Command): Command {
  command.option(
    '--model <name>',
    'a model of the zoo, or an ONNX file; may be left out with a checkpoint of `edgeai train`, which names its own',
  );
  return addModelOption(command)
    .option(
      '--weights <weights>',
      'a published entry such as IMAGENET1K_V1, and/or a file or address, separated by a comma',
    )
    .option('--weights-state-dict-name <key>', 'key of the checkpoint file under which the weights are', 'model');
}

/** `key=JSON` texts as a record. Throws a UsageError for one that cannot be read. */
export function parseModelOptions(texts: readonly string[] = []): Record<string, Json> {
  const entries = texts.map((text): [string, Json] => {
    const entry = splitAssignment(text);
    const value = entry === undefined ? undefined : readJson(entry.value);
    if (entry === undefined || value === entry.value) {
      throw new UsageError(
        `--model-option: expected key=JSON, with texts in double quotes (key='"text"'), but received '${text}'`,
      );
    }
    return [entry.key, value as Json];
  });
  return Object.fromEntries(entries);
}

/** For options that may be repeated. */
export function collect(value: string, before: unknown): string[] {
  return [...(Array.isArray(before) ? before : []), value];
}

/** A whole number ≥ 0 from a flag. Throws a UsageError. */
export function wholeNumber(flag: string, text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text.trim()) || !Number.isSafeInteger(value)) {
    throw new UsageError(`${flag}: expected a whole number ≥ 0 but received '${text}'`);
  }
  return value;
}
