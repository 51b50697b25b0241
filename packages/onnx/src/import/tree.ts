/** @file The module tree of an imported network: layers and parameters under names from the file. */

import { nn } from '@edgeai/torch';

/** Holds layers and parameters whose names share a prefix. */
class Group extends nn.Module<never[], never> {
  forward(): never {
    throw new Error('internal: a group of imported layers has no forward of its own');
  }
}

type Child = nn.AnyModule | nn.Parameter | nn.Buffer;

const childrenOf = (module: nn.AnyModule) => module as unknown as Record<string, unknown>;

/** Puts `child` at `path`, or at a path like it where something is in the way. @returns where it is now */
export function place(root: nn.AnyModule, path: string, child: Child): string {
  const parts = path.split('.');
  const last = parts.pop() ?? path;
  let owner = root;
  const taken: string[] = [];
  for (const part of parts) {
    let name = part;
    // A layer cannot have children: `conv` and `conv.weight_scale` become `conv` and `conv_.weight_scale`.
    while (childrenOf(owner)[name] !== undefined && !(childrenOf(owner)[name] instanceof Group)) name = `${name}_`;
    const next = (childrenOf(owner)[name] as Group | undefined) ?? new Group();
    childrenOf(owner)[name] = next;
    owner = next;
    taken.push(name);
  }
  let name = last;
  for (let i = 1; childrenOf(owner)[name] !== undefined; i++) name = `${last}_${i}`;
  childrenOf(owner)[name] = child;
  return [...taken, name].join('.');
}

/** Takes out layers and parameters that the graph does not use, and groups that are empty then. */
export function prune(root: nn.AnyModule, used: { modules: ReadonlySet<string>; keys: ReadonlySet<string> }): void {
  const visit = (owner: nn.AnyModule, prefix: string): void => {
    for (const [name, child] of Object.entries(childrenOf(owner))) {
      const path = prefix === '' ? name : `${prefix}.${name}`;
      if (child instanceof Group) {
        visit(child, path);
        if (Object.keys(child).length === 0) delete childrenOf(owner)[name];
      } else if (child instanceof nn.Module ? !used.modules.has(path) : !used.keys.has(path)) {
        delete childrenOf(owner)[name];
      }
    }
  };
  visit(root, '');
}
