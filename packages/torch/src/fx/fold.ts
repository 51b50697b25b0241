/** @file Constant folding: what does not depend on the inputs is computed once and becomes a constant of the graph. */

import { noGrad } from '../autograd/modes.ts';
import { callOp } from '../core/dispatch.ts';
import { keep, scope } from '../core/scope.ts';
import { Tensor } from '../core/tensor.ts';
import type { Graph } from './graph.ts';
import { type Argument, BatchSize, type CallNode, inputsOf, isNode, mapArgument, type Node } from './node.ts';
import { isRandom } from './random.ts';

export interface FoldOptions {
  /** Take parameters and buffers for constants too: right for an export, wrong for a graph that is still to be trained. Default `false`. */
  freeze?: boolean;
  /** Operators that stay although their arguments are constants: quantisers of weights, which an export looks for. Default: none. */
  keep?: (node: CallNode) => boolean;
}

/**
 * Replaces operators whose arguments are all constants by their results, in place; what is then unused goes. Operators that
 * draw random numbers or follow the batch size stay.
 */
export function foldConstants(graph: Graph, options: FoldOptions = {}): Graph {
  const { freeze = false, keep: stays = () => false } = options;
  noGrad(() =>
    scope(() => {
      const values = knownValues(graph, freeze, stays);
      // Only results that something not constant uses are worth keeping.
      const users = graph.users();
      for (const [node, value] of values) {
        if (node.kind === 'parameter' || node.kind === 'constant' || !(value instanceof Tensor)) continue;
        if (!(users.get(node) ?? []).some((user) => !values.has(user))) continue;
        const { path, meta, modulePath } = node;
        const constant = graph.add({ kind: 'constant', path, meta, modulePath }, node);
        graph.constants.set(constant.name, keep(value.detach().clone()));
        graph.replaceUses(node, constant);
      }
    }),
  );
  return graph.eliminateDeadCode();
}

function knownValues(graph: Graph, freeze: boolean, stays: (node: CallNode) => boolean): Map<Node, unknown> {
  const { root } = graph;
  const state = new Map<string, Tensor>(freeze ? [...root.namedParameters(), ...root.namedBuffers()] : []);
  const values = new Map<Node, unknown>();
  const resolve = (args: readonly Argument[]) =>
    mapArgument(args, (leaf) => (isNode(leaf) ? values.get(leaf) : leaf)) as unknown[];
  for (const node of graph.nodes) {
    if (node.kind === 'constant') values.set(node, graph.constants.get(node.name));
    else if (node.kind === 'parameter' && freeze) values.set(node, state.get(node.key));
    else if (!inputsOf(node).every((input) => values.has(input))) continue;
    else if (node.kind === 'item')
      values.set(node, (resolve(node.args)[0] as Record<string | number, unknown>)[node.key]);
    else if (node.kind === 'call' && isFoldable(node) && !stays(node))
      values.set(node, callOp(node.operator, ...resolve(node.args)));
  }
  return values;
}

function isFoldable(node: CallNode): boolean {
  let followsBatch = false;
  mapArgument(node.args, (leaf) => {
    followsBatch ||= leaf instanceof BatchSize;
  });
  return !followsBatch && !isRandom(node.operator);
}
