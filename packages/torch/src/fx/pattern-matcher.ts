/** @file PatternMatcher: finds sub-graphs by following data from the result of a pattern back to its inputs, with backtracking. */

import { ArgumentError } from '../errors.ts';
import type { AnyModule } from '../nn/module.ts';
import { GraphError } from './errors.ts';
import type { Graph } from './graph.ts';
import { GraphModule } from './graph-module.ts';
import { operatorBaseName } from './names.ts';
import { type Argument, isNode, mapArgument, type Node, namedArguments } from './node.ts';
import { isPattern, type ModuleClass, type Pattern, type PatternArgument } from './pattern.ts';
import { type CapturedPatternOptions, capturePattern } from './pattern-capture.ts';

const COMMUTATIVE = new Set([
  'add',
  'mul',
  'maximum',
  'minimum',
  'logical_and',
  'logical_or',
  'logical_xor',
  'eq',
  'ne',
]);

export interface PatternMatcherOptions {
  /**
   * Refuse a match when a node inside it, results apart, is used outside too: it could not be taken out. Default `true`.
   */
  exclusive?: boolean;
}

/** One place where a pattern was found. */
export class PatternMatch {
  readonly graph: Graph;
  /** What the pattern itself stands for, in the order of execution; inputs, parameters and constants are not among them. */
  readonly nodes: readonly Node[];
  /** The nodes of the pattern's results. */
  readonly outputs: readonly Node[];
  #inputs: readonly Argument[];
  readonly #captures: Map<string, Argument>;

  /** @internal */
  constructor(graph: Graph, outputs: readonly Node[], bindings: ReadonlyMap<Pattern, Argument>) {
    this.graph = graph;
    this.outputs = outputs;
    const inner = new Set<Argument>();
    const inputs: Argument[] = [];
    this.#captures = new Map();
    for (const [pattern, value] of bindings) {
      if (pattern.name !== undefined) this.#captures.set(pattern.name, value);
      if (pattern.pattern === 'wildcard') inputs.push(value);
      else if (pattern.pattern !== 'state' && pattern.pattern !== 'choice') inner.add(value);
    }
    this.#inputs = inputs;
    this.nodes = graph.nodes.filter((node) => inner.has(node));
  }

  /** What the wildcards stand for. */
  get inputs(): readonly Argument[] {
    return this.#inputs;
  }

  /** The node of the pattern's (first) result. */
  get output(): Node {
    return this.outputs[0] as Node;
  }

  /** What the part of the pattern with this name stands for; `undefined` where an alternative without it matched. */
  get(name: string): Argument {
    return this.#captures.get(name);
  }

  /** As `get`, for a node that must be there. @throws {GraphError} */
  node(name: string): Node {
    const found = this.#captures.get(name);
    if (!isNode(found)) throw new GraphError(`The match has no node called '${name}'`);
    return found;
  }

  /** The module that the node of this name calls. @throws {GraphError} when there is none, or it is of another class */
  module<M extends AnyModule>(name: string, type: ModuleClass<M>): M {
    const node = this.node(name);
    const found = node.kind === 'module' ? this.graph.root.getSubmodule(node.target) : undefined;
    if (!(found instanceof type)) throw new GraphError(`'${node.name}' does not call a ${type.name}`);
    return found;
  }

  /** @internal Takes note that another node has taken the place of `old`. */
  substitute(old: Node, replacement: Node): void {
    const swap = (value: Argument) => mapArgument(value, (leaf) => (leaf === old ? replacement : leaf)) as Argument;
    this.#inputs = this.#inputs.map(swap);
    for (const [name, value] of this.#captures) this.#captures.set(name, swap(value));
  }
}

/**
 * Finds a pattern in graphs.
 *
 * ```ts
 * const x = fx.input('x');
 * const conv = fx.module(nn.Conv2d, [x], { name: 'conv' });
 * const norm = fx.module(nn.BatchNorm2d, [conv], { name: 'norm' });
 * const matcher = new fx.PatternMatcher(fx.anyOf(fx.module(nn.ReLU, [norm]), norm));
 * for (const match of matcher.findMatches(graph)) console.log(match.node('conv').path);
 * ```
 */
export class PatternMatcher {
  /** What the sub-graph returns; every one stands for one node. */
  readonly outputs: readonly Pattern[];
  readonly exclusive: boolean;

  constructor(pattern: Pattern | readonly Pattern[], options: PatternMatcherOptions = {}) {
    this.outputs = isPattern(pattern) ? [pattern] : pattern;
    this.exclusive = options.exclusive ?? true;
    if (this.outputs.length === 0) throw ArgumentError.expected('pattern', 'at least one pattern', pattern);
    if (this.outputs.some((output) => output.pattern === 'wildcard' || output.pattern === 'state'))
      throw new ArgumentError(
        'pattern',
        'Expected a module, a call or a choice as the result of a pattern, not an input',
      );
  }

  /**
   * A matcher for what `source` does: a module, or a function of tensors. Inputs are named as in the capture (`input`, `input_1` …).
   *
   * @param exampleInputs tensors of any size that `source` takes
   */
  static capture(
    source: AnyModule | ((...inputs: never[]) => unknown),
    exampleInputs: readonly unknown[],
    options: CapturedPatternOptions & PatternMatcherOptions = {},
  ): PatternMatcher {
    return new PatternMatcher(capturePattern(source, exampleInputs, options), options);
  }

