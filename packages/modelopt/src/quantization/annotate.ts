/**
 * @file Where quantisers go in a graph, as data: which nodes work as one, which results get a range, which share one.
 *
 * 1. Groups: a weighted layer takes in the batch norm and the clamp after it, an addition the clamp after it. Nothing is rounded inside.
 * 2. Ranges: the result of a group gets one, and so does every float input that a quantised operator reads. Operators that only move
 *    values hand their input's range on; it is asked for when somebody after them needs it.
 */

import { fx, type nn } from '@edgeai/torch';
import { type ResolvedConfig, schemeFor } from './config.ts';
import { clampIsNonNegative, type OperatorRule, operatorRule } from './operators.ts';
import type { Place } from './override.ts';
import { defineScheme, type QuantizationScheme } from './scheme.ts';

/** A range: one quantiser, at one or more places. */
export interface ActivationSite {
  /** Name of the node whose result it is for: the quantiser's name. */
  readonly name: string;
  readonly place: Place;
  scheme: QuantizationScheme;
  nonNegative: boolean;
  /** Known by definition. */
  readonly values: readonly [min: number, max: number] | undefined;
  /** Another site that this one has become the same as. */
  same?: ActivationSite;
}

/** Nodes that work as one. */
export interface QuantizationGroup {
  readonly rule: OperatorRule;
  readonly head: fx.Node;
  readonly norm: fx.ModuleNode | undefined;
  readonly clamp: fx.Node | undefined;
  readonly last: fx.Node;
  readonly place: Place;
  readonly weight: QuantizationScheme | null;
  readonly activation: QuantizationScheme | null;
}

export interface Annotation {
  readonly groups: readonly QuantizationGroup[];
  /** The range of each node's result. */
  readonly sites: ReadonlyMap<fx.Node, ActivationSite>;
  /** Nodes whose result only moves values about that have passed their quantiser before. */
  readonly moved: ReadonlySet<fx.Node>;
}

type ModuleOf = (path: string) => nn.AnyModule;

/** Decides where quantisers go. The graph is not changed. */
export function annotate(graph: fx.Graph, config: ResolvedConfig, moduleOf: ModuleOf): Annotation {
  const groups = findGroups(graph, config, moduleOf);
  return new Annotator(graph, config, groups, moduleOf).run();
}

function findGroups(graph: fx.Graph, config: ResolvedConfig, moduleOf: ModuleOf): QuantizationGroup[] {
  const users = graph.users();
  const ruleOf = (node: fx.Node) => operatorRule(node, moduleOf);
  const calls = new Map<string, number>();
  for (const node of graph.nodes) if (node.kind === 'module') calls.set(node.target, (calls.get(node.target) ?? 0) + 1);
  const next = (node: fx.Node): fx.Node | undefined => {
    const [only, ...others] = users.get(node) ?? [];
    return others.length === 0 && only?.args[0] === node ? only : undefined;
  };
  const pairs = normPairs(graph, next, ruleOf, calls);
  const taken = new Set<fx.Node>();
  const groups: QuantizationGroup[] = [];
  for (const head of graph.nodes) {
    const rule = ruleOf(head);
    if (rule === undefined || taken.has(head)) continue;
    let last = head;
    const norm = pairs.get(head);
    if (norm !== undefined) last = norm;
    const after = rule.absorbsClamp ? next(last) : undefined;
    const clamp = after !== undefined && ruleOf(after)?.role === 'clamp' ? after : undefined;
    if (clamp !== undefined) last = clamp;
    for (const node of [head, norm, clamp]) if (node !== undefined) taken.add(node);
    const place = { path: head.path, operator: rule.name };
    const weight = rule.role === 'weighted' ? schemeFor(config, 'weight', place) : null;
    groups.push({ rule, head, norm, clamp, last, place, weight, activation: schemeFor(config, 'activation', place) });
  }
  return groups;
}

