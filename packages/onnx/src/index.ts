/** @file ONNX: export a network, verify the file in onnxruntime, import files as networks. */

export { checkModel } from './check.ts';
export { exportableOperators } from './emit/index.ts';
export type { QuantizationFormat } from './emit/quantize.ts';
export {
  DynamicValueError,
  ExportMismatchError,
  InvalidModelError,
  OnnxImportError,
  OnnxRuntimeMissingError,
  type UnsupportedNode,
  UnsupportedOperatorError,
} from './errors.ts';
export { type ExportedModel, type ExportMetadata, type ExportOptions, exportOnnx } from './export.ts';
export { type ExportVerifiedOptions, exportVerified, type VerifiedModel } from './export-verified.ts';
export {
  type ImportedInfo,
  ImportedNetwork,
  type ImportOptions,
  importOnnx,
  unsupportedNodes,
} from './import/import.ts';
export { importableOperators } from './import/operators/index.ts';
export {
  type AttributeProto,
  AttributeType,
  DataType,
  type Dimension,
  type FunctionProto,
  type GraphProto,
  type Int64,
  type ModelProto,
  type NodeProto,
  type OperatorSetIdProto,
  type SparseTensorProto,
  type StringStringEntryProto,
  type TensorAnnotation,
  type TensorProto,
  type TensorShapeProto,
  type TypeProto,
  type ValueInfoProto,
} from './proto/onnx.ts';
export { readOnnx, toTensor } from './read.ts';
export { OnnxSession, type RuntimeOptions } from './runtime.ts';
export { type OutputDifference, type VerifyOptions, type VerifyReport, verifyOnnx } from './verify.ts';
export { type WriteOptions, writeOnnx } from './write.ts';
