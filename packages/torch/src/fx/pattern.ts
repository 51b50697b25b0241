/**
 * @file Patterns of sub-graphs as data, and the small functions that build them: `module(nn.ReLU, [module(nn.Conv2d, [x])])`.
 *
 * A pattern follows data, not order: its inputs are what the matched node must be given. The same pattern object in two places
 * stands for the same node in both.
 */

import type { AnyModule } from '../nn/module.ts';
import type { Graph } from './graph.ts';
import type { Argument, CallNode, ModuleNode, Node } from './node.ts';

/** A class of modules; abstract ones do, and whatever the constructor takes. */
export type ModuleClass<M extends AnyModule = AnyModule> = abstract new (...args: never[]) => M;

/** What an argument must be: a pattern, a literal, or an array of them. `undefined` stands for anything. */
export type PatternArgument = Pattern | readonly PatternArgument[] | number | boolean | string | null | undefined;

interface Named {
  /** What is matched here can be asked for by this name. */
  readonly name?: string | undefined;
}

/** Anything that flows into the sub-graph from outside, or any argument at all. */
export interface WildcardPattern extends Named {
  readonly pattern: 'wildcard';
  /** Nodes only (the default), or literals too. */
  readonly literals: boolean;
  readonly where: ((value: Argument, graph: Graph) => boolean) | undefined;
}

/** A parameter, buffer or constant. */
export interface StatePattern extends Named {
  readonly pattern: 'state';
}

/** A call of a module of one of these very classes; sub-classes are others, since their forward may differ. */
export interface ModulePattern extends Named {
  readonly pattern: 'module';
  readonly types: readonly ModuleClass[];
  readonly inputs: readonly PatternArgument[];
  readonly where: ((module: AnyModule, node: ModuleNode, graph: Graph) => boolean) | undefined;
}

/** A call of one of these operators, in any overload. */
export interface CallPattern extends Named {
  readonly pattern: 'call';
  /** Base names: `add` stands for `aten::add.Tensor`, `aten::add.Scalar` … */
  readonly operators: readonly string[];
  readonly inputs: readonly PatternArgument[];
  readonly where: ((node: CallNode, graph: Graph) => boolean) | undefined;
}

/** One tensor of a result that is an array or a record. */
export interface ItemPattern extends Named {
  readonly pattern: 'item';
  readonly of: Pattern;
  readonly key: number | string | undefined;
}

/** The first of several patterns that matches. */
export interface ChoicePattern extends Named {
  readonly pattern: 'choice';
  readonly choices: readonly Pattern[];
}

export type Pattern = WildcardPattern | StatePattern | ModulePattern | CallPattern | ItemPattern | ChoicePattern;

export function isPattern(value: unknown): value is Pattern {
  return typeof value === 'object' && value !== null && 'pattern' in value;
}

/** The result of any node: an input of the sub-graph. */
export function input(name?: string, where?: (node: Node, graph: Graph) => boolean): WildcardPattern {
  return { pattern: 'wildcard', name, literals: false, where: where as WildcardPattern['where'] };
}

/** Any argument: a node, a number, a list … */
export function anything(name?: string, where?: (value: Argument, graph: Graph) => boolean): WildcardPattern {
  return { pattern: 'wildcard', name, literals: true, where };
}

/** A parameter, buffer or constant of the network. */
export function state(name?: string): StatePattern {
  return { pattern: 'state', name };
}

export interface ModulePatternOptions<M extends AnyModule> {
  name?: string;
  /** Looks at hyper-parameters: `(conv) => conv.groups === 1`. */
  where?: (module: M, node: ModuleNode, graph: Graph) => boolean;
}

/**
 * A call of a module. Without `inputs` it may be given anything.
 *
 * ```ts
 * const x = fx.input('x');
 * fx.module(nn.BatchNorm2d, [fx.module(nn.Conv2d, [x], { name: 'conv', where: (conv) => conv.groups === 1 })]);
 * ```
 */
export function module<M extends AnyModule>(
  types: ModuleClass<M> | readonly ModuleClass<M>[],
  inputs: readonly PatternArgument[] = [],
  options: ModulePatternOptions<M> = {},
): ModulePattern {
  return {
    pattern: 'module',
    types: typeof types === 'function' ? [types] : types,
    inputs,
    name: options.name,
    // The matcher has checked the class before it asks.
    where: options.where as ModulePattern['where'],
  };
}

export interface CallPatternOptions {
  name?: string;
  where?: (node: CallNode, graph: Graph) => boolean;
}

/**
 * A call of an operator by its base name. Arguments after the last of `inputs` may be anything. The order of the first two does
 * not matter for sums, products, maxima and minima.
 */
export function call(
  operators: string | readonly string[],
  inputs: readonly PatternArgument[] = [],
  options: CallPatternOptions = {},
): CallPattern {
  return {
    pattern: 'call',
    operators: typeof operators === 'string' ? [operators] : operators,
    inputs,
    name: options.name,
    where: options.where,
  };
}

/** The part `key` of a result with several tensors; any part where no key is given. */
export function item(of: Pattern, key?: number | string, name?: string): ItemPattern {
  return { pattern: 'item', of, key, name };
}

/** One of several patterns; the first that leads to a match counts. */
export function anyOf(...choices: readonly Pattern[]): ChoicePattern {
  return { pattern: 'choice', choices };
}
