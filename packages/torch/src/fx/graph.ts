/** @file The graph of a network: its nodes in the order of execution, with the few edits that transformations need. */

import { dispose, keep } from '../core/scope.ts';
import type { Tensor } from '../core/tensor.ts';
import type { AnyModule } from '../nn/module.ts';
import { GraphError } from './errors.ts';
import { formatGraph } from './format.ts';
import { identifier, Names } from './names.ts';
import {
  type Argument,
  inputsOf,
  isNode,
  type Meta,
  mapArgument,
  markNode,
  type Node,
  type OutputNode,
  type PlaceholderNode,
} from './node.ts';

/** What a new node needs; name and id are given by the graph. */
export type NodeInit = (
  | { kind: 'placeholder' | 'constant' | 'output' }
  | { kind: 'parameter'; key: string }
  | { kind: 'module'; target: string }
  | { kind: 'call'; operator: Extract<Node, { kind: 'call' }>['operator'] }
  | { kind: 'item'; key: number | string }
) & {
  /** Where in the module tree; made unique by a suffix. */
  path: string;
  args?: readonly Argument[];
  meta?: Meta;
  modulePath?: string;
};

/** Where the size of the batch is read: a dimension of an input. */
export interface BatchSource {
  readonly node: PlaceholderNode;
  readonly dim: number;
}

/**
 * A network as data. `root` owns parameters, buffers and leaf modules; `signature` is the structure of the inputs, with
 * placeholders where tensors go.
 */
export class Graph {
  readonly root: AnyModule;
  /** Tensors that forward found outside: value by node name. The graph owns them. */
  readonly constants = new Map<string, Tensor>();
  signature: readonly Argument[] = [];
  /** A name for each positional input. */
  inputNames: readonly string[] = [];
  batchSource: BatchSource | undefined;
  #nodes: Node[] = [];
  #next = 0;
  readonly #names = new Names();
  readonly #paths = new Names();

  constructor(root: AnyModule) {
    this.root = root;
  }

  /** All nodes in the order of execution. */
  get nodes(): readonly Node[] {
    return this.#nodes;
  }

  get placeholders(): PlaceholderNode[] {
    return this.#nodes.filter((node) => node.kind === 'placeholder');
  }

  /** @throws {GraphError} while there is none */
  get output(): OutputNode {
    const last = this.#nodes.at(-1);
    if (last?.kind !== 'output') throw new GraphError('The graph has no output yet');
    return last;
  }

  /** The node of this name. @throws {GraphError} */
  node(name: string): Node {
    const found = this.#nodes.find((node) => node.name === name);
    if (found === undefined) throw new GraphError(`The graph has no node '${name}'`);
    return found;
  }

  /** Appends a node, or inserts it before another. */
  add(init: NodeInit, before?: Node): Node {
    const path = this.#paths.take(init.path);
    const { args = [], meta = null, modulePath = '' } = init;
    const node = markNode({
      ...init,
      id: this.#next++,
      name: this.#names.take(identifier(path)),
      path,
      args,
      meta,
      modulePath,
    });
    if (before === undefined) this.#nodes.push(node);
    else this.#nodes.splice(this.#position(before), 0, node);
    return node;
  }

  /** Which nodes use each node's result. */
  users(): Map<Node, Node[]> {
    const result = new Map<Node, Node[]>(this.#nodes.map((node) => [node, []]));
    for (const node of this.#nodes) for (const input of new Set(inputsOf(node))) result.get(input)?.push(node);
    return result;
  }

  /** Lets every node that uses `old` use `replacement` instead. */
  replaceUses(old: Node, replacement: Node): void {
    for (const node of this.#nodes) {
      if (node !== replacement && inputsOf(node).includes(old))
        node.args = substitute(node.args, (leaf) => (leaf === old ? replacement : leaf));
    }
  }

  /** Takes a node out. @throws {GraphError} while others use it */
  erase(node: Node): void {
    const user = this.#nodes.find((other) => inputsOf(other).includes(node));
    if (user !== undefined) throw new GraphError(`'${node.name}' cannot be erased: '${user.name}' uses it`);
    this.#nodes.splice(this.#position(node), 1);
    this.constants.get(node.name)?.dispose();
    this.constants.delete(node.name);
  }

  /** Takes out all nodes whose results nobody uses; inputs stay. */
  eliminateDeadCode(): this {
    const live = new Set<Node>();
    for (const node of [...this.#nodes].reverse()) {
      if (node.kind === 'output' || node.kind === 'placeholder') live.add(node);
      if (live.has(node)) for (const input of inputsOf(node)) live.add(input);
    }
    for (const node of [...this.#nodes].reverse()) if (!live.has(node)) this.erase(node);
    return this;
  }

  /** Checks that nodes come after what they use and that all names differ. @throws {GraphError} */
  lint(): this {
    const seen = new Set<Node>();
    const names = new Set<string>();
    for (const node of this.#nodes) {
      for (const input of inputsOf(node)) {
        if (!seen.has(input))
          throw new GraphError(`'${node.name}' uses '${input.name}', which does not come before it`);
      }
      if (names.has(node.name)) throw new GraphError(`Two nodes have the name '${node.name}'`);
      names.add(node.name);
      seen.add(node);
    }
    return this;
  }

  /** A copy whose nodes can be edited without touching this one; constants are shared data in tensors of its own. */
  copy(root: AnyModule = this.root): Graph {
    const result = new Graph(root);
    const copies = new Map<Node, Node>();
    const translate = (leaf: Node): Node => {
      const found = copies.get(leaf);
      if (found === undefined) throw new GraphError(`'${leaf.name}' is used before it is computed`);
      return found;
    };
    for (const node of this.#nodes) {
      const { id: _, name: __, ...init } = node;
      copies.set(node, result.add({ ...init, args: substitute(node.args, translate) }));
    }
    result.inputNames = this.inputNames;
    result.signature = substitute(this.signature, translate);
    if (this.batchSource !== undefined) {
      result.batchSource = { ...this.batchSource, node: translate(this.batchSource.node) as PlaceholderNode };
    }
    for (const [old, made] of copies) {
      const value = this.constants.get(old.name);
      if (value !== undefined) result.constants.set(made.name, ownHandle(value));
    }
    return result;
  }

  /** Releases the constants. The graph cannot be run afterwards. */
  dispose(): void {
    dispose(this.constants);
    this.constants.clear();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** One line a node: name, shape, what it does. */
  toString(): string {
    return formatGraph(this.#nodes);
  }

  #position(node: Node): number {
    const found = this.#nodes.indexOf(node);
    if (found < 0) throw new GraphError(`'${node.name}' is not in this graph`);
    return found;
  }
}

function substitute(args: readonly Argument[], replace: (node: Node) => Node): readonly Argument[] {
  return mapArgument(args, (leaf) => (isNode(leaf) ? replace(leaf) : leaf)) as readonly Argument[];
}

/** A tensor over the same data that lives until it is disposed. */
function ownHandle(value: Tensor): Tensor {
  return keep(value.detach());
}
