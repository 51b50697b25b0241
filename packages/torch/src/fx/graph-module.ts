/** @file GraphModule: a graph as a module, with the state-dict keys of the network that it came from. */

import type { Tensor } from '../core/tensor.ts';
import { ArgumentError } from '../errors.ts';
import { copyModuleWith } from '../nn/copy.ts';
import { type AnyModule, Module } from '../nn/module.ts';
import type { Graph } from './graph.ts';
import { Interpreter } from './interpreter.ts';
import type { Node } from './node.ts';

/** The classes that holders stand for; beside them, because their own properties are their children. */
const originals = new WeakMap<AnyModule, string>();

/** Stands for a module whose forward is now in the graph: keeps its children and parameters under their names. */
class Holder extends Module<never[], never> {
  constructor(original: string) {
    super();
    originals.set(this, original);
  }

  override extraRepr(): string {
    return originals.get(this) ?? '';
  }

  forward(): never {
    throw new ArgumentError('this', `This ${originals.get(this) ?? 'module'} is part of a graph; call the GraphModule`);
  }
}

/**
 * Runs a graph and is a module itself. Parameters, buffers and leaf modules are those of the graph's network, shared and not
 * copied; the modules above the leaves are replaced by holders, so that editing this one leaves the network alone.
 *
 * ```ts
 * const traced = new fx.GraphModule(fx.capture(model, [x]));
 * traced(x); // equals model(x)
 * ```
 */
export class GraphModule<Args extends unknown[] = [Tensor], Out = Tensor> extends Module<Args, Out> {
  /** Edits show at the next call, after `recompile()`. */
  declare readonly graph: Graph;
  declare private interpreter: Interpreter | undefined;
  /** Parameters and buffers of the original network. */
  readonly #shared: ReadonlySet<Tensor>;

  /**
   * @param graph copied; the caller keeps and disposes its own
   * @param alongside other graphs of the same network, whose leaf modules stay whole too
   */
  constructor(graph: Graph, ...alongside: readonly Graph[]) {
    super();
    const { root } = graph;
    const whole = new Set<AnyModule>(
      [graph, ...alongside].flatMap(({ nodes }) =>
        nodes.flatMap((node) => (node.kind === 'module' ? [root.getSubmodule(node.target)] : [])),
      ),
    );
    const copies = new Map<AnyModule, AnyModule>();
    copyInto(this as AnyModule, root, whole, copies);
    // Neither may look like a child, nor be listed when the module is printed.
    Object.defineProperty(this, 'graph', { value: graph.copy(this as AnyModule), enumerable: false });
    Object.defineProperty(this, 'interpreter', { value: undefined, enumerable: false, writable: true });
    this.#shared = new Set<Tensor>([...root.parameters(), ...root.buffers()]);
    this.training = root.training;
  }

  forward(...inputs: Args): Out {
    this.interpreter ??= new Interpreter(this.graph);
    return this.interpreter.run(...inputs) as Out;
  }

  /** Takes note of edits of the graph or of the modules below. */
  recompile(): this {
    this.graph.lint();
    this.interpreter = undefined;
    return this;
  }

  /** Puts a module in the place of the one at `path`. @throws {ArgumentError} when there is none */
  setSubmodule(path: string, module: AnyModule): void {
    this.getSubmodule(path);
    const { owner, name } = this.#place(path);
    owner[name] = module;
  }

  /** Adds a module under a path that is free; its owner must exist. @throws {ArgumentError} */
  addSubmodule(path: string, module: AnyModule): void {
    const { owner, name } = this.#place(path);
    if (name === '' || Object.hasOwn(owner, name))
      throw new ArgumentError('path', `Expected a free path for a new module but received '${path}'`);
    owner[name] = module;
  }

