/** @file `capture`: runs a network once and returns its graph. */

import { noGrad } from '../autograd/modes.ts';
import { isOptions, setRecorder, setStandIn } from '../core/dispatch.ts';
import { getRngState, setRngState } from '../core/generator.ts';
import { scope } from '../core/scope.ts';
import { Tensor } from '../core/tensor.ts';
import { setReadWatcher } from '../core/value-reads.ts';
import { ArgumentError, describeValue } from '../errors.ts';
import * as nn from '../nn/index.ts';
import { type AnyModule, Module, setCallObserver } from '../nn/module.ts';
import { setActiveCapture } from './active.ts';
import { CaptureError } from './errors.ts';
import { Graph } from './graph.ts';
import { GraphModule } from './graph-module.ts';
import { parameterNames } from './names.ts';
import type { Argument } from './node.ts';
import { type IsLeaf, Recording, type Step } from './recording.ts';

export interface CaptureOptions {
  /** Which modules become one node. Default: `isLeafModule`. The network itself never does. */
  isLeaf?: IsLeaf;
  /**
   * Take zeros for what convolutions and linear layers over the inputs give, which no graph depends on. Default: only with the usual
   * leaves, since others may look at values inside.
   */
  standIns?: boolean;
  /** Names of the positional inputs. Default: those of forward's parameters. */
  inputNames?: readonly string[];
  /** Told what forward does, step by step, at the latest when the graph is there. */
  onStep?: (step: Step) => void;
}

const layers = new Set<unknown>(
  Object.values(nn).filter(
    (value) => typeof value === 'function' && value.prototype instanceof Module && value !== nn.Sequential,
  ),
);

/** True for the layers of `nn` that have no children. Subclasses are not meant: their forward may differ. */
export function isLeafModule(module: AnyModule): boolean {
  return layers.has(module.constructor) && module.children().length === 0;
}

/**
 * Runs `model` once on example inputs and records what it does. The model is left as it was: random state and, in training
 * mode, running statistics are put back.
 *
 * A graph holds shapes and no values: costly layers over the inputs are not computed, see {@link CaptureOptions.standIns}.
 *
 * What forward decides by looking at sizes is decided for good: a branch not taken is not in the graph. A network that decides
 * by values that depend on its inputs is refused; {@link captureParts} captures those of its modules that do not.
 *
 * ```ts
 * using graph = fx.capture(model, [torch.randn([1, 3, 224, 224])]);
 * console.log(`${graph}`);
 * ```
 *
 * @param exampleInputs forward's arguments: tensors, arrays and records of tensors; anything else becomes part of the graph
 * @throws {CaptureError} when an in-place write or an argument cannot be expressed, or values of the inputs are read
 */
export function capture(model: AnyModule, exampleInputs: readonly unknown[], options: CaptureOptions = {}): Graph {
  if (!Array.isArray(exampleInputs)) {
    throw new ArgumentError(
      'exampleInputs',
      `Expected an array of forward's arguments for exampleInputs but received ${describeValue(exampleInputs)}`,
    );
  }
  if (!(options.standIns ?? options.isLeaf === undefined)) return record(model, exampleInputs, options, false);
  const { onStep, ...rest } = options;
  // Told when the capture holds: one that begins again would tell them twice.
  const steps: Step[] = [];
  const remember = onStep === undefined ? {} : { onStep: (step: Step) => void steps.push(step) };
  let graph: Graph;
  try {
    graph = record(model, exampleInputs, { ...rest, ...remember }, true);
  } catch (error) {
    if (error instanceof CaptureError) throw error;
    // Values were needed after all, or zeros led to an error that values may not.
    return record(model, exampleInputs, options, false);
  }
  for (const step of steps) onStep?.(step);
  return graph;
}

function record(
  model: AnyModule,
  exampleInputs: readonly unknown[],
  options: CaptureOptions,
  standIns: boolean,
): Graph {
  const graph = new Graph(model);
  const recording = new Recording(graph, options.isLeaf ?? isLeafModule, options.onStep);
  const known = options.inputNames ?? (model instanceof GraphModule ? model.graph.inputNames : parameterNames(model));
  const names = exampleInputs.map((_, i) => known[i] ?? (i === 0 ? 'input' : `input_${i}`));
  graph.inputNames = names;
  try {
    scope(() =>
      noGrad(() =>
        unchanged(model, () => {
          graph.signature = exampleInputs.map((input, i) => placeholders(recording, input, names[i] as string));
          recording.output(listen(recording, standIns, () => model(...exampleInputs)));
        }),
      ),
    );
  } catch (error) {
    graph.dispose();
    throw error;
  }
  return graph;
}

function placeholders(recording: Recording, input: unknown, name: string): Argument {
  if (input instanceof Tensor) return recording.input(input, name);
  if (Array.isArray(input)) return input.map((item, i) => placeholders(recording, item, `${name}_${i}`));
  if (isOptions(input)) {
    return Object.fromEntries(
      Object.entries(input).map(([key, item]) => [key, placeholders(recording, item, `${name}_${key}`)]),
    );
  }
  if (input === null || (typeof input !== 'object' && typeof input !== 'function')) return input as Argument;
  throw new ArgumentError(
    'exampleInputs',
    `Expected tensors, numbers, strings, arrays and records in exampleInputs but received ${describeValue(input)}`,
  );
}

function listen<T>(recording: Recording, standIns: boolean, fn: () => T): T {
  const recorder = setRecorder(recording.record);
  const standIn = setStandIn(standIns ? recording.standIn : undefined);
  const observer = setCallObserver(recording);
  const active = setActiveCapture(recording);
  const watcher = setReadWatcher(recording.noteRead);
  try {
    return fn();
  } finally {
    setRecorder(recorder);
    setStandIn(standIn);
    setCallObserver(observer);
    setActiveCapture(active);
    setReadWatcher(watcher);
  }
}

/** Runs `fn` and puts back what running a network changes besides its result. */
function unchanged(model: AnyModule, fn: () => void): void {
  const random = getRngState();
  const training = model.modules().some((module) => module.training);
  const saved = training ? model.buffers().map((buffer) => [buffer, buffer.detach().clone()] as const) : [];
  try {
    fn();
  } finally {
    for (const [buffer, value] of saved) buffer.copy_(value);
    setRngState(random);
  }
}
