/** @file Opens an ONNX file as a model: `--model network.onnx` is whatever the file holds, ready to be changed and trained. */

import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { type ImportedNetwork, importOnnx, type ModelProto, readOnnx } from '@edgeai/onnx';
import { ArgumentError } from '@edgeai/torch';

import { FailureError, UsageError } from '../errors.ts';
import { factsOf } from './model-facts.ts';
import type { OpenedModel } from './opened-model.ts';

/**
 * The network in a file, in evaluation mode. Classes and preprocessing come from the file where it was written here.
 *
 * @param inputShapes sizes of the inputs in order, for files that leave them open
 */
export function openOnnx(path: string, inputShapes?: readonly (readonly number[])[]): OpenedModel {
  if (!existsSync(path)) throw new FailureError('CANNOT_READ', `--model: there is no file ${path}`);
  const proto = readOnnx(path);
  const stored = new Set(proto.graph?.initializer?.map(({ name }) => name));
  const names = (proto.graph?.input ?? []).flatMap(({ name = '' }) => (stored.has(name) ? [] : [name]));
  const shapes = names.flatMap((name, i) => {
    const shape = inputShapes?.[i];
    return shape === undefined ? [] : [[name, shape] as const];
  });
  const model = importFile(proto, Object.fromEntries(shapes));
  const facts = factsOf({
    edgeai: {
      facts: Object.fromEntries(Object.entries(model.info.metadata).map(([key, text]) => [key, parsed(text)])),
    },
  });
  const used = model.info.inputShapes.map((shape) => [...shape]);
  return {
    name: basename(path),
    options: {},
    model,
    // Nothing but the facts says what the outputs mean; classification is what most files do.
    info: { task: 'classification', module: 'onnx', inputShapes: used, defaultOptions: {} },
    inputShapes: used,
    facts,
    entry: null,
  };
}

function importFile(proto: ModelProto, inputShapes: Record<string, readonly number[]>): ImportedNetwork {
  try {
    return importOnnx(proto, { inputShapes });
  } catch (error) {
    if (error instanceof ArgumentError && error.argument === 'inputShapes')
      throw new UsageError(`--input-shape: ${error.message}`);
    throw error;
  }
}

/** Metadata is text; what is JSON is its value. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
