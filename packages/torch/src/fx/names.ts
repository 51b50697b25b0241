/** @file Names of nodes: a path in the module tree as feature extraction knows it, and an identifier made from it. */

import type { AnyModule } from '../nn/module.ts';

/** Hands out names that are not taken: the first as it is, the following with `_1`, `_2` … */
export class Names {
  readonly #taken = new Set<string>();
  readonly #next = new Map<string, number>();

  take(wanted: string): string {
    let name = wanted;
    let count = this.#next.get(wanted) ?? 0;
    while (this.#taken.has(name)) name = `${wanted}_${++count}`;
    this.#next.set(wanted, count);
    this.#taken.add(name);
    return name;
  }
}

/** `features.0.0` → `features_0_0`; what cannot stand in an identifier becomes an underscore. */
export function identifier(path: string): string {
  const cleaned = path.replace(/[^A-Za-z0-9_]/g, '_');
  return /^[0-9]/.test(cleaned) ? `_${cleaned}` : cleaned;
}

/** `aten::add_` → `add`. */
export function operatorBaseName(name: string): string {
  return name.replace(/^\w+::/, '').replace(/(?<=[a-z0-9])_$/, '');
}

/** Names of forward's positional parameters as far as the source shows them; patterns and the rest are left out. */
export function parameterNames(module: AnyModule): (string | undefined)[] {
  const [, list] = /^[^(]*\(([^)]*)\)/.exec(Function.prototype.toString.call(module.forward)) ?? [];
  if (list === undefined || /[{[]/.test(list)) return [];
  return list.split(',').map((part) => /^\s*([A-Za-z_$][\w$]*)/.exec(part)?.[1]);
}
