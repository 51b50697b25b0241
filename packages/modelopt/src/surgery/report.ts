/** @file What surgery says of itself: which rule changed what, and what the network was made of before and after. */

import { fx, type nn, noGrad, scope, Tensor } from '@edgeai/torch';
import { layerMacs } from '../complexity/layer-macs.ts';
import { copyInputs } from './calibration.ts';
import { isWholeModule } from './leaves.ts';
import type { Preserves } from './rule.ts';
import { defaultSettings, surgeryRules } from './rules/index.ts';

/** A place that a rule was meant for but could not change as it promises. */
export interface Refusal {
  readonly path: string;
  readonly reason: string;
}

/** What one rule did. */
export interface AppliedRule {
  readonly id: string;
  readonly summary: string;
  readonly preserves: Preserves;
  readonly weights: string;
  /** Where in the network; paths of modules, or of operators as in graphs. */
  readonly places: readonly string[];
  readonly refused: readonly Refusal[];
}

/** Something that embedded devices run badly or not at all, and the rule that replaces it. */
export interface UnsupportedLayer {
  readonly path: string;
  /** Class of the layer, or name of the operator. */
  readonly layer: string;
  readonly reason: string;
  readonly rule: string;
}

export interface NetworkSummary {
  /** Numbers in parameters. */
  readonly params: number;
  /** Multiply-accumulates of convolutions and linear layers in one pass over the example; `null` without one. */
  readonly macs: number | null;
  /** How often each kind of layer and operator runs; without an example, how many layers there are. */
  readonly ops: Readonly<Record<string, number>>;
  readonly unsupported: readonly UnsupportedLayer[];
}

export interface SurgeryReport {
  /** Whether the change was made to a graph, or to the module tree, which keeps all classes. */
  readonly level: 'graph' | 'modules';
  /** Rules that were on, in the order in which they are tried. */
  readonly rules: readonly AppliedRule[];
  readonly before: NetworkSummary;
  readonly after: NetworkSummary;
  /** What else there is to know, in sentences. */
  readonly notes: readonly string[];
}

/** Sums up a network. `exampleInputs` are forward's arguments. */
export function summariseNetwork(model: nn.AnyModule, exampleInputs?: readonly unknown[]): NetworkSummary {
  const params = model.parameters().reduce((sum, parameter) => sum + parameter.numel(), 0);
  if (exampleInputs === undefined) {
    return {
      params,
      macs: null,
      ops: tally(leaves(model).map(([, module]) => module.constructor.name)),
      unsupported: burdens(model),
    };
  }
  const graph = captureOrNull(model, exampleInputs);
  if (graph === null) {
    const { macs, called } = watchLayers(model, exampleInputs);
    return { params, macs, ops: tally(called), unsupported: burdens(model) };
  }
  try {
    return {
      params,
      macs: graphMacs(graph),
      ops: tally(graph.nodes.flatMap((node) => layerName(node, graph) ?? [])),
      unsupported: burdens(model, graph),
    };
  } finally {
    graph.dispose();
  }
}

function layerName(node: fx.Node, graph: fx.Graph): string | undefined {
  if (node.kind === 'call') return fx.operatorBaseName(node.operator.name);
  return node.kind === 'module' ? graph.root.getSubmodule(node.target).constructor.name : undefined;
}

function graphMacs(graph: fx.Graph): number {
  let total = 0;
  for (const node of graph.nodes) {
    if (node.kind !== 'module') continue;
    const [source] = node.args;
    const input = fx.isNode(source) ? fx.tensorMeta(source) : undefined;
    const output = fx.tensorMeta(node);
    if (input !== undefined && output !== undefined)
      total += layerMacs(graph.root.getSubmodule(node.target), input.shape, output.shape) ?? 0;
  }
  return total;
}

function captureOrNull(model: nn.AnyModule, exampleInputs: readonly unknown[]): fx.Graph | null {
  return inEvaluation(model, () => {
    try {
      return captureCopy(model, exampleInputs, isWholeModule);
    } catch (error) {
      if (error instanceof fx.CaptureError) return null;
      throw error;
    }
  });
}

/** As `fx.capture`, with inputs that the network may write into. */
export function captureCopy(model: nn.AnyModule, exampleInputs: readonly unknown[], isLeaf: fx.IsLeaf): fx.Graph {
  return scope(() => fx.capture(model, copyInputs(exampleInputs), { isLeaf }));
}

/** Runs `fn` with the network in evaluation mode and puts all modes back. */
export function inEvaluation<T>(model: nn.AnyModule, fn: () => T): T {
  const modes = model.modules().map((module) => [module, module.training] as const);
  model.eval();
  try {
    return fn();
  } finally {
    for (const [module, training] of modes) module.setTraining(training);
  }
}

function leaves(model: nn.AnyModule): [string, nn.AnyModule][] {
  return [...model.namedModules()].filter(([, module]) => module.children().length === 0);
}

function watchLayers(model: nn.AnyModule, exampleInputs: readonly unknown[]): { macs: number; called: string[] } {
  let macs = 0;
  const called: string[] = [];
  const removals = leaves(model).map(([, module]) =>
    module.registerForwardHook((_, [input], output) => {
      called.push(module.constructor.name);
      if (input instanceof Tensor && output instanceof Tensor)
        macs += layerMacs(module, input.shape, output.shape) ?? 0;
      return undefined;
    }),
  );
  try {
    inEvaluation(model, () => noGrad(() => scope(() => void model(...copyInputs(exampleInputs)))));
  } finally {
    for (const remove of removals) remove();
  }
  return { macs, called };
}

function tally(names: readonly string[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const name of [...names].sort()) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Object.fromEntries(counts);
}

/** Every layer or operator that some rule calls a burden; the first such rule counts. */
function burdens(model: nn.AnyModule, graph?: fx.Graph): UnsupportedLayer[] {
  const found = new Map<string, UnsupportedLayer>();
  for (const rule of surgeryRules) {
    const { burden, modules, id } = rule;
    if (burden === null) continue;
    const settings = defaultSettings(rule);
    const note = (path: string, layer: string) => {
      if (!found.has(path)) found.set(path, { path, layer, reason: burden, rule: id });
    };
    for (const [path, module] of model.namedModules())
      if (modules?.matches(module, settings) === true) note(path, module.constructor.name);
    for (const { pattern } of graph === undefined ? [] : (rule.graph ?? [])) {
      for (const { output } of pattern(settings).findMatches(graph as fx.Graph)) {
        const inside = [...found.keys()].some((path) => output.path.startsWith(`${path}.`));
        if (!inside && output.kind === 'call') note(output.path, fx.operatorBaseName(output.operator.name));
      }
    }
  }
  return [...found.values()];
}
