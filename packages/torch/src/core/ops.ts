/** @file Every operator of the dispatcher by its own name: `ops.aten.add.Tensor(a, b)`; and libraries that bring more. */

import { ArgumentError } from '../errors.ts';
import { native } from '../native.ts';
import { invoke, Operator, UnknownOperatorError } from './dispatch.ts';

/** Calls one overload; arguments in schema order, optionally an options object with the rest by name. */
export type OperatorFunction = ((...args: unknown[]) => unknown) & { readonly operator: Operator };

/** `op(…)` calls the default overload, `op.Tensor(…)` the named one. */
export type OperatorPacket = OperatorFunction & { readonly [overload: string]: OperatorFunction };

export type OperatorNamespace = { readonly [name: string]: OperatorPacket };

function operatorFunction(name: string, overload: string): OperatorFunction {
  const operator = new Operator(name, overload);
  return Object.assign((...args: unknown[]) => invoke(operator, args), { operator });
}

function packet(name: string): OperatorPacket {
  const overloads = new Map<string, OperatorFunction>();
  return new Proxy(operatorFunction(name, ''), {
    get(target, key, receiver) {
      if (typeof key !== 'string' || key in target) return Reflect.get(target, key, receiver);
      const overload = key === 'default' ? '' : key;
      let found = overloads.get(overload);
      if (found === undefined) {
        found = operatorFunction(name, overload);
        found.operator.prepare();
        overloads.set(overload, found);
      }
      return found;
    },
  }) as OperatorPacket;
}

function namespace(name: string): OperatorNamespace {
  const packets = new Map<string, OperatorPacket>();
  return new Proxy({} as OperatorNamespace, {
    get(_, key) {
      // `await` and promises ask every object for `then`.
      if (typeof key !== 'string' || key === 'then') return undefined;
      let found = packets.get(key);
      if (found === undefined) {
        found = packet(`${name}::${key}`);
        packets.set(key, found);
      }
      return found;
    },
  });
}

const namespaces = new Map<string, OperatorNamespace>();

const tools = {
  /**
   * Loads a shared library whose operators register themselves (`TORCH_LIBRARY`).
   *
   * @throws {TorchError} with the loader's reason
   */
  loadLibrary(path: string): void {
    if (typeof path !== 'string') throw ArgumentError.expected('path', 'the path of a shared library', path);
    native.loadLibrary(path);
  },
  /** Names of all operators, with their overloads: `['aten::add', 'Tensor']`. */
  list(): [name: string, overload: string][] {
    return native.operatorNames();
  },
  /** An operator by its qualified name, `aten::add.Tensor`. @throws {UnknownOperatorError} */
  find(qualifiedName: string): Operator {
    const [, name, overload = ''] = /^(\w+::\w+)(?:\.(\w+))?$/.exec(qualifiedName) ?? [];
    if (name === undefined)
      throw new ArgumentError('qualifiedName', `Expected a name like aten::add.Tensor but received "${qualifiedName}"`);
    const operator = new Operator(name, overload === 'default' ? '' : overload);
    operator.prepare();
    return operator;
  },
};

/** `ops.aten.<name>.<overload>(…)`, `ops.<namespace>…` for loaded libraries, `ops.loadLibrary`, `ops.list`, `ops.find`. */
export const ops = new Proxy(tools, {
  get(target, key, receiver) {
    if (typeof key !== 'string' || key in target || key === 'then') return Reflect.get(target, key, receiver);
    let found = namespaces.get(key);
    if (found === undefined) {
      found = namespace(key);
      namespaces.set(key, found);
    }
    return found;
  },
}) as typeof tools & { readonly [namespace: string]: OperatorNamespace };

export { UnknownOperatorError };
