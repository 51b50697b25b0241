/** @file A structural check of models: every value is made once and before it is used, names differ, data has its size. */

import { dtypeSize } from '@edgeai/torch';
import type { GraphProto, ModelProto, TensorProto } from './proto/onnx.ts';
import { torchType } from './types.ts';

/** What is wrong with a model, one sentence each; empty for a well-formed one. Sub-graphs are checked too. */
export function checkModel(model: ModelProto): string[] {
  const problems: string[] = [];
  if (model.irVersion === undefined) problems.push('the model has no IR version');
  if (!model.opsetImport?.some(({ domain = '', version }) => domain === '' && version !== undefined)) {
    problems.push('the model does not say which version of the ONNX operators it uses');
  }
  if (model.graph === undefined) problems.push('the model has no graph');
  else checkGraph(model.graph, new Set(), problems);
  return problems;
}

function checkGraph(graph: GraphProto, outer: ReadonlySet<string>, problems: string[]): void {
  const where = `graph '${graph.name ?? ''}'`;
  const known = new Set(outer);
  const inputs = new Set<string>();
  if (graph.name === undefined || graph.name === '') problems.push('a graph has no name');
  for (const { name = '' } of graph.input ?? []) {
    if (name === '' || inputs.has(name)) problems.push(`${where}: '${name}' is no name for an input, or names two`);
    inputs.add(name);
    known.add(name);
  }
  const initialised = new Set<string>();
  for (const tensor of graph.initializer ?? []) {
    const { name = '' } = tensor;
    if (name === '' || initialised.has(name))
      problems.push(`${where}: '${name}' is no name for an initialiser, or names two`);
    initialised.add(name);
    known.add(name);
    checkTensor(tensor, where, problems);
  }
  const nodeNames = new Set<string>();
  for (const node of graph.node ?? []) {
    const { name = '', opType = '', input = [], output = [] } = node;
    const label = `${where}: node '${name}' (${opType})`;
    if (opType === '') problems.push(`${where}: node '${name}' has no operator`);
    if (name !== '' && nodeNames.has(name)) problems.push(`${where}: two nodes are called '${name}'`);
    nodeNames.add(name);
    for (const value of input) {
      if (value !== '' && !known.has(value)) problems.push(`${label} uses '${value}', which nothing before it makes`);
    }
    for (const { g, graphs = [] } of node.attribute ?? [])
      for (const inner of g === undefined ? graphs : [g]) checkGraph(inner, known, problems);
    for (const value of output) {
      if (value !== '' && known.has(value)) problems.push(`${label} makes '${value}', which exists already`);
      known.add(value);
    }
  }
  for (const { name = '' } of graph.output ?? []) {
    if (!known.has(name)) problems.push(`${where}: nothing makes the output '${name}'`);
  }
}

function checkTensor(tensor: TensorProto, where: string, problems: string[]): void {
  if (tensor.rawData === undefined || tensor.dataLocation === 1) return;
  const dtype = torchType(tensor.dataType);
  if (dtype === undefined) return;
  const expected = (tensor.dims ?? []).reduce((product, size) => product * size, 1) * dtypeSize(dtype);
  if (tensor.rawData.length !== expected) {
    problems.push(
      `${where}: initialiser '${tensor.name}' has ${tensor.rawData.length} bytes, its shape needs ${expected}`,
    );
  }
}
