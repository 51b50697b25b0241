/** @file What a builder does with its `weights` option: find the file, fix the number of classes, build, load. */

import { existsSync } from 'node:fs';
import {
  ArgumentError,
  dispose,
  FileFormatError,
  load,
  loadSafetensors,
  type nn,
  scope,
  type UnwrapOptions,
  unwrapStateDict,
} from '@edgeai/torch';
import { didYouMean } from '@edgeai/torch/suggest';
import { prescribe } from './utils.ts';
import type { Weights, WeightsEnum, WeightsOption } from './weights.ts';
import { requireCheckpoint } from './weights-files.ts';

type Source = { readonly file: string; readonly entry: Weights | null };

/**
 * Builds a model and loads weights into it, if the options ask for any: an entry of `known` or its name, or a checkpoint file.
 * With an entry, `numClasses` is its number of categories.
 *
 * @param known the published entries; `null` where there are none
 * @throws {ArgumentError} for an unknown entry, or a `numClasses` that contradicts it
 * @throws {WeightsNotDownloadedError} when the entry is not on disk
 * @throws {StateDictError} when a checkpoint does not fit
 */
export function withWeights<Options extends { numClasses?: number }, M extends nn.AnyModule>(
  known: WeightsEnum | null,
  given: Options & { weights?: WeightsOption },
  make: (options: Options) => M,
): M {
  const { weights, ...rest } = given;
  // TypeScript does not see that what is left of `Options & { weights }` is `Options`.
  let options = rest as unknown as Options;
  const source = sourceOf(known, weights);
  if (source === null) return make(options);
  if (source.entry !== null)
    options = prescribe(options, 'numClasses', source.entry.meta.categories.length, source.entry.name);
  const model = make(options);
  try {
    scope(() => {
      const state = readStateDict(source.file);
      model.loadStateDict(state);
      // Old checkpoints hold parameters, which no scope owns.
      dispose(state);
    });
  } catch (error) {
    model.dispose();
    throw error;
  }
  return model;
}

/** The entry that a `weights` option stands for; `null` for none, and for a checkpoint file. */
export function publishedEntry(known: WeightsEnum, weights: WeightsOption): Weights | null {
  return typeof weights === 'string' && !known.has(weights) ? null : known.verify(weights);
}

function sourceOf(known: WeightsEnum | null, weights: WeightsOption): Source | null {
  if (weights === null || weights === undefined) return null;
  if (known === null) {
    if (typeof weights === 'string' && namesFile(weights)) return fileSource(weights);
    throw ArgumentError.expected('weights', 'a checkpoint file (no weights are published)', weights);
  }
  if (typeof weights !== 'string' || known.has(weights)) {
    const entry = known.verify(weights);
    return entry === null ? null : { file: requireCheckpoint(entry), entry };
  }
  if (namesFile(weights)) return fileSource(weights);
  const names = ['DEFAULT', ...known.keys()];
  const hint = didYouMean(weights.replace(/^.*\./, ''), names);
  throw new ArgumentError(
    'weights',
    `Expected one of ${names.join(', ')} of ${known.enumName} or a checkpoint file for weights but received '${weights}'${hint}`,
  );
}

function namesFile(weights: string): boolean {
  return /[/\\]|\.(pth|pt|safetensors)$/.test(weights);
}

function fileSource(file: string): Source {
  if (!existsSync(file)) throw new ArgumentError('weights', `There is no checkpoint file ${file}`);
  return { file, entry: null };
}

/**
 * The tensors of a checkpoint file by key: a plain state dict, or one inside a training checkpoint. The prefix `module.` that
 * data-parallel training puts before each key is taken away.
 *
 * @throws {FileFormatError} when the file holds no state dict
 */
export function readStateDict(path: string, options: UnwrapOptions = {}): nn.StateDict {
  const content = path.endsWith('.safetensors') ? loadSafetensors(path) : load(path, { mapLocation: 'cpu' });
  try {
    return unwrapStateDict(content, options).state;
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    throw new FileFormatError(error.message, path, { cause: error });
  }
}
