/** @file The `fx` namespace: networks as graphs, how to capture, run and change them. */

export { wrap } from './active.ts';
export { captureWithBatch } from './batch.ts';
export { type CaptureOptions, capture, isLeafModule } from './capture.ts';
export { type CapturedParts, captureParts } from './capture-parts.ts';
export { type DrawOptions, drawGraph } from './draw.ts';
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
export {
  anyOf,
  anything,
  type CallPattern,
  type CallPatternOptions,
  type ChoicePattern,
  call,
  type ItemPattern,
  input,
  item,
  type ModuleClass,
  type ModulePattern,
  type ModulePatternOptions,
  module,
  type Pattern,
  type PatternArgument,
  type StatePattern,
  state,
  type WildcardPattern,
} from './pattern.ts';
export { type CapturedPatternOptions, sameSettings } from './pattern-capture.ts';
export { PatternMatch, PatternMatcher, type PatternMatcherOptions } from './pattern-matcher.ts';
export { type FakeQuantInfo, type FakeQuantizer, isFakeQuantizer } from './quantization-contract.ts';
export { isRandom } from './random.ts';
export type { IsLeaf, Step } from './recording.ts';
export {
  type AnyGraphModule,
  type InsertModuleOptions,
  insertModule,
  type Replacement,
  replaceMatches,
} from './replace.ts';
export { type GraphJson, graphFromJson, graphState, graphToJson } from './serialize.ts';
