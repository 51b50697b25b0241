/**
 * @file A capture in progress: listens to operator and module calls and appends nodes.
 *
 * A JavaScript tensor object stands for one value at a time. An in-place operator gives the object a new node (its functional
 * counterpart), so that the graph is in single-assignment form.
 */

import type { Operator } from '../core/dispatch.ts';
import { isOptions } from '../core/dispatch.ts';
import { keep } from '../core/scope.ts';
import { Tensor } from '../core/tensor.ts';
import { describeValue } from '../errors.ts';
import type { AnyModule, CallObserver } from '../nn/module.ts';
import type { ActiveCapture } from './active.ts';
import { Aliases } from './aliases.ts';
import { CaptureError } from './errors.ts';
import { functionalForm, writtenArguments } from './functional-form.ts';
import type { Graph } from './graph.ts';
import { operatorBaseName } from './names.ts';
import { type Argument, inputsOf, type Meta, type Node, type TensorMeta } from './node.ts';
import { isRandom } from './random.ts';
import { isCostly, needsValues, standIn } from './stand-ins.ts';

/** Decides which modules are recorded as one node. `path` is the module's place in the network. */
export type IsLeaf = (module: AnyModule, path: string) => boolean;

/**
 * One thing that forward does: takes an input, reads a parameter, calls a leaf module, or calls a function. Functions are
 * operators (`add`, whether in place or not), what `wrap` marks, and `getitem` for a tensor taken out of a structured result;
 * what runs inside of a marked function is no step.
 */
export interface Step {
  readonly kind: 'placeholder' | 'parameter' | 'module' | 'function';
  /** Of the input or function, key of the parameter, path of the module. */
  readonly name: string;
  /** Path of the module whose forward did it. */
  readonly modulePath: string;
  /** What came out, as an argument that a later node could take. */
  readonly value: Argument;
}

/** A tensor inside a structured result; its item node is made when something uses it. */
interface PendingItem {
  readonly parent: Node | PendingItem;
  readonly key: number | string;
  readonly meta: Meta;
}

interface LeafCall {
  readonly module: AnyModule;
  readonly target: string;
  readonly args: readonly Argument[];
  readonly tensors: readonly Tensor[];
  readonly followsInputs: boolean;
  /** Calls of itself or of modules inside that have begun and not ended. */
  depth: number;
  readonly written: Map<Tensor, string>;
}

/** @internal Thrown where a capture with stand-ins comes upon an operator that needs real values. */
export class ValuesNeeded extends Error {}

/** @internal */
export class Recording implements CallObserver, ActiveCapture {
  readonly graph: Graph;
  readonly #isLeaf: IsLeaf;
  readonly #onStep: ((step: Step) => void) | undefined;
  readonly #paths: ReadonlyMap<AnyModule, string>;
  /** Parameters and buffers of the network by identity. */
  readonly #state: Map<Tensor, string>;
  readonly #values = new Map<Tensor, Node | PendingItem>();
  readonly #aliases = new Aliases();
  /** Nodes whose value follows neither from the inputs nor from the network's state. */
  readonly #fixed = new Set<Node>();
  /** What is known of nodes: whether their values follow from the inputs. */
  readonly #following = new Map<Node, boolean>();
  #standIns = 0;
  readonly #frames: { module: AnyModule | null; path: string }[] = [];
  #leaf: LeafCall | undefined;
  /** Calls of marked functions that have begun and not ended. */
  #wrapped = 0;
  #paused = false;

  constructor(graph: Graph, isLeaf: IsLeaf, onStep?: (step: Step) => void) {
    this.graph = graph;
    this.#isLeaf = isLeaf;
    this.#onStep = onStep;
    const { root } = graph;
    this.#paths = new Map(Array.from(root.namedModules(), ([path, module]) => [module, path]));
    this.#state = new Map<Tensor, string>();
    for (const [key, tensor] of [...root.namedParameters(), ...root.namedBuffers()]) this.#state.set(tensor, key);
  }

  get modulePath(): string {
    return this.#frames.at(-1)?.path ?? '';
  }

