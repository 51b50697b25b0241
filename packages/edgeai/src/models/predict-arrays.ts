/** @file One forward pass on `.npy` arrays, with the results as `.npy` files. */

import { dirname, join } from 'node:path';
import { loadNpy, type nn, noGrad, saveNpy, scope, Tensor } from '@edgeai/torch';

import { FailureError } from '../errors.ts';
import { makeFolder } from '../runs/make-folder.ts';

export interface WrittenArray {
  path: string;
  shape: number[];
}

/**
 * Runs the model, in the mode that it is in, on the arrays as its arguments. A single tensor goes to the file `output`;
 * several go to the folder `output` as `<name>.npy`, with the keys of dictionaries and the positions of lists as names,
 * joined by dots where they nest. A dictionary or list of a single tensor does so too, unless `output` ends in `.npy`.
 */
export function predictArrays(
  model: nn.AnyModule,
  inputs: readonly string[],
  output: string,
  device: string,
): WrittenArray[] {
  return noGrad(() =>
    scope(() => {
      const result: unknown = model(...inputs.map((path) => loadNpy(path).to(device)));
      const tensors = [...namedTensors(result, '')];
      const [only] = tensors;
      if (only === undefined) throw new FailureError('NO_OUTPUT', 'the model returned no tensor');
      if (tensors.length === 1 && (result instanceof Tensor || output.endsWith('.npy'))) {
        return [write(only.tensor, output, dirname(output))];
      }
      return tensors.map(({ name, tensor }) => write(tensor, join(output, `${name}.npy`), output));
    }),
  );
}

function* namedTensors(value: unknown, prefix: string): Generator<{ name: string; tensor: Tensor }> {
  if (value instanceof Tensor) {
    yield { name: prefix, tensor: value };
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  const entries: Iterable<[unknown, unknown]> = value instanceof Map ? value.entries() : Object.entries(value);
  for (const [key, item] of entries)
    yield* namedTensors(item, prefix === '' ? String(key) : `${prefix}.${String(key)}`);
}

function write(tensor: Tensor, path: string, folder: string): WrittenArray {
  makeFolder(folder);
  saveNpy(tensor, path);
  return { path, shape: tensor.shape };
}
