/** @file Replacing sub-graphs: what a pattern matched gives way to new nodes, and modules are put into graphs node by node. */

import { zeros } from '../core/creation.ts';
import { keep, scope } from '../core/scope.ts';
import type { AnyModule } from '../nn/module.ts';
import { type CaptureOptions, capture, isLeafModule } from './capture.ts';
import { GraphError } from './errors.ts';
import type { Graph } from './graph.ts';
import { GraphModule } from './graph-module.ts';
import { type Argument, inputsOf, isNode, mapArgument, type Node, tensorMeta } from './node.ts';
import { type PatternMatch, PatternMatcher } from './pattern-matcher.ts';

/** A graph module of any signature. */
// biome-ignore lint/suspicious/noExplicitAny: parameter lists are contravariant, so only `any` admits every signature.
export type AnyGraphModule = GraphModule<any, any>;

/**
 * Makes what takes the place of a match: adds nodes with `graph.add(init, before)` and returns those that stand for the match's
 * results, one a result. `undefined` leaves the match as it is.
 */
export type Replacement = (match: PatternMatch, before: Node) => Node | readonly Node[] | undefined;

/**
 * Replaces every match of a pattern, in the order of execution. Nodes of a match that nobody needs any more go, and in a graph module
 * the modules that nothing calls any more.
 *
 * @param matches a matcher, or matches that do not overlap
 * @returns the matches that were replaced
 * @throws {GraphError} when a match cannot be cut out, because what it needs comes after the first use of what it makes
 */
export function replaceMatches(
  target: Graph | AnyGraphModule,
  matches: PatternMatcher | readonly PatternMatch[],
  replace: Replacement,
): PatternMatch[] {
  const graph = target instanceof GraphModule ? target.graph : target;
  const found = matches instanceof PatternMatcher ? matches.findMatches(graph) : [...matches];
  const replaced: PatternMatch[] = [];
  const erased: Node[] = [];
  for (const [i, match] of found.entries()) {
    const made = replace(match, insertionPoint(graph, match));
    if (made === undefined) continue;
    const results: readonly Node[] = isNode(made) ? [made] : (made as readonly Node[]);
    if (results.length !== match.outputs.length)
      throw new GraphError(`The match makes ${match.outputs.length} results, its replacement ${results.length}`);
    match.outputs.forEach((old, k) => {
      const next = results[k] as Node;
      if (next === old) return;
      graph.replaceUses(old, next);
      for (const later of found.slice(i + 1)) later.substitute(old, next);
    });
    erased.push(...eraseUnused(graph, match.nodes));
    replaced.push(match);
  }
  if (target instanceof GraphModule && replaced.length > 0) target.deleteErased(erased).recompile();
  return replaced;
}

/** The first node that may follow the replacement. One result can be made just where it was; of several, the first user decides. */
function insertionPoint(graph: Graph, match: PatternMatch): Node {
  const inner = new Set<Node>(match.nodes);
  const [only, ...others] = match.outputs;
  if (only !== undefined && others.length === 0) return only;
  const outputs = new Set<Node>(match.outputs);
  const first = graph.nodes.find((node) => !inner.has(node) && inputsOf(node).some((used) => outputs.has(used)));
  const before = first ?? graph.output;
  const needed = new Set(match.nodes.flatMap((node) => inputsOf(node)).filter((node) => !inner.has(node)));
  for (const node of graph.nodes.slice(graph.nodes.indexOf(before))) {
    if (needed.has(node))
      throw new GraphError(`'${node.name}' is needed by a match whose results are used before it is computed`);
  }
  return before;
}

/** Takes out those of `nodes` whose results nobody uses, and the parameters and constants that only they used. */
function eraseUnused(graph: Graph, nodes: readonly Node[]): Node[] {
  const erased: Node[] = [];
  const candidates = new Set<Node>(nodes);
  for (const node of nodes)
    for (const used of inputsOf(node)) if (used.kind === 'parameter' || used.kind === 'constant') candidates.add(used);
  for (const node of [...graph.nodes].reverse()) {
    if (!candidates.has(node) || graph.nodes.some((user) => inputsOf(user).includes(node))) continue;
    graph.erase(node);
    erased.push(node);
  }
  return erased;
}