  /**
   * Removes the modules, parameters and buffers that `erased` nodes named, unless nodes of the graph still name them, and holders
   * that are left empty. What the graph never used stays: it may belong to the other mode of the network.
   */
  deleteErased(erased: Iterable<Node>): this {
    const used = new Set(this.graph.nodes.map(stateOf));
    for (const node of erased) {
      let path = stateOf(node);
      if (path === undefined || used.has(path) || !this.#exists(path)) continue;
      do {
        const { owner, name } = this.#place(path);
        delete owner[name];
        path = path.slice(0, Math.max(path.lastIndexOf('.'), 0));
      } while (path !== '' && isEmptyHolder(this.getSubmodule(path)));
    }
    return this;
  }

  /** Removes the module at `path`, with its state. @throws {ArgumentError} when there is none */
  deleteSubmodule(path: string): void {
    this.getSubmodule(path);
    const { owner, name } = this.#place(path);
    delete owner[name];
  }

  /** Removes the modules, parameters and buffers that neither this graph nor those alongside it use. */
  deleteUnused(...alongside: readonly Graph[]): this {
    const used = new Set<string>();
    const keep = (path: string) => {
      for (let at = path.length; at > 0; at = path.lastIndexOf('.', at - 1)) used.add(path.slice(0, at));
    };
    const whole = new Set<string>();
    for (const node of [this.graph, ...alongside].flatMap(({ nodes }) => nodes)) {
      if (node.kind === 'parameter') keep(node.key);
      if (node.kind !== 'module') continue;
      keep(node.target);
      whole.add(node.target);
    }
    const prune = (module: AnyModule, path: string): void => {
      const owner = module as unknown as Record<string, unknown>;
      const inside = (name: string) => (path === '' ? name : `${path}.${name}`);
      for (const [name] of [...module.ownParameters(), ...module.ownBuffers()])
        if (!used.has(inside(name))) delete owner[name];
      for (const [name, child] of [...module.namedChildren()]) {
        if (!used.has(inside(name))) delete owner[name];
        else if (!whole.has(inside(name)) && child instanceof Holder) prune(child, inside(name));
      }
    };
    prune(this as AnyModule, '');
    return this;
  }

  /** A copy with a graph, parameters and leaf modules of its own. Subclasses whose constructor takes more than a graph override this. */
  [copyModuleWith](copyValue: <T>(value: T) => T): this {
    const copy = Reflect.construct(GraphModule, [this.graph], this.constructor) as this;
    copyState(this as AnyModule, copy as AnyModule, copyValue);
    return copy;
  }

  /** Releases the graph's constants and the parameters that a transformation made; those of the network stay. */
  override dispose(): void {
    this.graph.dispose();
    for (const tensor of [...this.parameters(), ...this.buffers()]) if (!this.#shared.has(tensor)) tensor.dispose();
  }

  #exists(path: string): boolean {
    let at: unknown = this;
    for (const part of path.split('.')) at = (at as Record<string, unknown> | undefined)?.[part];
    return at !== undefined;
  }

  #place(path: string): { owner: Record<string, unknown>; name: string } {
    const at = path.lastIndexOf('.');
    return {
      owner: this.getSubmodule(path.slice(0, Math.max(at, 0))) as unknown as Record<string, unknown>,
      name: path.slice(at + 1),
    };
  }
}

/** Replaces what `target` shares with `source` by copies; both have the same holders. */
function copyState(source: AnyModule, target: AnyModule, copyValue: <T>(value: T) => T): void {
  const owner = target as unknown as Record<string, unknown>;
  target.training = source.training;
  for (const [name, tensor] of [...source.ownParameters(), ...source.ownBuffers()]) owner[name] = copyValue(tensor);
  for (const [name, child] of source.namedChildren()) {
    const twin = owner[name];
    // A holder without children is taken as a layer and shared.
    if (child instanceof Holder && twin instanceof Holder && twin !== child)
      copyState(child as AnyModule, twin as AnyModule, copyValue);
    else owner[name] = copyValue(child);
  }
}

/** What a node names in the module tree: a module's path or a parameter's key. */
function stateOf(node: Node): string | undefined {
  return node.kind === 'module' ? node.target : node.kind === 'parameter' ? node.key : undefined;
}

function isEmptyHolder(module: AnyModule): boolean {
  return module instanceof Holder && Object.keys(module).length === 0;
}

function copyInto(
  target: AnyModule,
  source: AnyModule,
  whole: ReadonlySet<AnyModule>,
  copies: Map<AnyModule, AnyModule>,
): void {
  const owner = target as unknown as Record<string, unknown>;
  // In the order of the original, so that the state dict's keys are too.
  for (const [name, tensor] of [...source.ownParameters(), ...source.ownBuffers()]) owner[name] = tensor;
  for (const [name, child] of source.namedChildren()) owner[name] = copyOf(child, whole, copies);
}

function copyOf(module: AnyModule, whole: ReadonlySet<AnyModule>, copies: Map<AnyModule, AnyModule>): AnyModule {
  if (whole.has(module) || module.children().length === 0) return module;
  let copy = copies.get(module);
  if (copy === undefined) {
    copy = new Holder(module.constructor.name);
    copies.set(module, copy);
    copyInto(copy, module, whole, copies);
    copy.training = module.training;
  }
  return copy;
}