  /** Makes the placeholder of an input tensor. */
  input(tensor: Tensor, name: string): Node {
    const known = this.#values.get(tensor);
    if (known !== undefined && 'kind' in known) return known;
    const node = this.graph.add({ kind: 'placeholder', path: name, meta: metaOf(tensor) });
    this.#values.set(tensor, node);
    this.#step('placeholder', name, node);
    return node;
  }

  output(value: unknown): void {
    const argument = this.#convert(value);
    const meta = value instanceof Tensor ? metaOf(value) : null;
    this.graph.add({ kind: 'output', path: 'output', args: [argument], meta });
    this.#dropUnusedConstants();
  }

  /** Runs `fn` as if the module of this path called it. */
  within<T>(path: string, fn: () => T): T {
    if (this.#leaf !== undefined) return fn();
    this.#frames.push({ module: null, path });
    try {
      return fn();
    } finally {
      this.#frames.pop();
    }
  }

  wrapped<T>(name: string, args: readonly unknown[], fn: () => T): T {
    if (this.#leaf !== undefined || this.#wrapped > 0 || this.#onStep === undefined) return fn();
    // Parameters are read in the order of the arguments, before the function runs.
    for (const tensor of tensorsIn(args)) if (this.#state.has(tensor)) this.#lookUp(tensor);
    this.#wrapped++;
    let result: T;
    try {
      result = fn();
    } finally {
      this.#wrapped--;
    }
    if (tensorsIn(result).length > 0) this.#step('function', name, this.#convert(result));
    return result;
  }

  /** Receives every reading of a tensor's values. */
  readonly noteRead = (tensor: Tensor, method: string): void => {
    if (this.#paused || this.#leaf !== undefined) return;
    if (!this.#followsInputs(tensor)) return;
    throw this.#error(
      `${method} reads a value that depends on the inputs: whatever forward decides by it would be decided for good. Capture the parts of the network by themselves (captureParts), or take this module as one step (isLeaf)`,
    );
  };

  #followsInputs(tensor: Tensor): boolean {
    let value = this.#values.get(tensor);
    while (value !== undefined && !('kind' in value)) value = value.parent;
    return value !== undefined && dependsOnInputs(value, this.#following);
  }

  #step(kind: Step['kind'], name: string, value: Argument): void {
    if (this.#wrapped === 0) this.#onStep?.({ kind, name, modulePath: this.modulePath, value });
  }

  enter(module: AnyModule, args: readonly unknown[]): void {
    if (this.#leaf !== undefined) {
      this.#leaf.depth++;
      return;
    }
    const path = this.#paths.get(module);
    // The network itself is always looked into; modules made during forward have no path, so no node could name them.
    if (path !== undefined && path !== '' && this.#isLeaf(module, path)) {
      const tensors = tensorsIn(args);
      this.#leaf = {
        module,
        target: path,
        args: this.#convert(args) as readonly Argument[],
        tensors,
        followsInputs: tensors.some((tensor) => this.#followsInputs(tensor)),
        depth: 0,
        written: new Map(),
      };
    } else {
      this.#frames.push({ module, path: path ?? this.modulePath });
    }
  }

  leave(module: AnyModule, output: unknown): void {
    const leaf = this.#leaf;
    if (leaf === undefined) {
      this.#frames.pop();
    } else if (leaf.depth > 0) {
      leaf.depth--;
    } else {
      this.#leaf = undefined;
      this.#finishLeaf(leaf, output, module);
    }
  }

  #finishLeaf(leaf: LeafCall, output: unknown, module: AnyModule): void {
    const outputs = tensorsIn(output);
    const own = new Set<Tensor>([...module.parameters(), ...module.buffers()]);
    for (const [tensor, operator] of leaf.written) {
      // A layer's running statistics are its own affair; its input is ours, unless it is what the layer returns.
      if (own.has(tensor) || outputs.includes(tensor)) continue;
      if (this.#values.has(tensor) || this.#state.has(tensor)) this.#aliases.invalidate(tensor, operator);
    }
    const node = this.graph.add({
      kind: 'module',
      target: leaf.target,
      path: leaf.target,
      args: leaf.args,
      modulePath: this.modulePath,
    });
    this.#bind(node, output);
    this.#step('module', leaf.target, node);
    for (const tensor of outputs) this.#aliases.note(tensor, leaf.tensors);
  }

  /** Gives what stands in for the result of an operator, where that is costly and nobody can know. */
  readonly standIn = (operator: Operator, args: readonly unknown[]): Tensor | undefined => {
    if (this.#paused) return undefined;
    if (this.#standIns > 0 && needsValues(operator, args)) throw new ValuesNeeded();
    if (!isCostly(operator)) return undefined;
    const follows = this.#leaf?.followsInputs ?? tensorsIn(args).some((tensor) => this.#followsInputs(tensor));
    if (!follows) return undefined;
    this.#paused = true;
    try {
      const made = standIn(operator, args);
      if (made !== undefined) this.#standIns++;
      return made;
    } finally {
      this.#paused = false;
    }
  };

  /** Receives every operator call. */
  readonly record = (operator: Operator, args: readonly unknown[], result: unknown): void => {
    if (this.#paused) return;
    const written = writtenArguments(operator);
    if (this.#leaf !== undefined) {
      for (const position of written) {
        for (const tensor of tensorsIn(args[position])) {
          this.#leaf.written.set(tensor, operator.qualifiedName);
          this.#aliases.write(tensor, operator.qualifiedName);
        }
      }
      if (written.length === 0) this.#noteViews(args, result);
      return;
    }
    if (written.length > 0) {
      this.#recordWrite(operator, args, result, written);
      return;
    }
    // Numbers that an operator returns are constants of this capture, like everything else that is not a tensor.
    if (tensorsIn(result).length === 0) {
      for (const tensor of result === undefined ? [] : tensorsIn(args)) this.noteRead(tensor, operator.qualifiedName);
      return;
    }
    const node = this.#addCall(operator, operator, this.#convert(args) as readonly Argument[]);
    this.#bind(node, result);
    this.#noteViews(args, result);
  };

  #recordWrite(operator: Operator, args: readonly unknown[], result: unknown, written: readonly number[]): void {
    const [target] = args;
    const name = operator.qualifiedName;
    if (written.length !== 1 || written[0] !== 0 || !(target instanceof Tensor) || result !== target) {
      throw this.#error(
        `${name} writes into a tensor that was made before; a graph cannot say that. Use the form that returns its result`,
      );
    }
    if (this.#state.has(target)) {
      throw this.#error(
        `${name} writes to '${this.#state.get(target)}', which is part of the network's state; a graph would not repeat that`,
      );
    }
    if (!this.#values.has(target))
      throw this.#error(`${name} writes to a tensor that was made outside the network's forward`);
    const form = functionalForm(operator, target, tensorsIn(args.slice(1)));
    if (typeof form === 'string') throw this.#error(form);
    const node = this.#addCall(form, operator, this.#convert(args) as readonly Argument[]);
    this.#aliases.write(target, name, !this.#fixed.has(node));
    this.#bind(node, target);
  }

  #addCall(operator: Operator, named: Operator, args: readonly Argument[]): Node {
    const base = operatorBaseName(named.name);
    const { modulePath } = this;
    const path = modulePath === '' ? base : `${modulePath}.${base}`;
    const node = this.graph.add({ kind: 'call', operator, path, args, modulePath });
    if (!isRandom(operator) && inputsOf(node).every((input) => this.#fixed.has(input))) this.#fixed.add(node);
    this.#step('function', base, node);
    return node;
  }

  #noteViews(args: readonly unknown[], result: unknown): void {
    const sources = tensorsIn(args);
    if (sources.length > 0) for (const tensor of tensorsIn(result)) this.#aliases.note(tensor, sources);
  }

  /** Says that `value`'s tensors are what `node` computes. */
  #bind(node: Node, value: unknown): void {
    if (value instanceof Tensor) {
      node.meta = metaOf(value);
      this.#values.set(value, node);
      return;
    }
    if (Array.isArray(value)) node.meta = value.map((item) => (item instanceof Tensor ? metaOf(item) : null));
    this.#bindItems(node, value);
  }

  #bindItems(parent: Node | PendingItem, value: unknown): void {
    if (typeof value !== 'object' || value === null) return;
    for (const [name, item] of Object.entries(value)) {
      const key = Array.isArray(value) ? Number(name) : name;
      if (item instanceof Tensor) this.#values.set(item, { parent, key, meta: metaOf(item) });
      else this.#bindItems({ parent, key, meta: null }, item);
    }
  }

  #materialise(value: Node | PendingItem): Node {
    if ('kind' in value) return value;
    const parent = this.#materialise(value.parent);
    const path = parent.modulePath === '' ? 'getitem' : `${parent.modulePath}.getitem`;
    const node = this.graph.add({
      kind: 'item',
      key: value.key,
      path,
      args: [parent],
      meta: value.meta,
      modulePath: parent.modulePath,
    });
    if (this.#fixed.has(parent)) this.#fixed.add(node);
    this.#step('function', 'getitem', node);
    return node;
  }

  #lookUp(tensor: Tensor): Node {
    const stale = this.#aliases.staleBecause(tensor);
    if (stale !== undefined) return this.#refresh(tensor, stale);
    const value = this.#values.get(tensor);
    if (value !== undefined) {
      const node = this.#materialise(value);
      if (node !== value) this.#values.set(tensor, node);
      return node;
    }
    const key = this.#state.get(tensor);
    const node =
      key === undefined
        ? this.#constant(tensor)
        : this.graph.add({ kind: 'parameter', key, path: key, meta: metaOf(tensor) });
    this.#values.set(tensor, node);
    if (key !== undefined) this.#step('parameter', key, node);
    return node;
  }

  /** A tensor that was written through a view: a constant if only constants were written, else no node has its value. */
  #refresh(tensor: Tensor, stale: { operator: string; dynamic: boolean }): Node {
    const before = this.#values.get(tensor);
    const fixed = before !== undefined && this.#fixed.has(this.#materialise(before));
    if (stale.dynamic || !fixed) {
      throw this.#error(
        `a tensor of shape [${tensor.shape.join(', ')}] is used after ${stale.operator} changed its memory through another tensor (a view of it, or the one it is a view of). Use the form that returns its result`,
      );
    }
    const node = this.#constant(tensor);
    this.#values.set(tensor, node);
    this.#aliases.restore(tensor);
    return node;
  }