/** Batch norms that alone follow a layer, at every call of both: they can be folded into it. */
function normPairs(
  graph: fx.Graph,
  next: (node: fx.Node) => fx.Node | undefined,
  ruleOf: (node: fx.Node) => OperatorRule | undefined,
  calls: ReadonlyMap<string, number>,
): Map<fx.Node, fx.ModuleNode> {
  const candidates = new Map<string, { norms: Set<string>; pairs: [fx.Node, fx.ModuleNode][] }>();
  for (const head of graph.nodes) {
    if (head.kind !== 'module' || ruleOf(head)?.role !== 'weighted') continue;
    const norm = next(head);
    const found = candidates.get(head.target) ?? { norms: new Set(), pairs: [] };
    candidates.set(head.target, found);
    // Between a linear layer and its norm the features must be what the norm counts as channels.
    const fits = ruleOf(head)?.name !== 'linear' || fx.tensorMeta(head)?.shape.length === 2;
    if (norm?.kind !== 'module' || ruleOf(norm)?.role !== 'norm' || !fits) continue;
    found.norms.add(norm.target);
    found.pairs.push([head, norm]);
  }
  const result = new Map<fx.Node, fx.ModuleNode>();
  for (const [target, { norms, pairs }] of candidates) {
    const [norm] = norms;
    if (norms.size !== 1 || norm === undefined) continue;
    if (pairs.length !== calls.get(target) || pairs.length !== calls.get(norm)) continue;
    for (const [head, node] of pairs) result.set(head, node);
  }
  return result;
}

/** How many operators back a softmax may be for a matrix product to keep its affine input. */
const SOFTMAX_WITHIN = 4;

class Annotator {
  readonly #graph: fx.Graph;
  readonly #config: ResolvedConfig;
  readonly #groups: readonly QuantizationGroup[];
  readonly #moduleOf: ModuleOf;
  readonly #groupOf = new Map<fx.Node, QuantizationGroup>();
  readonly #sites = new Map<fx.Node, ActivationSite>();
  readonly #moved = new Set<fx.Node>();

  constructor(graph: fx.Graph, config: ResolvedConfig, groups: readonly QuantizationGroup[], moduleOf: ModuleOf) {
    this.#graph = graph;
    this.#config = config;
    this.#groups = groups;
    this.#moduleOf = moduleOf;
    for (const group of groups) this.#groupOf.set(group.last, group);
  }

