/** @file Networks that cannot be captured whole: the largest of their modules that can, each with the inputs that it was given. */

import { noGrad } from '../autograd/modes.ts';
import { isOptions } from '../core/dispatch.ts';
import { keep, scope } from '../core/scope.ts';
import { Tensor } from '../core/tensor.ts';
import type { AnyModule } from '../nn/module.ts';
import { type CaptureOptions, capture } from './capture.ts';
import { CaptureError } from './errors.ts';
import type { Graph } from './graph.ts';

/** What could be captured of a network. */
export interface CapturedParts {
  /** Graphs by the path of their module; the network itself, where it could be captured whole, has the path `''`. */
  readonly graphs: ReadonlyMap<string, Graph>;
  /** Why modules were taken apart, by path. */
  readonly refused: ReadonlyMap<string, CaptureError>;
  /** Releases the graphs. */
  dispose(): void;
}

/**
 * Captures a network, or where that is refused its children, and so on. Of a module that is called several times, the first
 * call's inputs count; modules that are not called are left out, those that a leaf of the capture holds are not looked for.
 */
export function captureParts(
  model: AnyModule,
  exampleInputs: readonly unknown[],
  options: Pick<CaptureOptions, 'isLeaf'> = {},
): CapturedParts {
  const graphs = new Map<string, Graph>();
  const refused = new Map<string, CaptureError>();
  const visit = (module: AnyModule, path: string, inputs: readonly unknown[]): void => {
    try {
      graphs.set(path, capture(module, inputs, options));
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      refused.set(path, error);
      const parts = nearestCalls(module, inputs);
      try {
        for (const [name, part, args] of parts) visit(part, path === '' ? name : `${path}.${name}`, args);
      } finally {
        for (const [, , args] of parts) release(args);
      }
    }
  };
  try {
    visit(model, '', exampleInputs);
  } catch (error) {
    for (const graph of graphs.values()) graph.dispose();
    throw error;
  }
  const dispose = () => {
    for (const graph of graphs.values()) graph.dispose();
  };
  return { graphs, refused, dispose };
}

type Call = readonly [path: string, module: AnyModule, args: readonly unknown[]];

/** The first call of each module below that no other of them is called by, with copies of its inputs. */
function nearestCalls(module: AnyModule, inputs: readonly unknown[]): Call[] {
  const calls: Call[] = [];
  const seen = new Set<AnyModule>();
  let depth = 0;
  const removals = Array.from(module.namedModules())
    .filter(([path]) => path !== '')
    .flatMap(([path, part]) => [
      part.registerForwardPreHook((_, args) => {
        if (depth++ === 0 && !seen.has(part)) {
          seen.add(part);
          calls.push([path, part, copied(args) as unknown[]]);
        }
        return undefined;
      }),
      part.registerForwardHook(() => {
        depth--;
        return undefined;
      }),
    ]);
  try {
    noGrad(() => scope(() => void module(...inputs)));
  } finally {
    for (const remove of removals) remove();
  }
  return calls;
}

function copied(value: unknown): unknown {
  if (value instanceof Tensor) return keep(value.detach().clone());
  if (Array.isArray(value)) return value.map(copied);
  return isOptions(value) ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copied(item)])) : value;
}

function release(value: unknown): void {
  if (value instanceof Tensor) value.dispose();
  else if (Array.isArray(value)) value.forEach(release);
  else if (isOptions(value)) Object.values(value).forEach(release);
}