  #constant(tensor: Tensor): Node {
    const { modulePath } = this;
    const path = modulePath === '' ? 'constant' : `${modulePath}.constant`;
    const node = this.graph.add({ kind: 'constant', path, meta: metaOf(tensor), modulePath });
    this.#fixed.add(node);
    this.#paused = true;
    try {
      // A copy: whoever made the tensor may go on changing it.
      this.graph.constants.set(node.name, keep(tensor.detach().clone()));
    } finally {
      this.#paused = false;
    }
    return node;
  }

  #convert(value: unknown): Argument {
    if (value instanceof Tensor) return this.#lookUp(value);
    if (Array.isArray(value)) return value.map((item) => this.#convert(item));
    if (isOptions(value))
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, this.#convert(item)]));
    switch (typeof value) {
      case 'number':
      case 'bigint':
      case 'boolean':
      case 'string':
      case 'undefined':
        return value;
    }
    if (value === null) return null;
    throw this.#error(`${describeValue(value)} cannot stand in a graph`);
  }

  #dropUnusedConstants(): void {
    const users = this.graph.users();
    for (const node of [...this.graph.nodes].reverse()) {
      if (!this.#fixed.has(node) || users.get(node)?.length !== 0) continue;
      this.graph.erase(node);
      for (const input of inputsOf(node)) users.set(input, users.get(input)?.filter((user) => user !== node) ?? []);
    }
  }

  #error(message: string): CaptureError {
    return new CaptureError(message, this.modulePath);
  }
}

/** Whether a node's value is computed from an input of the network. */
function dependsOnInputs(node: Node, known: Map<Node, boolean>): boolean {
  const before = known.get(node);
  if (before !== undefined) return before;
  const depends = node.kind === 'placeholder' || inputsOf(node).some((input) => dependsOnInputs(input, known));
  known.set(node, depends);
  return depends;
}

function metaOf(tensor: Tensor): TensorMeta {
  return { shape: tensor.shape, dtype: tensor.dtype };
}

/** Tensors in arrays and plain records, in order. */
function tensorsIn(value: unknown): Tensor[] {
  if (value instanceof Tensor) return [value];
  if (Array.isArray(value)) return value.flatMap(tensorsIn);
  return isOptions(value) ? Object.values(value).flatMap(tensorsIn) : [];
}
