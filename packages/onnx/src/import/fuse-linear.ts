/** @file Finds `MatMul` with a stored matrix and the `Add` of a stored vector after it: together they are one linear layer. */

import type { GraphProto, NodeProto, TensorProto } from '../proto/onnx.ts';

/** Operator of the nodes made here: inputs x (…, in), weight (in, out), bias (out). No file has it. */
export const LINEAR = '@Linear';

/** The graph with such pairs replaced. */
export function fuseLinear(graph: GraphProto): GraphProto {
  const nodes = graph.node ?? [];
  const stored = new Map<string, readonly number[]>(
    (graph.initializer ?? []).map(({ name = '', dims = [] }) => [name, dims]),
  );
  for (const { opType, output = [], attribute = [] } of nodes) {
    const value: TensorProto | undefined = attribute.find(({ name }) => name === 'value')?.t;
    if (opType === 'Constant' && value !== undefined) stored.set(output[0] ?? '', value.dims ?? []);
  }
  const uses = countUses(graph);
  const producers = new Map<string, NodeProto>(
    nodes.flatMap((node) => (node.output ?? []).map((name) => [name, node])),
  );
  const absorbed = new Set<NodeProto>();
  const fused = new Map<NodeProto, NodeProto>();
  for (const node of nodes) {
    if (node.opType !== 'Add') continue;
    const { input: [a = '', b = ''] = [] } = node;
    for (const [product, bias] of [
      [a, b],
      [b, a],
    ] as const) {
      const producer = producers.get(product);
      const { input: [x = '', weight = ''] = [] } = producer ?? {};
      const shape = stored.get(weight);
      const vector = stored.get(bias);
      const fits =
        producer?.opType === 'MatMul' &&
        uses.get(product) === 1 &&
        !stored.has(x) &&
        shape?.length === 2 &&
        vector?.length === 1 &&
        vector[0] === shape[1];
      if (!fits || producer === undefined) continue;
      absorbed.add(producer);
      fused.set(node, {
        name: producer.name ?? '',
        opType: LINEAR,
        input: [x, weight, bias],
        output: node.output ?? [],
        attribute: [],
      });
      break;
    }
  }
  return { ...graph, node: nodes.flatMap((node) => (absorbed.has(node) ? [] : [fused.get(node) ?? node])) };
}

function countUses(graph: GraphProto): Map<string, number> {
  const uses = new Map<string, number>();
  const count = (name: string) => uses.set(name, (uses.get(name) ?? 0) + 1);
  const visit = ({ node = [], output = [] }: GraphProto) => {
    for (const { name = '' } of output) count(name);
    for (const { input = [], attribute = [] } of node) {
      for (const name of input) count(name);
      for (const { g, graphs = [] } of attribute) for (const inner of g === undefined ? graphs : [g]) visit(inner);
    }
  };
  visit(graph);
  return uses;
}
