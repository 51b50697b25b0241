/** @file The registry of models: builders by name, what they take and which weights exist. All tasks and packages use it. */

import { ArgumentError, EdgeAIError, type nn } from '@edgeai/torch';
import { didYouMean } from '@edgeai/torch/suggest';
import { globPattern } from '../glob.ts';
import type { Weights, WeightsEnum, WeightsOption } from './weights.ts';

/** What a model is made for. */
export type ModelTask =
  | 'classification'
  | 'segmentation'
  | 'detection'
  | 'instance_segmentation'
  | 'keypoints'
  | 'depth'
  | 'optical_flow'
  | 'video'
  | 'multitask';

/** Options of a builder by name. `weights` is always among them. */
export interface ModelOptions {
  weights?: WeightsOption;
  numClasses?: number;
  [option: string]: unknown;
}

/** Makes a model. All options have defaults. */
export type ModelBuilder<Options extends object = ModelOptions, M extends nn.AnyModule = nn.AnyModule> = (
  options?: Options,
) => M;

export interface ModelInfo {
  readonly task: ModelTask;
  /** Group that `listModels({ module })` selects, as Python's package: `classification`, `segmentation`, `quantization` … */
  readonly module: string;
  /** Shapes of the inputs that the model is usually given, one an input, with a batch of 1. */
  readonly inputShapes: readonly (readonly number[])[];
  /** Every option that the builder takes, `weights` apart, with its default (`undefined` where it follows from others). */
  readonly defaultOptions: Readonly<Record<string, unknown>>;
  /** Published checkpoints. */
  readonly weights?: WeightsEnum;
  /** Size and work with default options, where no published weights tell: parameters, 10⁹ multiply-accumulates of one input. */
  readonly figures?: { readonly numParams: number; readonly gmacs: number };
}

interface Entry {
  readonly builder: ModelBuilder;
  readonly info: ModelInfo;
}

const models = new Map<string, Entry>();

/** No model has this name. */
export class UnknownModelError extends EdgeAIError {
  readonly model: string;

  constructor(model: string, known: Iterable<string>) {
    const hint = didYouMean(model, known) || '; listModels() returns the names of all';
    super('UNKNOWN_MODEL', `There is no model '${model}'${hint}`);
    this.model = model;
  }
}

/**
 * Makes a builder known under `name` (lower-case) and returns it.
 *
 * @throws {ArgumentError} when the name is taken or not lower-case
 */
export function registerModel<Options extends object, M extends nn.AnyModule>(
  name: string,
  builder: ModelBuilder<Options, M>,
  info: ModelInfo,
): ModelBuilder<Options, M> {
  if (name !== name.toLowerCase() || name === '') throw ArgumentError.expected('name', 'a lower-case name', name);
  if (models.has(name)) throw new ArgumentError('name', `A model named '${name}' is registered already`);
  // getModel checks the names of the options, the builder their values.
  models.set(name, { builder: builder as unknown as ModelBuilder, info: Object.freeze({ ...info }) });
  return builder;
}

function entryOf(name: string): Entry {
  const found = models.get(name.toLowerCase());
  if (found === undefined) throw new UnknownModelError(name, models.keys());
  return found;
}

/**
 * Makes a model by name: `getModel('mobilenet_v2', { weights: 'DEFAULT' })`. Case does not matter.
 *
 * Weights must be on disk: a file, or a checkpoint that `await downloadWeights(…)` has fetched.
 *
 * @throws {UnknownModelError} suggesting the nearest names
 * @throws {ArgumentError} for an option that the model does not take, or a value out of range
 */
export function getModel<M extends nn.AnyModule = nn.Module>(name: string, options: ModelOptions = {}): M {
  const { builder, info } = entryOf(name);
  for (const option of Object.keys(options)) {
    if (option === 'weights' || Object.hasOwn(info.defaultOptions, option)) continue;
    const known = ['weights', ...Object.keys(info.defaultOptions)];
    const hint = didYouMean(option, known) || `; its options: ${known.join(', ')}`;
    throw new ArgumentError(option, `Model '${name.toLowerCase()}' has no option '${option}'${hint}`);
  }
  return builder(options) as unknown as M;
}

/** The function that makes the model. @throws {UnknownModelError} */
export function getModelBuilder(name: string): ModelBuilder {
  return entryOf(name).builder;
}

/** What is known of a model without building it. @throws {UnknownModelError} */
export function getModelInfo(name: string): ModelInfo {
  return entryOf(name).info;
}

/** The published checkpoints of a model. @throws {UnknownModelError} @throws {ArgumentError} when there are none */
export function getModelWeights(name: string): WeightsEnum {
  const { weights } = entryOf(name).info;
  if (weights === undefined)
    throw new ArgumentError('name', `There are no published weights of '${name.toLowerCase()}'`);
  return weights;
}

/** An entry by its full name: `getWeight('ResNet50_Weights.IMAGENET1K_V1')`. @throws {ArgumentError} */
export function getWeight(name: string): Weights {
  const [enumName = '', key, ...rest] = name.split('.');
  if (key === undefined || rest.length > 0) {
    throw ArgumentError.expected('name', "a full name like 'ResNet50_Weights.IMAGENET1K_V1'", name);
  }
  const enums = new Map<string, WeightsEnum>();
  for (const { info } of models.values())
    if (info.weights !== undefined) enums.set(info.weights.enumName, info.weights);
  const found = enums.get(enumName);
  if (found === undefined)
    throw new ArgumentError('name', `There are no weights called '${enumName}'${didYouMean(enumName, enums.keys())}`);
  return found.get(key);
}

export interface ListModelsOptions {
  /** Only models of this group. */
  module?: string;
  /** Only models for this task. */
  task?: ModelTask;
  /** Names must match one of these patterns; `*` stands for any characters, `?` for one. */
  include?: string | readonly string[];
  /** Names must match none of these patterns. */
  exclude?: string | readonly string[];
}

/** Names of the registered models, sorted. */
export function listModels(options: ListModelsOptions = {}): string[] {
  const include = patterns(options.include);
  const exclude = patterns(options.exclude);
  return Array.from(models)
    .filter(([, { info }]) => options.module === undefined || info.module === options.module)
    .filter(([, { info }]) => options.task === undefined || info.task === options.task)
    .map(([name]) => name)
    .filter((name) => include.length === 0 || include.some((pattern) => pattern.test(name)))
    .filter((name) => !exclude.some((pattern) => pattern.test(name)))
    .sort();
}

function patterns(given: string | readonly string[] = []): RegExp[] {
  return (typeof given === 'string' ? [given] : given).map(globPattern);
}
