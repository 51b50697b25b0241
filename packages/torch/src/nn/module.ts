/**
 * @file Module: a callable object whose own properties are its state dict.
 *
 * A module's own enumerable properties that are parameters, buffers or modules are its children, in the order in which they
 * were assigned; their names are PyTorch's state-dict keys. `model(x)` runs `forward` in a scope of its own, so that what
 * forward makes and does not return is released.
 */

import { inspect } from 'node:util';
import { noGrad } from '../autograd/modes.ts';
import { scope } from '../core/scope.ts';
import type { Tensor, ToOptions } from '../core/tensor.ts';
import type { Device } from '../core/types.ts';
import { type DType, isComplex, isDType, isFloatingPoint } from '../dtype.ts';
import { ArgumentError } from '../errors.ts';
import { native } from '../native.ts';
import { Buffer, Parameter } from './parameter.ts';
import { type LoadReport, type LoadStateDictOptions, loadStateDict, type StateDict, stateDict } from './state-dict.ts';

/** Sees each call before forward runs; may replace the arguments. */
export type ForwardPreHook = (module: AnyModule, args: unknown[]) => unknown[] | undefined;
/** Sees each call after forward has run; may replace the result. */
export type ForwardHook = (module: AnyModule, args: unknown[], output: unknown) => unknown;

/** A module of any signature. */
// biome-ignore lint/suspicious/noExplicitAny: parameter lists are contravariant, so only `any` admits every signature.
export type AnyModule = Module<any, any>;

interface Hooks {
  readonly before: Set<ForwardPreHook>;
  readonly after: Set<ForwardHook>;
}

const hooks = new WeakMap<AnyModule, Hooks>();

/** Told when calls of modules begin and end: how a capture knows which operators belong to which module. */
export interface CallObserver {
  enter(module: AnyModule, args: readonly unknown[]): void;
  leave(module: AnyModule, output: unknown): void;
}

let observer: CallObserver | undefined;

/** @internal Installs an observer and returns the one before. */
export function setCallObserver(next: CallObserver | undefined): CallObserver | undefined {
  const before = observer;
  observer = next;
  return before;
}

export interface Module<Args extends unknown[] = [Tensor], Out = Tensor> {
  /** Runs hooks and `forward` in a scope of its own. */
  (...args: Args): Out;
}