  run(): Annotation {
    for (const group of this.#groups) this.#visit(group);
    for (const node of this.#graph.nodes) {
      // Moved values whose source got a range carry it as well, so that an integer device can move integers.
      if (!this.#sites.has(node) && this.#isMoved(node)) this.#inherit(node);
    }
    for (const group of this.#groups) if (group.rule.symmetricInputs) this.#makeSymmetric(group);
    this.#keepTails();
    const sites = new Map([...this.#sites].map(([node, site]) => [node, resolve(site)] as const));
    return { groups: this.#groups, sites, moved: this.#moved };
  }

  #visit(group: QuantizationGroup): void {
    const { rule, activation, last, place } = group;
    if (rule.role === 'shared' || activation === null) return;
    for (const input of this.#inputs(group)) this.#require(input, place);
    this.#sites.set(last, {
      name: last.name,
      place,
      scheme: activation,
      nonNegative: this.#isNonNegative(last),
      values: rule.role === 'fixed' ? rule.values : undefined,
    });
    if (rule.name === 'cat' && this.#config.concat === 'shared') this.#share(group);
  }

  /** The tensors that a group computes with, weights apart. */
  #inputs({ rule, head }: QuantizationGroup): fx.Node[] {
    if (rule.role === 'weighted' || rule.role === 'norm') return fx.isNode(head.args[0]) ? [head.args[0]] : [];
    if (head.kind === 'module') return fx.inputsOf(head);
    // Weights of normalisations by function stay float.
    return rule.name.endsWith('_norm') ? fx.inputsOf(head).slice(0, 1) : fx.inputsOf(head);
  }

  /** Makes sure that a value has a range, because the operator at `by` reads it. */
  #require(node: fx.Node, by: Place): ActivationSite | undefined {
    const known = this.#sites.get(node);
    if (known !== undefined) return known;
    if (this.#isMoved(node)) {
      const [source] = fx.inputsOf(node);
      const site = source === undefined ? undefined : this.#require(source, by);
      return site === undefined ? undefined : this.#inherit(node);
    }
    if (fx.tensorMeta(node)?.dtype !== 'float32') return undefined;
    if (node.kind === 'placeholder' && !this.#config.quantizeInput) return undefined;
    const place = { path: node.path, operator: operatorName(node) };
    const scheme = schemeFor(this.#config, 'activation', place) ?? schemeFor(this.#config, 'activation', by);
    if (scheme === null) return undefined;
    const site = { name: node.name, place, scheme, nonNegative: this.#isNonNegative(node), values: undefined };
    this.#sites.set(node, site);
    return site;
  }

  /** Results of `shared` operators, and tensors in results that are several. */
  #isMoved(node: fx.Node): boolean {
    if (node.kind === 'item') return this.#isMoved(node.args[0] as fx.Node);
    const group = this.#groupOf.get(node);
    return group?.rule.role === 'shared' && group.activation !== null;
  }

  #inherit(node: fx.Node): ActivationSite | undefined {
    const sources = fx.inputsOf(node).map((input) => this.#sites.get(input));
    const [site] = sources;
    if (site === undefined || sources.includes(undefined)) return undefined;
    for (const other of sources) if (other !== undefined) unite(other, site);
    this.#sites.set(node, site);
    this.#moved.add(node);
    return site;
  }

  /** One range for all inputs of a concatenation and its result. */
  #share({ head, last }: QuantizationGroup): void {
    const result = this.#sites.get(last);
    const inputs = fx.inputsOf(head).map((input) => this.#sites.get(input));
    if (result === undefined || inputs.some((site) => site === undefined || resolve(site).values !== undefined)) return;
    for (const site of inputs) if (site !== undefined) unite(site, result);
  }

  #makeSymmetric({ head }: QuantizationGroup): void {
    for (const input of fx.inputsOf(head)) {
      const site = this.#sites.get(input);
      if (site === undefined || this.#comesFromSoftmax(input, SOFTMAX_WITHIN)) continue;
      const root = resolve(site);
      if (root.values === undefined) root.scheme = defineScheme({ symmetric: true, signed: 'auto' }, root.scheme);
    }
  }

  /** The largest of the network's results are what it answers with: no search may cut them off, whatever the mean error says. */
  #keepTails(): void {
    for (const node of fx.inputsOf(this.#graph.output)) {
      const site = this.#sites.get(node);
      if (site === undefined || this.#moved.has(node)) continue;
      const root = resolve(site);
      if (root.scheme.observer.kind === 'mse')
        root.scheme = defineScheme({ observer: { kind: 'min-max' } }, root.scheme);
    }
  }

  #comesFromSoftmax(node: fx.Node, steps: number): boolean {
    if (this.#groupOf.get(node)?.rule.name === 'softmax') return true;
    return steps > 1 && fx.inputsOf(node).some((input) => this.#comesFromSoftmax(input, steps - 1));
  }

  #isNonNegative(node: fx.Node): boolean {
    if (node.kind === 'item') return this.#isNonNegative(node.args[0] as fx.Node);
    const group = this.#groupOf.get(node);
    if (group === undefined) return false;
    const { rule, clamp, head } = group;
    if (rule.nonNegative) return true;
    if (clamp !== undefined) return clampIsNonNegative(clamp, this.#moduleOf);
    if (rule.role === 'clamp') return clampIsNonNegative(head, this.#moduleOf);
    if (rule.role === 'shared' || rule.name === 'cat' || rule.name === 'add' || rule.name === 'mul') {
      // Numbers among the arguments may be negative.
      if ((rule.name === 'add' || rule.name === 'mul') && head.args.slice(0, 2).some((arg) => !fx.isNode(arg)))
        return false;
      const inputs = fx.inputsOf(head);
      return inputs.length > 0 && inputs.every((input) => this.#isNonNegative(input));
    }
    return false;
  }
}

function operatorName(node: fx.Node): string {
  if (node.kind === 'placeholder') return 'input';
  if (node.kind === 'call') return fx.operatorBaseName(node.operator.name);
  return node.kind === 'module' ? 'module' : 'constant';
}

function resolve(site: ActivationSite): ActivationSite {
  let found = site;
  while (found.same !== undefined) found = found.same;
  return found;
}

function unite(site: ActivationSite, into: ActivationSite): void {
  const from = resolve(site);
  const to = resolve(into);
  if (from === to) return;
  from.same = to;
  to.nonNegative &&= from.nonNegative;
}
