/** @file Builds the model that a command names, with its options and weights; checkpoints of this program say themselves what they are of. */

import { existsSync } from 'node:fs';
import { manualSeed, Scope } from '@edgeai/torch';
import { downloadWeights } from '@edgeai/vision';
import { UsageError } from '../errors.ts';
import type { Json } from '../recipes/kinds.ts';
import { models } from './all-models.ts';
import { buildModel } from './build-model.ts';
import type { OpenedModel } from './opened-model.ts';
import { readWeights } from './read-weights.ts';
import { localFile } from './remote-file.ts';
import { parseWeightsSpec } from './weights-spec.ts';

export interface ModelRequest {
  /** Name in the zoo, or an ONNX file; may be left out with a checkpoint that names it. */
  model?: string | undefined;
  /** Sizes of the inputs, where an ONNX file leaves them open. */
  inputShapes?: readonly (readonly number[])[] | undefined;
  /** Constructor options in camelCase; they win over those in the checkpoint. */
  modelOptions?: Readonly<Record<string, Json>>;
  /** As for `--weights`. */
  weights?: string | null;
  /** Key of the checkpoint file under which the weights are. */
  stateDictName?: string;
  /** Seeds the generator just before the model is built. */
  seed?: number | null;
  /** Told about downloads and about keys that do not match. */
  log?: (message: string) => void;
}

/**
 * Builds the model and loads its weights, all keys of which must fit. Throws a UsageError where no model is named,
 * vision's UnknownModelError with the nearest names for a wrong one.
 */
export async function openModel(request: ModelRequest): Promise<OpenedModel> {
  const { log = () => {} } = request;
  if (isOnnxFile(request.model)) return openFile(request.model, request);
  const spec = parseWeightsSpec(request.weights ?? null);
  const file = spec.file === null ? null : await localFile(spec.file, log);
  using owner = new Scope();
  const loaded = file === null ? null : owner.run(() => readWeights(file, request.stateDictName));
  const facts = loaded?.facts ?? null;
  const name = request.model ?? facts?.model;
  if (name === undefined)
    throw new UsageError('--model is missing: expected the name of a model, as `edgeai zoo list` shows them');
  const info = models.getModelInfo(name);
  const entry = spec.entry === null ? null : models.getModelWeights(name).get(spec.entry);
  if (entry !== null) await fetchEntry(entry, log);
  const sameModel = facts?.model === name;
  const options = { ...(sameModel ? facts.modelOptions : {}), ...request.modelOptions };
  if (request.seed !== undefined && request.seed !== null) manualSeed(request.seed);
  const model = buildModel(name, { ...options, ...(entry === null ? {} : { weights: entry }) });
  if (loaded !== null) model.loadStateDict(loaded.state);
  const inputShapes = (sameModel ? facts.inputShapes : info.inputShapes).map((shape) => [...shape]);
  return { name, options, model, info, inputShapes, facts, entry };
}

/** An ONNX file has its weights in it; a checkpoint on top must be of the imported network. */
async function openFile(path: string, request: ModelRequest): Promise<OpenedModel> {
  const { log = () => {}, modelOptions = {} } = request;
  if (Object.keys(modelOptions).length > 0)
    throw new UsageError('--model-option: a network from an ONNX file has no options');
  const { openOnnx } = await import('./open-onnx.ts');
  const opened = openOnnx(path, request.inputShapes);
  const spec = parseWeightsSpec(request.weights ?? null);
  if (spec.entry !== null)
    throw new UsageError(`--weights: a network from an ONNX file has no published weights '${spec.entry}'`);
  if (spec.file === null) return opened;
  const file = await localFile(spec.file, log);
  using owner = new Scope();
  opened.model.loadStateDict(owner.run(() => readWeights(file, request.stateDictName)).state);
  return opened;
}

/** True for what is meant as a file, not as a name of the zoo. */
function isOnnxFile(model: string | undefined): model is string {
  return model?.toLowerCase().endsWith('.onnx') === true;
}

/** Downloads a published checkpoint unless it is there. */
export async function fetchEntry(entry: models.Weights, log: (message: string) => void): Promise<string> {
  if (!existsSync(models.checkpointPath(entry))) log(`downloading ${entry.name} from ${entry.url}`);
  return downloadWeights(entry);
}
