/** @file Surgery on the graph: finds what the rules replace by data flow, in modules and in forward's own code alike. */

import { EdgeAIError, fx, nn, Tensor } from '@edgeai/torch';
import { inputShapes } from './calibration.ts';
import { changeTree, prepareRules } from './convert.ts';
import { isWholeModule, surgeryLeaf } from './leaves.ts';
import { type ActiveRule, resolveSurgery, type SurgeryOptions } from './options.ts';
import { captureCopy, inEvaluation, type SurgeryReport, summariseNetwork } from './report.ts';
import type { GraphRewrite } from './rule.ts';
import { Work } from './work.ts';

/** The changed network, which owns its weights, and what was done. */
export interface SurgeryResult {
  /** A graph module; where the network cannot be captured, a copy of the network with its module tree changed. */
  readonly model: nn.AnyModule;
  readonly report: SurgeryReport;
  /** Releases the network's weights. */
  [Symbol.dispose](): void;
}

/**
 * Changes a network by rules and returns the result; the given network stays as it is. Keys of parameters that no rule touches are
 * the original's.
 *
 * ```ts
 * const { model, report } = applySurgery(getModel('mobilenet_v3_small'), [x], { rules: { gelu_to_relu: false } });
 * ```
 *
 * @param exampleInputs arguments of forward
 * @throws {ArgumentError} for unknown rules and settings, suggesting the nearest
 */
export function applySurgery(
  model: nn.AnyModule,
  exampleInputs: readonly unknown[],
  options: SurgeryOptions = {},
): SurgeryResult {
  const work = new Work(resolveSurgery(options));
  const before = summariseNetwork(model, exampleInputs);
  const copy = nn.cloneModule(model);
  const notes: string[] = [];
  const changed = changeGraph(copy, exampleInputs, work, notes);
  const after = summariseNetwork(changed, exampleInputs);
  return {
    model: changed,
    report: { level: changed === copy ? 'modules' : 'graph', rules: work.rules(), before, after, notes },
    [Symbol.dispose]() {
      changed.dispose();
      if (changed === copy) return;
      for (const tensor of [...copy.parameters(), ...copy.buffers()]) tensor.dispose();
    },
  };
}

function changeGraph(copy: nn.AnyModule, exampleInputs: readonly unknown[], work: Work, notes: string[]): nn.AnyModule {
  const { active } = work.plan;
  let target: fx.AnyGraphModule;
  try {
    prepareRules(copy, work, exampleInputs);
    using graph = inEvaluation(copy, () => captureAnyBatch(copy, exampleInputs, surgeryLeaf(active)));
    target = new fx.GraphModule(graph);
  } catch (error) {
    if (!(error instanceof fx.CaptureError)) throw error;
    notes.push(`not captured, so only modules were replaced: ${error.message}`);
    changeTree(copy, work, exampleInputs);
    return copy;
  }
  notes.push(...trainingNotes(copy, exampleInputs, target.graph, active));
  const shapes = inputShapes(copy, exampleInputs);
  work.seeded(() => {
    for (const rule of active) {
      replaceModules(target, rule, work, shapes);
      for (const rewrite of rule.rule.graph ?? []) rewriteGraph(target, rule, rewrite, work);
    }
  });
  target.graph.eliminateDeadCode();
  target.recompile();
  work.settle(target);
  return target;
}

/** For any batch size where the inputs have one dimension of it in front and the network allows it; else as the example is. */
function captureAnyBatch(model: nn.AnyModule, exampleInputs: readonly unknown[], isLeaf: fx.IsLeaf): fx.Graph {
  const tensors = exampleInputs.filter((input): input is Tensor => input instanceof Tensor && input.ndim > 0);
  const sizes = new Set(tensors.map((input) => input.size(0)));
  if (tensors.length === exampleInputs.length && sizes.size === 1 && !sizes.has(0)) {
    const inputs = (batch: number) =>
      tensors.map((input) =>
        input
          .detach()
          .narrow(0, 0, 1)
          .expand([batch, ...input.shape.slice(1)])
          .clone(),
      );
    try {
      return fx.captureWithBatch(model, inputs, { isLeaf });
    } catch (error) {
      if (!(error instanceof EdgeAIError)) throw error;
    }
  }
  return captureCopy(model, exampleInputs, isLeaf);
}

/** Replaces the modules of a rule: in the tree under the same name, in the graph by what the new one does. */
function replaceModules(
  target: fx.AnyGraphModule,
  active: ActiveRule,
  work: Work,
  shapes: ReadonlyMap<nn.AnyModule, readonly number[]>,
): void {
  const made = new Map<string, nn.AnyModule | undefined>();
  const refused = new Set<nn.AnyModule>();
  for (const node of [...target.graph.nodes]) {
    if (node.kind !== 'module') continue;
    const { target: path } = node;
    if (!made.has(path)) {
      const old = target.getSubmodule(path);
      if (refused.has(old)) continue;
      const next = work.replacementOf(old, path, shapes.get(old), [active]);
      if (next === undefined) refused.add(old);
      else target.setSubmodule(path, next);
      made.set(path, next);
    }
    const next = made.get(path);
    // A layer in the place of a layer or block: the node calls what is there now.
    if (next === undefined || isWholeModule(next)) continue;
    const { args } = node;
    const result = fx.insertModule(target, next, { path, args, before: node, isLeaf: isWholeModule });
    target.graph.replaceUses(node, result as fx.Node);
    target.graph.erase(node);
  }
}

function rewriteGraph(
  target: fx.AnyGraphModule,
  active: ActiveRule,
  { pattern, replace }: GraphRewrite,
  work: Work,
): void {
  fx.replaceMatches(target, pattern(active.settings), (match, before) => {
    const { path } = match.output;
    const [source] = match.inputs;
    const inputShape = fx.isNode(source) ? fx.tensorMeta(source)?.shape : undefined;
    const site = {
      ...work.site(active, path, inputShape),
      target,
      freshPath: (base: string) => freshPath(target, base),
    };
    const made = replace(match, before, site);
    if (typeof made === 'string') work.refused(active, path, made);
    else if (made !== undefined) work.applied(active, path);
    return typeof made === 'string' ? undefined : made;
  });
}

function freshPath(target: fx.AnyGraphModule, base: string): string {
  const taken = new Set(Array.from(target.namedModules(), ([path]) => path));
  let path = base;
  for (let i = 1; taken.has(path); i++) path = `${base}_${i}`;
  return path;
}

/** Says where a graph from evaluation mode leaves something out that the network does while training. */
function trainingNotes(
  model: nn.AnyModule,
  exampleInputs: readonly unknown[],
  graph: fx.Graph,
  active: readonly ActiveRule[],
): string[] {
  const modes = model.modules().map((module) => [module, module.training] as const);
  model.train();
  try {
    using training = captureCopy(model, exampleInputs, surgeryLeaf(active));
    const known = new Set(graph.nodes.map(({ path }) => path));
    const owners = new Set(
      training.nodes.filter(({ path }) => !known.has(path)).map(({ path, modulePath }) => modulePath || path),
    );
    if (owners.size === 0) return [];
    return [
      `while training the network also does something in ${[...owners].join(', ')}, which this graph leaves out; convertToLiteModel keeps it`,
    ];
  } catch {
    // Some networks do not train on the example (one value a channel): nothing can be said.
    return [];
  } finally {
    for (const [module, training] of modes) module.setTraining(training);
  }
}
