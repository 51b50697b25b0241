/** @file The `fx` namespace: networks as graphs, how to capture, run and change them. */

export { captureWithBatch } from './batch.ts';
export { type CaptureOptions, capture, isLeafModule } from './capture.ts';
export { CaptureError, GraphError } from './errors.ts';
export { foldConstants } from './fold.ts';
export { formatArgument, formatNode, formatTensorMeta } from './format.ts';
export { fuseConvBn, fuseConvBnWeights } from './fuse.ts';
export { type BatchSource, Graph, type NodeInit } from './graph.ts';
export { GraphModule } from './graph-module.ts';
export { Interpreter } from './interpreter.ts';
export { operatorBaseName } from './names.ts';
export {
  type Argument,
  BatchSize,
  type CallNode,
  type ConstantNode,
  type Dimension,
  eachNode,
  type ItemNode,
  inputsOf,
  isNode,
  type Meta,
  type ModuleNode,
  mapArgument,
  type Node,
  namedArguments,
  type OutputNode,
  type ParameterNode,
  type PlaceholderNode,
  type TensorMeta,
  tensorMeta,
} from './node.ts';
export { type FakeQuantInfo, type FakeQuantizer, isFakeQuantizer } from './quantization-contract.ts';
export type { IsLeaf } from './recording.ts';
