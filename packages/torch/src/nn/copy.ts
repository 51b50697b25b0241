/**
 * @file An independent copy of a module tree, for averaged weights and for transformations that must leave the original as
 * it is.
 */

import { noGrad } from '../autograd/modes.ts';
import { keep, scope } from '../core/scope.ts';
import { Tensor } from '../core/tensor.ts';
import { type AnyModule, Module } from './module.ts';
import { Buffer, Parameter } from './parameter.ts';

/**
 * A deep copy of `module`: a callable module of the same class with parameters, buffers and children of its own, in the same
 * mode. What is shared inside (tied weights, a module under two names) is shared in the copy.
 *
 * Arrays, maps, sets and plain objects are copied with their content; functions and instances of other classes are not, both
 * modules refer to them. Hooks and gradients are not copied. The constructor does not run, so a module must keep its state in
 * ordinary properties: private `#fields` do not exist in a copy.
 */
export function cloneModule<M extends AnyModule>(module: M): M {
  return noGrad(() => scope(() => copyModule(module, new Map()) as M));
}

/**
 * A method under this name makes the copy of its module, for classes that cannot be copied property by property. `copyValue` copies a
 * property's value, and gives the same copy for the same value.
 */
export const copyModuleWith: unique symbol = Symbol('copyModuleWith');

interface CopiesItself extends AnyModule {
  [copyModuleWith](copyValue: <T>(value: T) => T): AnyModule;
}

/** Copies made so far, by original. */
type Copies = Map<object, unknown>;

function copyModule(source: AnyModule, copies: Copies): AnyModule {
  const known = copies.get(source);
  if (known !== undefined) return known as AnyModule;
  if (copyModuleWith in source) {
    const made = (source as CopiesItself)[copyModuleWith]((value) => copyValue(value, copies) as typeof value);
    copies.set(source, made);
    return made;
  }
  // Runs the base constructor alone, which makes the callable object.
  const copy = Reflect.construct(Module, [], source.constructor) as AnyModule;
  Object.setPrototypeOf(copy, Object.getPrototypeOf(source) as object);
  copies.set(source, copy);
  copyProperties(source, copy, copies);
  return copy;
}

function copyProperties(source: object, target: object, copies: Copies): void {
  for (const key of Reflect.ownKeys(source)) {
    const property = Object.getOwnPropertyDescriptor(source, key);
    if (property === undefined) continue;
    if ('value' in property) property.value = copyValue(property.value, copies);
    Object.defineProperty(target, key, property);
  }
}

function copyValue(value: unknown, copies: Copies): unknown {
  if (value instanceof Module) return copyModule(value, copies);
  if (typeof value !== 'object' || value === null) return value;
  const known = copies.get(value);
  if (known !== undefined) return known;
  const remember = <T>(copy: T): T => {
    copies.set(value, copy);
    return copy;
  };
  if (value instanceof Tensor) return remember(copyTensor(value));
  if (Array.isArray(value)) {
    const copy: unknown[] = remember([]);
    for (const item of value) copy.push(copyValue(item, copies));
    return copy;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Map.prototype) {
    const copy = remember(new Map<unknown, unknown>());
    for (const [key, item] of value as Map<unknown, unknown>) copy.set(copyValue(key, copies), copyValue(item, copies));
    return copy;
  }
  if (prototype === Set.prototype) {
    const copy = remember(new Set<unknown>());
    for (const item of value as Set<unknown>) copy.add(copyValue(item, copies));
    return copy;
  }
  if (prototype === Object.prototype || prototype === null) {
    const copy = remember(Object.create(prototype as object | null) as object);
    copyProperties(value, copy, copies);
    return copy;
  }
  return value;
}

function copyTensor(source: Tensor): Tensor {
  const data = source.detach().clone();
  if (source instanceof Parameter) return new Parameter(data, { requiresGrad: source.requiresGrad });
  if (source instanceof Buffer)
    return new Buffer(data, { persistent: source.persistent, zeroIfMissing: source.zeroIfMissing });
  return keep(data).requiresGrad_(source.requiresGrad);
}