/**
 * Base of all networks and layers.
 *
 * ```ts
 * class Net extends nn.Module {
 *   readonly conv = new nn.Conv2d(3, 8, 3);
 *   readonly fc = new nn.Linear(8, 10);
 *   forward(x: Tensor): Tensor {
 *     return this.fc(this.conv(x).relu().mean([2, 3]));
 *   }
 * }
 * ```
 *
 * Networks with other signatures name them: `class Pair extends nn.Module<[Tensor, Tensor], Tensor>`.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the interface is the call signature, which the constructor makes true.
export abstract class Module<Args extends unknown[] = [Tensor], Out = Tensor> {
  /** True while training: dropout drops, batch norm uses and updates batch statistics. Set by `train()` and `eval()`. */
  training!: boolean;

  constructor() {
    const self = ((...args: Args) => callModule(self, args)) as unknown as this;
    Object.setPrototypeOf(self, new.target.prototype);
    // A function has these two of its own; a child module may bear such a name.
    Reflect.deleteProperty(self, 'name');
    Reflect.deleteProperty(self, 'length');
    Object.defineProperty(self, 'training', { value: true, writable: true, enumerable: false, configurable: true });
    // biome-ignore lint/correctness/noConstructorReturn: this is what makes instances callable.
    return self;
  }

  /** What the module computes. Call the module itself, not this: hooks and scopes live there. */
  abstract forward(...args: Args): Out;

  /** Parameters of this module alone, by name; `null` ones are left out. */
  *ownParameters(): Generator<[string, Parameter]> {
    for (const [name, value] of Object.entries(this)) if (value instanceof Parameter) yield [name, value];
  }

  /** Buffers of this module alone. */
  *ownBuffers(): Generator<[string, Buffer]> {
    for (const [name, value] of Object.entries(this)) if (value instanceof Buffer) yield [name, value];
  }

  /** Direct children by name. */
  *namedChildren(): Generator<[string, AnyModule]> {
    for (const [name, value] of Object.entries(this)) if (value instanceof Module) yield [name, value];
  }

  children(): AnyModule[] {
    return Array.from(this.namedChildren(), ([, child]) => child);
  }

  /** This module (as `''`) and all below, depth first; each object once. */
  *namedModules(prefix = '', seen: Set<AnyModule> = new Set()): Generator<[string, AnyModule]> {
    if (seen.has(this)) return;
    seen.add(this);
    yield [prefix, this];
    for (const [name, child] of this.namedChildren()) yield* child.namedModules(join(prefix, name), seen);
  }

  modules(): AnyModule[] {
    return Array.from(this.namedModules(), ([, module]) => module);
  }

  /** All parameters by state-dict key; one that several modules share appears once. */
  *namedParameters(): Generator<[string, Parameter]> {
    const seen = new Set<Parameter>();
    for (const [path, module] of this.namedModules()) {
      for (const [name, parameter] of module.ownParameters()) {
        if (seen.has(parameter)) continue;
        seen.add(parameter);
        yield [join(path, name), parameter];
      }
    }
  }

  parameters(): Parameter[] {
    return Array.from(this.namedParameters(), ([, parameter]) => parameter);
  }

  *namedBuffers(): Generator<[string, Buffer]> {
    const seen = new Set<Buffer>();
    for (const [path, module] of this.namedModules()) {
      for (const [name, buffer] of module.ownBuffers()) {
        if (seen.has(buffer)) continue;
        seen.add(buffer);
        yield [join(path, name), buffer];
      }
    }
  }

  buffers(): Buffer[] {
    return Array.from(this.namedBuffers(), ([, buffer]) => buffer);
  }

  /** The module at a path like `layer1.0.conv1`. @throws {ArgumentError} naming the part that does not exist */
  getSubmodule(path: string): AnyModule {
    let current: AnyModule = this;
    for (const part of path === '' ? [] : path.split('.')) {
      const next: unknown = (current as unknown as Record<string, unknown>)[part];
      if (!(next instanceof Module)) {
        const known =
          current.children().length > 0 ? Array.from(current.namedChildren(), ([name]) => name).join(', ') : 'none';
        throw new ArgumentError('path', `No module '${part}' in path '${path}'; children there: ${known}`);
      }
      current = next;
    }
    return current;
  }

  /** Tensors by key, in PyTorch's order. They are the module's own, not copies. */
  stateDict(): StateDict {
    return stateDict(this);
  }

  /**
   * Copies tensors into this module's parameters and buffers by key.
   *
   * @throws {StateDictError} listing missing, unexpected and mismatching keys, unless `strict: false` (which still refuses
   * mismatching shapes unless `ignoreMismatched`)
   */
  loadStateDict(state: StateDict, options: LoadStateDictOptions = {}): LoadReport {
    return loadStateDict(this, state, options);
  }

  /**
   * Brings entries of older or foreign state dicts into the form of this module: changes `state`, a copy of what is to be
   * loaded, where `prefix` stands before each of the module's own keys. Loading calls it for every module, the outer ones
   * first. Overridden by modules whose keys have changed.
   */
  adaptState(_state: StateDict, _prefix: string): void {}

  /** Training mode for this module and all below. */
  train(mode = true): this {
    for (const [, module] of this.namedModules()) module.setTraining(mode);
    return this;
  }

  /** Evaluation mode for this module and all below. */
  eval(): this {
    return this.train(false);
  }

  /** What `train` and `eval` do to one module; overridden by modules that stay in one mode. */
  setTraining(mode: boolean): void {
    this.training = mode;
  }

  /** Whether all parameters are trained. */
  requiresGrad_(value = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad = value;
    return this;
  }

  /** Drops all gradients, or fills them with zeros. */
  zeroGrad(options: { setToNone?: boolean } = {}): void {
    scope(() => {
      for (const parameter of this.parameters()) {
        if (options.setToNone ?? true) parameter.grad = null;
        else parameter.grad?.zero_();
      }
    });
  }

  /** Calls `fn` on every module, children first. */
  apply(fn: (module: AnyModule) => void): this {
    for (const child of this.children()) child.apply(fn);
    fn(this);
    return this;
  }

  /**
   * Moves or converts parameters and buffers in place. A dtype applies to floating-point tensors only; a memory format to
   * tensors of 4 (channels_last) or 5 (channels_last_3d) dimensions.
   */
  to(target: DType | Device | Omit<ToOptions, 'copy' | 'layout'>): this {
    const options: ToOptions =
      typeof target === 'object' ? target : isDType(target) ? { dtype: target } : { device: target };
    const { memoryFormat, dtype, ...rest } = options;
    const dimensions = memoryFormat === 'channels_last' ? 4 : memoryFormat === 'channels_last_3d' ? 5 : undefined;
    noGrad(() => {
      for (const tensor of [...this.parameters(), ...this.buffers()]) {
        scope(() => {
          const wanted: ToOptions = { ...rest };
          if (dtype !== undefined && (isFloatingPoint(tensor.dtype) || isComplex(tensor.dtype))) wanted.dtype = dtype;
          if (dimensions === undefined ? memoryFormat !== undefined : tensor.ndim === dimensions)
            wanted.memoryFormat = memoryFormat;
          if (Object.keys(wanted).length === 0) return;
          replaceData(tensor, tensor.detach().to(wanted));
          const gradient = tensor.grad;
          if (gradient !== null) replaceData(gradient, gradient.detach().to(wanted));
        });
      }
    });
    return this;
  }

  /** Adds a hook that runs before forward; the returned function removes it. */
  registerForwardPreHook(hook: ForwardPreHook): () => void {
    const { before } = hooksOf(this);
    before.add(hook);
    return () => before.delete(hook);
  }

  /** Whether a call does more than `forward`. */
  get hasForwardHooks(): boolean {
    const found = hooks.get(this);
    return found !== undefined && found.before.size + found.after.size > 0;
  }

  /** Adds a hook that runs after forward; the returned function removes it. */
  registerForwardHook(hook: ForwardHook): () => void {
    const { after } = hooksOf(this);
    after.add(hook);
    return () => after.delete(hook);
  }

  /** Releases all parameters and buffers. The module must not be used afterwards. */
  dispose(): void {
    for (const tensor of [...this.parameters(), ...this.buffers()]) tensor.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** What stands between the parentheses when the module is printed. */
  extraRepr(): string {
    return '';
  }

  toString(): string {
    const lines = Array.from(
      this.namedChildren(),
      ([name, child]) => `(${name}): ${child.toString().replaceAll('\n', '\n  ')}`,
    );
    const head = `${this.constructor.name}(${this.extraRepr()}`;
    return lines.length === 0 ? `${head})` : `${head}\n  ${lines.join('\n  ')}\n)`;
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

function join(prefix: string, name: string): string {
  return prefix === '' ? name : `${prefix}.${name}`;
}

function hooksOf(module: AnyModule): Hooks {
  let found = hooks.get(module);
  if (found === undefined) {
    found = { before: new Set(), after: new Set() };
    hooks.set(module, found);
  }
  return found;
}

function replaceData(tensor: Tensor, data: Tensor): void {
  if (data !== tensor) native.setData(tensor._handle, data._handle);
}

// Instances are functions whose prototype is their class, so they lack what functions inherit; compiled code that calls a module
// held in a private field needs it.
for (const name of ['call', 'bind'] as const) {
  Object.defineProperty(Module.prototype, name, {
    value: Function.prototype[name],
    writable: true,
    configurable: true,
    enumerable: false,
  });
}

function callModule<Args extends unknown[], Out>(module: Module<Args, Out>, given: Args): Out {
  return scope(() => {
    let args = given;
    const found = hooks.get(module);
    if (found !== undefined) for (const hook of found.before) args = (hook(module, args) as Args | undefined) ?? args;
    observer?.enter(module, args);
    let output = module.forward(...args);
    observer?.leave(module, output);
    if (found !== undefined)
      for (const hook of found.after) output = (hook(module, args, output) as Out | undefined) ?? output;
    return output;
  });
}
