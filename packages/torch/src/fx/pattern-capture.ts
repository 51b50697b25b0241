/** @file Patterns from examples: captures a module or a function and turns its graph into a pattern. */

import { ArgumentError } from '../errors.ts';
import { Sequential } from '../nn/index.ts';
import { type AnyModule, Module } from '../nn/module.ts';
import { type CaptureOptions, capture, isLeafModule } from './capture.ts';
import type { Graph } from './graph.ts';
import { operatorBaseName } from './names.ts';
import { type Argument, eachNode, isNode, type Node, namedArguments } from './node.ts';
import { call, input, item, type ModuleClass, module, type Pattern, type PatternArgument, state } from './pattern.ts';

export interface CapturedPatternOptions extends Pick<CaptureOptions, 'isLeaf'> {
  /**
   * Modules must have the hyper-parameters of the example, and operators its numbers. Default `false`: only what is done, and to
   * what, must be the same.
   */
  hyperParameters?: boolean;
}

/** Gives a function a module's face. */
class FunctionModule extends Module<unknown[], unknown> {
  readonly #fn: (...inputs: unknown[]) => unknown;

  constructor(fn: (...inputs: unknown[]) => unknown) {
    super();
    this.#fn = fn;
  }

  forward(...inputs: unknown[]): unknown {
    return this.#fn(...inputs);
  }
}

/** One pattern a result of `source`. */
export function capturePattern(
  source: AnyModule | ((...inputs: never[]) => unknown),
  exampleInputs: readonly unknown[],
  options: CapturedPatternOptions = {},
): Pattern[] {
  const { hyperParameters = false, isLeaf } = options;
  let root: AnyModule;
  if (!(source instanceof Module)) root = new FunctionModule(source as (...inputs: unknown[]) => unknown);
  // The root is always looked into, so a layer by itself must not be the root.
  else root = (isLeaf ?? isLeafModule)(source, '0') ? new Sequential(source) : source;
  using graph = capture(root, exampleInputs, isLeaf === undefined ? {} : { isLeaf });
  return patternOf(graph, hyperParameters);
}

function patternOf(graph: Graph, strict: boolean): Pattern[] {
  const patterns = new Map<Node, Pattern>();
  const translate = (argument: Argument): PatternArgument => {
    if (isNode(argument)) return patterns.get(argument);
    if (Array.isArray(argument)) {
      const parts = argument.map((part) => translate(part as Argument));
      return !strict && parts.every((part) => part === undefined) ? undefined : parts;
    }
    return strict ? (argument as PatternArgument) : undefined;
  };
  for (const node of graph.nodes) {
    const made = nodePattern(node, graph, translate, strict);
    if (made !== undefined) patterns.set(node, made);
  }
  const results: Pattern[] = [];
  eachNode(graph.output.args, (node) => {
    const pattern = patterns.get(node);
    if (pattern !== undefined) results.push(pattern);
  });
  if (results.length === 0 || results.some((pattern) => pattern.pattern === 'wildcard'))
    throw new ArgumentError('source', 'A pattern must compute something from its inputs');
  return results;
}

function nodePattern(
  node: Node,
  graph: Graph,
  translate: (argument: Argument) => PatternArgument,
  strict: boolean,
): Pattern | undefined {
  const { name } = node;
  switch (node.kind) {
    case 'placeholder':
      return input(name);
    case 'parameter':
    case 'constant':
      return state(name);
    case 'module': {
      const example = graph.root.getSubmodule(node.target);
      const where = strict ? (found: AnyModule) => sameSettings(found, example) : undefined;
      const inputs = node.args.map(translate);
      return module(example.constructor as ModuleClass, inputs, where === undefined ? { name } : { name, where });
    }
    case 'call': {
      // Arguments left out stand for their defaults, which is a number to compare like any other.
      const args = strict ? Object.values(namedArguments(node)) : node.args;
      return call(operatorBaseName(node.operator.name), args.map(translate), { name });
    }
    case 'item':
      return item(translate(node.args[0]) as Pattern, node.key, name);
    case 'output':
      return undefined;
  }
}

/** Whether two modules were constructed alike: numbers, texts, flags and lists of them are the same. */
export function sameSettings(a: AnyModule, b: AnyModule): boolean {
  return a.constructor === b.constructor && JSON.stringify(settings(a)) === JSON.stringify(settings(b));
}

function settings(module: AnyModule): [string, unknown][] {
  return Object.entries(module).filter(([key, value]) => key !== 'training' && isPlain(value));
}

function isPlain(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isPlain);
  return value === null || ['number', 'boolean', 'string', 'undefined'].includes(typeof value);
}
