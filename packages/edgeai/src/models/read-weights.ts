/** @file Reads the weights out of a checkpoint file, whoever wrote it. */

import { ArgumentError, FileFormatError, load, loadSafetensors, type nn, unwrapStateDict } from '@edgeai/torch';

import type { TaskFacts } from '../training/task.ts';
import { factsOf } from './model-facts.ts';

export interface LoadedWeights {
  state: nn.StateDict;
  facts: TaskFacts | null;
}

/**
 * Reads the weights of a checkpoint or safetensors file: those under `key` (default `model`), or the whole file where it is
 * a plain state dict. The prefix `module.` of wrapped models, and what an average adds, are taken away. The tensors belong
 * to the scope around. Throws a FileFormatError where there are none.
 */
export function readWeights(path: string, key = 'model'): LoadedWeights {
  if (path.endsWith('.safetensors')) return { state: loadSafetensors(path), facts: null };
  const content = load(path, { mapLocation: 'cpu' });
  try {
    return { state: unwrapStateDict(content, { names: [key, 'state_dict'] }).state, facts: factsOf(content) };
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    const keys = typeof content === 'object' && content !== null ? Object.keys(content).slice(0, 12).join(', ') : '';
    const message = `has no weights under '${key}' (see --weights-state-dict-name); it holds: ${keys || 'nothing'}`;
    throw new FileFormatError(message, path, { cause: error });
  }
}
