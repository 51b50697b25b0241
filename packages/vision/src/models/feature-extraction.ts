/**
 * @file Features from anywhere inside a network, by the names that torchvision's feature extraction gives to the steps of its
 * forward pass: `layer4`, `features.3.block.0`, `layer1.0.add`.
 */

import { ArgumentError, fx, nn, scope, type Tensor, zeros } from '@edgeai/torch';
import { didYouMean } from '@edgeai/torch/suggest';
import * as ops from '../ops/index.ts';

/** One step of a forward pass. */
interface NamedStep {
  readonly name: string;
  readonly value: fx.Argument;
}

/** A capture of one mode, with the steps that led to it. */
interface Trace {
  readonly graph: fx.Graph;
  readonly steps: readonly NamedStep[];
}

export interface NodeNameOptions {
  /** What the network is run on. Default: two images of 224×224, `zeros([2, 3, 224, 224])`. */
  inputs?: readonly Tensor[];
}

const layers = new Set<unknown>(
  Object.values(nn).filter((value) => typeof value === 'function' && value.prototype instanceof nn.Module),
);
for (const container of [nn.Sequential, nn.ModuleList, nn.ModuleDict]) layers.delete(container);
const blocks = Object.values(ops).filter(
  (value): value is typeof value & (new (...args: never) => nn.AnyModule) =>
    typeof value === 'function' && value.prototype instanceof nn.Module && value !== ops.LayerNorm2d,
);

/** Layers of `nn` themselves, and blocks of `ops` with all that extends them, are one step; in Python LayerNorm2d is no such block. */
function isStep(module: nn.AnyModule): boolean {
  return layers.has(module.constructor) || blocks.some((block) => module instanceof block);
}

/** Operators that Python writes as an index. */
const INDEXING = new Set(['select', 'slice', 'narrow', 'index']);

/**
 * Counts equal names. As in torchvision, a number at the end of a name is taken for such a count and replaced by ours, so that
 * the modules `ln_1` and `ln_2` become `ln` and `ln_1`.
 */
class StepNames {
  readonly #used = new Map<string, number>();

  take(name: string): string {
    const base = name.replace(/_\d+$/, '');
    const count = this.#used.get(base) ?? 0;
    this.#used.set(base, count + 1);
    return count === 0 ? base : `${base}_${count}`;
  }
}

function nameOf({ kind, name, modulePath }: fx.Step): string {
  if (kind === 'module') return name;
  const own =
    kind === 'parameter' ? name.replaceAll('.', '_') : kind === 'function' && INDEXING.has(name) ? 'getitem' : name;
  return modulePath === '' ? own : `${modulePath}.${own}`;
}

function trace(model: nn.AnyModule, training: boolean, inputs: readonly Tensor[] | undefined): Trace {
  const names = new StepNames();
  const steps: NamedStep[] = [];
  // In Python, buffers are read unseen.
  const buffers = new Set(Array.from(model.namedBuffers(), ([key]) => key));
  const onStep = (step: fx.Step) => {
    if (step.kind === 'parameter' && buffers.has(step.name)) return;
    steps.push({ name: names.take(nameOf(step)), value: step.value });
  };
  const modes = model.modules().map((module) => [module, module.training] as const);
  try {
    model.train(training);
    const graph = scope(() =>
      fx.capture(model, inputs ?? [zeros([2, 3, 224, 224])], {
        isLeaf: (module) => isStep(module),
        standIns: true,
        onStep,
      }),
    );
    return { graph, steps };
  } finally {
    for (const [module, mode] of modes) module.training = mode;
  }
}

/**
 * The names of a network's steps in training and in evaluation mode, in order: paths of modules, and `path.function` for
 * functions, with `_1`, `_2` … where a name occurs again below the same path. Each may be asked of a feature extractor.
 *
 * The network is run once in each mode, so steps that it takes only for other inputs are not among them.
 */
export function getGraphNodeNames(
  model: nn.AnyModule,
  { inputs }: NodeNameOptions = {},
): { train: string[]; eval: string[] } {
  const names = (training: boolean) => {
    const { graph, steps } = trace(model, training, inputs);
    graph.dispose();
    return steps.map(({ name }) => name);
  };
  return { train: names(true), eval: names(false) };
}