export interface InsertModuleOptions extends Pick<CaptureOptions, 'isLeaf'> {
  /** Where the module lives from now on; free, unless `module` is already there. */
  path: string;
  /** What it is given: nodes with known shapes, and plain values. */
  args: readonly Argument[];
  /** The node before which the new ones stand. */
  before: Node;
  /** Path of the module to which the new nodes belong. Default: the owner of `path`. */
  modulePath?: string;
}

/**
 * Puts a module into a graph module and its work into the graph: one node for a layer, the nodes of its forward for anything
 * larger. Shapes and dtypes of the new nodes are found by running the module on zeros.
 *
 * @returns what the module returns: for most a node
 * @throws {GraphError} when the shape of an argument is not known
 */
export function insertModule(target: AnyGraphModule, module: AnyModule, options: InsertModuleOptions): Argument {
  const { path, args, before, isLeaf = isLeafModule } = options;
  const { graph } = target;
  const owner = options.modulePath ?? path.slice(0, Math.max(path.lastIndexOf('.'), 0));
  if (!hasModule(target, path, module)) target.addSubmodule(path, module);
  using inner = captureAlone(module, args, isLeaf);
  if (isLeaf(module, path)) {
    const { meta } = inner.output;
    return graph.add({ kind: 'module', target: path, path, args, meta, modulePath: owner }, before);
  }
  const copies = new Map<Node, Argument>();
  const translate = (argument: Argument) =>
    mapArgument(argument, (leaf) => (isNode(leaf) ? copies.get(leaf) : leaf)) as Argument;
  bindInputs(inner.signature, args, copies);
  for (const node of inner.nodes) {
    if (node.kind === 'placeholder' || node.kind === 'output') continue;
    const { id: _, name: __, ...init } = node;
    const within = (inside: string) => (inside === '' ? path : `${path}.${inside}`);
    const place = {
      ...init,
      path: within(node.path),
      modulePath: within(node.modulePath),
      args: translate(node.args) as readonly Argument[],
    };
    const copy = graph.add(
      place.kind === 'module'
        ? { ...place, target: within(place.target) }
        : place.kind === 'parameter'
          ? { ...place, key: within(place.key) }
          : place,
      before,
    );
    copies.set(node, copy);
    const constant = inner.constants.get(node.name);
    if (constant !== undefined) graph.constants.set(copy.name, keep(constant.detach()));
  }
  return translate(inner.output.args[0]);
}

function hasModule(target: AnyGraphModule, path: string, module: AnyModule): boolean {
  try {
    return target.getSubmodule(path) === module;
  } catch {
    return false;
  }
}

/** The module's own graph on zeros; in evaluation mode, where a batch norm takes any input. */
function captureAlone(module: AnyModule, args: readonly Argument[], isLeaf: CaptureOptions['isLeaf']): Graph {
  const modes = module.modules().map((each) => [each, each.training] as const);
  module.eval();
  try {
    return scope(() =>
      capture(
        module,
        args.map((argument) => mapArgument(argument, (leaf) => (isNode(leaf) ? zerosLikeMeta(leaf) : leaf))),
        isLeaf === undefined ? {} : { isLeaf },
      ),
    );
  } finally {
    for (const [each, training] of modes) each.setTraining(training);
  }
}

function zerosLikeMeta(node: Node) {
  const meta = tensorMeta(node);
  if (meta === undefined) throw new GraphError(`The shape of '${node.name}' is not known`);
  return zeros(meta.shape, { dtype: meta.dtype });
}

function bindInputs(expected: Argument, given: Argument, copies: Map<Node, Argument>): void {
  if (isNode(expected)) copies.set(expected, given);
  else if (typeof expected === 'object' && expected !== null) {
    for (const [key, part] of Object.entries(expected))
      bindInputs(part as Argument, (given as Record<string, Argument>)[key], copies);
  }
}