  /**
   * All places where the pattern is, no node in two of them: of matches that overlap the one with more nodes stays, then the one
   * that comes first. In the order of execution.
   */
  findMatches(target: Graph | GraphModule<never[], unknown>): PatternMatch[] {
    const graph = target instanceof GraphModule ? target.graph : target;
    const users = graph.users();
    const found = graph.nodes.flatMap((node) => this.#matchAt(graph, node, users) ?? []);
    const taken = new Set<Node>();
    const kept = new Set<PatternMatch>();
    // Sorting is stable, so matches of the same size stay in the order of execution.
    for (const match of [...found].sort((a, b) => b.nodes.length - a.nodes.length)) {
      if (match.nodes.some((node) => taken.has(node))) continue;
      for (const node of match.nodes) taken.add(node);
      kept.add(match);
    }
    return found.filter((match) => kept.has(match));
  }

  /** The match whose (first) result is `node`. */
  matchAt(graph: Graph, node: Node): PatternMatch | undefined {
    return this.#matchAt(graph, node, graph.users());
  }

  #matchAt(graph: Graph, node: Node, users: ReadonlyMap<Node, readonly Node[]>): PatternMatch | undefined {
    const search = new Search(graph);
    for (const outputs of search.outputs(this.outputs, node)) {
      const match = new PatternMatch(graph, outputs, search.bindings);
      if (isSound(match, users, this.exclusive)) return match;
    }
    return undefined;
  }
}

/** Inputs lie outside, and, where asked for, nobody outside uses what is inside. */
function isSound(match: PatternMatch, users: ReadonlyMap<Node, readonly Node[]>, exclusive: boolean): boolean {
  const inner = new Set<Node>(match.nodes);
  const outputs = new Set<Node>(match.outputs);
  let sound = true;
  for (const value of match.inputs)
    mapArgument(value, (leaf) => {
      if (isNode(leaf) && inner.has(leaf)) sound = false;
    });
  if (!sound || !exclusive) return sound;
  return match.nodes.every((node) => outputs.has(node) || users.get(node)?.every((user) => inner.has(user)));
}

/** Binds patterns to nodes one after the other; each generator yields once for every way in which its part fits. */
class Search {
  readonly bindings = new Map<Pattern, Argument>();
  readonly #graph: Graph;
  /** Nodes that stand for a module, call or item: one node cannot be two of them. */
  readonly #inner = new Set<Node>();

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  *outputs(patterns: readonly Pattern[], first: Node | undefined): Generator<Node[]> {
    const [pattern, ...rest] = patterns;
    if (pattern === undefined) {
      yield [];
      return;
    }
    // The first result is given; where the others are is not known until now.
    for (const node of first === undefined ? this.#graph.nodes : [first]) {
      for (const _ of this.#match(pattern, node)) {
        for (const others of this.outputs(rest, undefined)) yield [node, ...others];
      }
    }
  }

  *#match(pattern: Pattern, value: Argument): Generator<void> {
    if (this.bindings.has(pattern)) {
      if (this.bindings.get(pattern) === value) yield;
      return;
    }
    this.bindings.set(pattern, value);
    yield* this.#fits(pattern, value);
    this.bindings.delete(pattern);
  }

  *#fits(pattern: Pattern, value: Argument): Generator<void> {
    switch (pattern.pattern) {
      case 'wildcard':
        if ((pattern.literals || isNode(value)) && pattern.where?.(value, this.#graph) !== false) yield;
        return;
      case 'state':
        if (isNode(value) && (value.kind === 'parameter' || value.kind === 'constant')) yield;
        return;
      case 'choice':
        for (const choice of pattern.choices) yield* this.#match(choice, value);
        return;
    }
    if (!isNode(value) || this.#inner.has(value)) return;
    this.#inner.add(value);
    for (const inputs of this.#candidates(pattern, value)) yield* this.#matchAll(inputs);
    this.#inner.delete(value);
  }

  /** The pairs of pattern and argument that must fit as well, for each order of the arguments; none where the node itself is another. */
  #candidates(pattern: Exclude<Pattern, { pattern: 'wildcard' | 'state' | 'choice' }>, node: Node): Pair[][] {
    switch (pattern.pattern) {
      case 'module': {
        if (node.kind !== 'module') return [];
        const called = this.#graph.root.getSubmodule(node.target);
        if (!pattern.types.includes(called.constructor as ModuleClass)) return [];
        if (pattern.where?.(called, node, this.#graph) === false) return [];
        return [pattern.inputs.map((wanted, i) => [wanted, node.args[i]])];
      }
      case 'call': {
        if (node.kind !== 'call') return [];
        const base = operatorBaseName(node.operator.name);
        if (!pattern.operators.includes(base) || pattern.where?.(node, this.#graph) === false) return [];
        const args = Object.values(namedArguments(node));
        const straight = pattern.inputs.map((wanted, i): Pair => [wanted, args[i]]);
        const [a, b, ...rest] = straight;
        if (a === undefined || b === undefined || !COMMUTATIVE.has(base) || (namedArguments(node).alpha ?? 1) !== 1)
          return [straight];
        return [straight, [[a[0], b[1]], [b[0], a[1]], ...rest]];
      }
      case 'item':
        if (node.kind !== 'item' || (pattern.key !== undefined && pattern.key !== node.key)) return [];
        return [[[pattern.of, node.args[0]]]];
    }
  }

  *#matchAll(pairs: readonly Pair[]): Generator<void> {
    const [first, ...rest] = pairs;
    if (first === undefined) {
      yield;
      return;
    }
    const [wanted, value] = first;
    if (wanted === undefined) yield* this.#matchAll(rest);
    else if (isPattern(wanted)) for (const _ of this.#match(wanted, value)) yield* this.#matchAll(rest);
    else if (Array.isArray(wanted)) {
      if (!Array.isArray(value) || value.length !== wanted.length) return;
      yield* this.#matchAll([...wanted.map((item, i): Pair => [item, value[i] as Argument]), ...rest]);
    } else if (wanted === value) yield* this.#matchAll(rest);
  }
}

type Pair = readonly [wanted: PatternArgument, value: Argument];
