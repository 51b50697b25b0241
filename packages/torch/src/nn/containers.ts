/** @file Modules that hold modules: in sequence, as a list, by name. */

import { releaseIfOwned } from '../core/scope.ts';
import type { Tensor } from '../core/tensor.ts';
import { ArgumentError } from '../errors.ts';
import { type AnyModule, Module } from './module.ts';
import type { Parameter } from './parameter.ts';

function setChild(owner: object, name: string, child: unknown): void {
  (owner as Record<string, unknown>)[name] = child;
}

/**
 * Feeds each module's output to the next, and releases an intermediate result as soon as it has been consumed.
 *
 * Children are named `0`, `1`, …, or by the keys of an object: `new Sequential({ conv: …, norm: … })`.
 */
export class Sequential extends Module {
  constructor(...modules: Module[] | [Record<string, Module>]) {
    super();
    const [first] = modules;
    const named =
      modules.length === 1 && first !== undefined && !(first instanceof Module) ? Object.entries(first) : undefined;
    if (named !== undefined) for (const [name, child] of named) setChild(this, name, child);
    else for (const child of modules as Module[]) this.append(child);
  }

  get size(): number {
    return this.children().length;
  }

  /** The child at a position; negative ones count from the end. @throws {ArgumentError} */
  at(position: number): Module {
    const children = this.children();
    const found = children[position < 0 ? position + children.length : position];
    if (found === undefined)
      throw new ArgumentError(
        'position',
        `Expected a position below ${children.length} for position but received ${position}`,
      );
    return found;
  }

  append(child: Module): this {
    setChild(this, String(this.size), child);
    return this;
  }

  *[Symbol.iterator](): Iterator<Module> {
    yield* this.children();
  }

  forward(input: Tensor): Tensor {
    let current = input;
    for (const [, child] of this.namedChildren()) {
      const next = child(current) as Tensor;
      // The input belongs to the caller's scope, so it is never released here.
      if (next !== current) releaseIfOwned(current);
      current = next;
    }
    return current;
  }
}

/** Modules by position. Has no forward of its own. */
export class ModuleList<M extends AnyModule = Module> extends Module<never[], never> {
  constructor(modules: Iterable<M> = []) {
    super();
    for (const module of modules) this.append(module);
  }

  get size(): number {
    return this.children().length;
  }

  at(position: number): M {
    const children = this.children() as M[];
    const found = children[position < 0 ? position + children.length : position];
    if (found === undefined)
      throw new ArgumentError(
        'position',
        `Expected a position below ${children.length} for position but received ${position}`,
      );
    return found;
  }

  append(module: M): this {
    setChild(this, String(this.size), module);
    return this;
  }

  *[Symbol.iterator](): Iterator<M> {
    yield* this.children() as M[];
  }

  forward(): never {
    throw new ArgumentError('this', 'A ModuleList cannot be called; call its members');
  }
}

/** Modules by name. Has no forward of its own. */
export class ModuleDict<M extends AnyModule = Module> extends Module<never[], never> {
  constructor(modules: Record<string, M> = {}) {
    super();
    for (const [name, module] of Object.entries(modules)) setChild(this, name, module);
  }

  get(name: string): M {
    return this.getSubmodule(name) as M;
  }

  set(name: string, module: M): this {
    setChild(this, name, module);
    return this;
  }

  has(name: string): boolean {
    return Array.from(this.namedChildren()).some(([key]) => key === name);
  }

  entries(): [string, M][] {
    return Array.from(this.namedChildren()) as [string, M][];
  }

  forward(): never {
    throw new ArgumentError('this', 'A ModuleDict cannot be called; call its members');
  }
}

/** Parameters by position. Has no forward of its own. */
export class ParameterList extends Module<never[], never> {
  constructor(parameters: Iterable<Parameter> = []) {
    super();
    let position = 0;
    for (const parameter of parameters) setChild(this, String(position++), parameter);
  }

  at(position: number): Parameter {
    const found = Array.from(this.ownParameters())[position];
    if (found === undefined) throw new ArgumentError('position', `There is no parameter ${position} in this list`);
    return found[1];
  }

  forward(): never {
    throw new ArgumentError('this', 'A ParameterList cannot be called; use its members');
  }
}