/** Names of steps, or names of steps to the names of their values in the result. */
export type ReturnNodes = readonly string[] | Readonly<Record<string, string>>;

export interface FeatureExtractorOptions extends NodeNameOptions {
  /** What to return in both modes. Either this or the two others. */
  returnNodes?: ReturnNodes;
  trainReturnNodes?: ReturnNodes;
  evalReturnNodes?: ReturnNodes;
}

/**
 * A module that returns what the asked-for steps of a network compute, by name, and runs no more than they need. It shares the
 * network's modules and parameters under their names, without those that it does not need. A module's path stands for its last
 * step.
 *
 * ```ts
 * const body = createFeatureExtractor(resnet50(), { returnNodes: { layer2: 'fine', layer4: 'coarse' } });
 * const { fine, coarse } = body(images);
 * ```
 *
 * As in Python, a step that writes in place (`nn.ReLU({ inplace: true })`) changes what the step before it returned.
 *
 * @throws {ArgumentError} for a step that the network does not have, with the nearest names
 */
export function createFeatureExtractor(model: nn.AnyModule, options: FeatureExtractorOptions): FeatureExtractor {
  const { returnNodes, inputs } = options;
  const forTraining = options.trainReturnNodes ?? returnNodes;
  const forEvaluation = options.evalReturnNodes ?? returnNodes;
  const both = options.trainReturnNodes !== undefined && options.evalReturnNodes !== undefined;
  const one = options.trainReturnNodes === undefined && options.evalReturnNodes === undefined;
  if (forTraining === undefined || forEvaluation === undefined || (both ? returnNodes !== undefined : !one)) {
    throw new ArgumentError('returnNodes', 'Expected either returnNodes, or trainReturnNodes and evalReturnNodes');
  }
  using train = select(trace(model, true, inputs), forTraining, 'training');
  using evaluation = select(trace(model, false, inputs), forEvaluation, 'evaluation');
  return new FeatureExtractor(evaluation, train, model.training);
}

/** Makes the graph return the values of steps, and nothing else. */
function select({ graph, steps }: Trace, wanted: ReturnNodes, mode: string): fx.Graph {
  const requests = Array.isArray(wanted) ? wanted.map((name: string) => [name, name] as const) : Object.entries(wanted);
  const found = requests.map(([name, as]) => {
    const position = steps.findLastIndex((step) => step.name === name || step.name.startsWith(`${name}.`));
    const step = steps[position];
    if (step === undefined) {
      graph.dispose();
      const hint = didYouMean(
        name,
        steps.map((other) => other.name),
      );
      throw new ArgumentError('returnNodes', `The network has no step '${name}' in ${mode} mode${hint}`);
    }
    return { position, as: as as string, value: step.value };
  });
  found.sort((a, b) => a.position - b.position);
  graph.output.args = [Object.fromEntries(found.map(({ as, value }) => [as, value]))];
  return graph.eliminateDeadCode();
}

/** {@link createFeatureExtractor} makes these. */
export class FeatureExtractor extends fx.GraphModule<Tensor[], Record<string, Tensor>> {
  declare readonly trainGraph: fx.Graph;
  declare private readonly whileTraining: fx.Interpreter;

  constructor(evaluation: fx.Graph, train: fx.Graph, training: boolean) {
    super(evaluation, train);
    const trainGraph = train.copy(this as nn.AnyModule);
    this.deleteUnused(trainGraph);
    Object.defineProperty(this, 'trainGraph', { value: trainGraph, enumerable: false });
    Object.defineProperty(this, 'whileTraining', { value: new fx.Interpreter(trainGraph), enumerable: false });
    this.training = training;
  }

  override forward(...inputs: Tensor[]): Record<string, Tensor> {
    return this.training ? (this.whileTraining.run(...inputs) as Record<string, Tensor>) : super.forward(...inputs);
  }

  override dispose(): void {
    this.trainGraph.dispose();
    super.dispose();
  }
}
