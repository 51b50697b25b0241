/** @file The interpreter: runs a graph node by node, and releases each value when the last node that uses it has run. */

import { callOp } from '../core/dispatch.ts';
import { eachTensor, releaseIfOwned, scope } from '../core/scope.ts';
import { Tensor } from '../core/tensor.ts';
import { ArgumentError, describeValue } from '../errors.ts';
import type { AnyModule } from '../nn/module.ts';
import { within } from './active.ts';
import { GraphError } from './errors.ts';
import type { Graph } from './graph.ts';
import { type Argument, BatchSize, inputsOf, isNode, mapArgument, type Node } from './node.ts';

/** Runs a graph. Subclasses override `runNode` to look at, count or replace what nodes compute. */
export class Interpreter {
  readonly graph: Graph;
  /** Owns the parameters and leaf modules. */
  readonly root: AnyModule;
  readonly #state: Map<string, Tensor>;
  readonly #modules = new Map<string, AnyModule>();
  /** For each position, the nodes that nothing after it uses. */
  readonly #finished: readonly (readonly Node[])[];
  #values = new Map<Node, unknown>();
  #batch: number | undefined;

  constructor(graph: Graph, root: AnyModule = graph.root) {
    this.graph = graph;
    this.root = root;
    this.#state = new Map<string, Tensor>([...root.namedParameters(), ...root.namedBuffers()]);
    this.#finished = lastUses(graph.nodes);
  }

  /** Runs a graph once. `inputs` are the arguments that forward took. */
  static run(graph: Graph, inputs: readonly unknown[]): unknown {
    return new Interpreter(graph).run(...inputs);
  }

  /**
   * Runs the graph. Intermediate results are released as early as possible.
   *
   * @throws {ArgumentError} when the inputs have another structure than those of the capture
   */
  run(...inputs: unknown[]): unknown {
    const outer = this.#values;
    const outerBatch = this.#batch;
    try {
      return scope(() => {
        this.#values = new Map();
        const { signature, batchSource } = this.graph;
        if (inputs.length !== signature.length) {
          throw new ArgumentError('inputs', `Expected ${signature.length} inputs but received ${inputs.length}`);
        }
        signature.forEach((expected, i) => {
          this.#bindInput(expected, inputs[i], `inputs[${i}]`);
        });
        this.#batch =
          batchSource === undefined ? undefined : (this.#values.get(batchSource.node) as Tensor).size(batchSource.dim);
        return this.#runAll();
      });
    } finally {
      this.#values = outer;
      this.#batch = outerBatch;
    }
  }

  /** What a node computes. `args` are its arguments with nodes replaced by their values. */
  protected runNode(node: Node, args: readonly unknown[]): unknown {
    switch (node.kind) {
      case 'placeholder':
        return this.#values.get(node);
      case 'parameter':
        return this.parameter(node.key);
      case 'constant':
        return this.graph.constants.get(node.name);
      case 'module':
        return within(node.modulePath, () => this.module(node.target)(...args));
      case 'call':
        return within(node.modulePath, () => callOp(node.operator, ...args));
      case 'item':
        return (args[0] as Record<string | number, unknown>)[node.key];
      case 'output':
        return args[0];
    }
  }

  /** A parameter or buffer by its key. @throws {GraphError} */
  parameter(key: string): Tensor {
    const found = this.#state.get(key);
    if (found === undefined)
      throw new GraphError(`The graph uses '${key}', but its module has no such parameter or buffer`);
    return found;
  }

  /** A leaf module by its path. */
  module(path: string): AnyModule {
    let found = this.#modules.get(path);
    if (found === undefined) {
      found = this.root.getSubmodule(path);
      this.#modules.set(path, found);
    }
    return found;
  }

  #runAll(): unknown {
    const values = this.#values;
    // An in-place layer returns the very tensor that it was given, so values are counted by tensor.
    const holders = new Map<Tensor, number>();
    let result: unknown;
    this.graph.nodes.forEach((node, position) => {
      const args = mapArgument(node.args, (leaf) =>
        isNode(leaf) ? values.get(leaf) : this.#sizeOf(leaf),
      ) as unknown[];
      const value = this.runNode(node, args);
      values.set(node, value);
      eachTensor(value, (tensor) => holders.set(tensor, (holders.get(tensor) ?? 0) + 1));
      if (node.kind === 'output') result = value;
      for (const done of this.#finished[position] ?? []) {
        eachTensor(values.get(done), (tensor) => {
          const left = (holders.get(tensor) ?? 1) - 1;
          holders.set(tensor, left);
          if (left === 0) releaseIfOwned(tensor);
        });
        values.delete(done);
      }
    });
    return result;
  }

  #sizeOf(size: BatchSize): number {
    if (this.#batch === undefined)
      throw new GraphError('The graph depends on the batch size but does not say where to read it');
    return size.at(this.#batch);
  }

  #bindInput(expected: Argument, given: unknown, place: string): void {
    if (isNode(expected)) {
      if (!(given instanceof Tensor)) throw ArgumentError.expected(place, 'a Tensor', given);
      this.#values.set(expected, given);
    } else if (typeof expected === 'object' && expected !== null && !(expected instanceof BatchSize)) {
      if (typeof given !== 'object' || given === null || Array.isArray(given) !== Array.isArray(expected)) {
        throw ArgumentError.expected(place, Array.isArray(expected) ? 'an array' : 'a record', given);
      }
      const keys = Object.keys(expected);
      if (keys.length !== Object.keys(given).length) {
        throw new ArgumentError(
          place,
          `Expected ${keys.length} entries (${keys.join(', ')}) for ${place} but received ${describeValue(given)}`,
        );
      }
      for (const key of keys) {
        this.#bindInput(
          (expected as Record<string, Argument>)[key],
          (given as Record<string, unknown>)[key],
          `${place}.${key}`,
        );
      }
    } else if (given !== expected) {
      throw new ArgumentError(
        place,
        `Expected ${String(expected)} for ${place}, as in the capture, but received ${describeValue(given)}`,
      );
    }
  }
}

/** For each position in the list, the nodes whose last use is there. The output and what it returns are never finished. */
function lastUses(nodes: readonly Node[]): Node[][] {
  const finished: Node[][] = nodes.map(() => []);
  const seen = new Set<Node>();
  for (let position = nodes.length - 1; position >= 0; position--) {
    const node = nodes[position];
    if (node === undefined) continue;
    for (const used of [node, ...inputsOf(node)]) {
      if (seen.has(used)) continue;
      seen.add(used);
      if (node.kind !== 'output') finished[position]?.push(used);
    }
  }
  return finished;
}
