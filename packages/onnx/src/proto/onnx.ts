/** @file The messages of ONNX (field numbers as in onnx.proto, IR version 14), as types and as tables. */

import { type MessageType, many, message, one, packed } from './schema.ts';

/** 64-bit integers beyond 2⁵³ come as bigints. */
export type Int64 = number | bigint;

export interface StringStringEntryProto {
  key?: string;
  value?: string;
}

export interface OperatorSetIdProto {
  domain?: string;
  version?: number;
}

/** Numbers of `TensorProto.DataType`. */
export const DataType = {
  UNDEFINED: 0,
  FLOAT: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  STRING: 8,
  BOOL: 9,
  FLOAT16: 10,
  DOUBLE: 11,
  UINT32: 12,
  UINT64: 13,
  COMPLEX64: 14,
  COMPLEX128: 15,
  BFLOAT16: 16,
} as const;

export interface TensorSegment {
  begin?: number;
  end?: number;
}

export interface TensorProto {
  dims?: number[];
  dataType?: number;
  segment?: TensorSegment;
  floatData?: number[];
  int32Data?: number[];
  stringData?: Uint8Array[];
  int64Data?: Int64[];
  name?: string;
  docString?: string;
  /** Elements in row-major order, little endian. */
  rawData?: Uint8Array;
  /** `location`, `offset`, `length` of data in another file. */
  externalData?: StringStringEntryProto[];
  /** 1 when the data is in another file. */
  dataLocation?: number;
  doubleData?: number[];
  uint64Data?: Int64[];
  metadataProps?: StringStringEntryProto[];
}

export interface SparseTensorProto {
  values?: TensorProto;
  indices?: TensorProto;
  dims?: number[];
}

/** Numbers of `AttributeProto.AttributeType`. */
export const AttributeType = {
  UNDEFINED: 0,
  FLOAT: 1,
  INT: 2,
  STRING: 3,
  TENSOR: 4,
  GRAPH: 5,
  FLOATS: 6,
  INTS: 7,
  STRINGS: 8,
  TENSORS: 9,
  GRAPHS: 10,
  SPARSE_TENSOR: 11,
  SPARSE_TENSORS: 12,
  TYPE_PROTO: 13,
  TYPE_PROTOS: 14,
} as const;

export interface AttributeProto {
  name?: string;
  refAttrName?: string;
  docString?: string;
  type?: number;
  f?: number;
  i?: Int64;
  s?: Uint8Array;
  t?: TensorProto;
  g?: GraphProto;
  sparseTensor?: SparseTensorProto;
  tp?: TypeProto;
  floats?: number[];
  ints?: Int64[];
  strings?: Uint8Array[];
  tensors?: TensorProto[];
  graphs?: GraphProto[];
  sparseTensors?: SparseTensorProto[];
  typeProtos?: TypeProto[];
}

export interface Dimension {
  /** One of `dimValue` and `dimParam`. */
  dimValue?: number;
  dimParam?: string;
  denotation?: string;
}

export interface TensorShapeProto {
  dim?: Dimension[];
}

export interface TensorTypeProto {
  elemType?: number;
  shape?: TensorShapeProto;
}

export interface SequenceTypeProto {
  elemType?: TypeProto;
}

export interface MapTypeProto {
  keyType?: number;
  valueType?: TypeProto;
}

/** One of the five kinds is set. */
export interface TypeProto {
  tensorType?: TensorTypeProto;
  sequenceType?: SequenceTypeProto;
  mapType?: MapTypeProto;
  sparseTensorType?: TensorTypeProto;
  optionalType?: SequenceTypeProto;
  denotation?: string;
}

export interface ValueInfoProto {
  name?: string;
  type?: TypeProto;
  docString?: string;
  metadataProps?: StringStringEntryProto[];
}

export interface NodeProto {
  input?: string[];
  output?: string[];
  name?: string;
  opType?: string;
  attribute?: AttributeProto[];
  docString?: string;
  domain?: string;
  overload?: string;
  metadataProps?: StringStringEntryProto[];
}

export interface TensorAnnotation {
  tensorName?: string;
  quantParameterTensorNames?: StringStringEntryProto[];
}

export interface GraphProto {
  node?: NodeProto[];
  name?: string;
  initializer?: TensorProto[];
  docString?: string;
  input?: ValueInfoProto[];
  output?: ValueInfoProto[];
  valueInfo?: ValueInfoProto[];
  quantizationAnnotation?: TensorAnnotation[];
  sparseInitializer?: SparseTensorProto[];
  metadataProps?: StringStringEntryProto[];
}

export interface FunctionProto {
  name?: string;
  input?: string[];
  output?: string[];
  attribute?: string[];
  node?: NodeProto[];
  docString?: string;
  opsetImport?: OperatorSetIdProto[];
  domain?: string;
  attributeProto?: AttributeProto[];
  valueInfo?: ValueInfoProto[];
  overload?: string;
  metadataProps?: StringStringEntryProto[];
}

export interface ModelProto {
  irVersion?: number;
  producerName?: string;
  producerVersion?: string;
  domain?: string;
  modelVersion?: Int64;
  docString?: string;
  graph?: GraphProto;
  opsetImport?: OperatorSetIdProto[];
  metadataProps?: StringStringEntryProto[];
  functions?: FunctionProto[];
}

const entry = message<StringStringEntryProto>('StringStringEntryProto', {
  key: one(1, 'string'),
  value: one(2, 'string'),
});

const operatorSet = message<OperatorSetIdProto>('OperatorSetIdProto', {
  domain: one(1, 'string'),
  version: one(2, 'int'),
});

const segment = message<TensorSegment>('TensorProto.Segment', { begin: one(1, 'int'), end: one(2, 'int') });

const tensor = message<TensorProto>('TensorProto', {
  dims: many(1, 'int'),
  dataType: one(2, 'int'),
  segment: one(3, () => segment),
  floatData: packed(4, 'float'),
  int32Data: packed(5, 'int'),
  stringData: many(6, 'bytes'),
  int64Data: packed(7, 'int64'),
  name: one(8, 'string'),
  rawData: one(9, 'bytes'),
  doubleData: packed(10, 'double'),
  uint64Data: packed(11, 'uint64'),
  docString: one(12, 'string'),
  externalData: many(13, () => entry),
  dataLocation: one(14, 'int'),
  metadataProps: many(16, () => entry),
});

const sparseTensor = message<SparseTensorProto>('SparseTensorProto', {
  values: one(1, () => tensor),
  indices: one(2, () => tensor),
  dims: many(3, 'int'),
});

const attribute = message<AttributeProto>('AttributeProto', {
  name: one(1, 'string'),
  f: one(2, 'float'),
  i: one(3, 'int64'),
  s: one(4, 'bytes'),
  t: one(5, () => tensor),
  g: one(6, () => graph),
  floats: many(7, 'float'),
  ints: many(8, 'int64'),
  strings: many(9, 'bytes'),
  tensors: many(10, () => tensor),
  graphs: many(11, () => graph),
  docString: one(13, 'string'),
  tp: one(14, () => typeProto),
  typeProtos: many(15, () => typeProto),
  type: one(20, 'int'),
  refAttrName: one(21, 'string'),
  sparseTensor: one(22, () => sparseTensor),
  sparseTensors: many(23, () => sparseTensor),
});

const dimension = message<Dimension>('TensorShapeProto.Dimension', {
  dimValue: one(1, 'int'),
  dimParam: one(2, 'string'),
  denotation: one(3, 'string'),
});

const shape = message<TensorShapeProto>('TensorShapeProto', { dim: many(1, () => dimension) });

const tensorType = message<TensorTypeProto>('TypeProto.Tensor', {
  elemType: one(1, 'int'),
  shape: one(2, () => shape),
});

const sequenceType = message<SequenceTypeProto>('TypeProto.Sequence', { elemType: one(1, () => typeProto) });

const mapType = message<MapTypeProto>('TypeProto.Map', { keyType: one(1, 'int'), valueType: one(2, () => typeProto) });

const typeProto: MessageType<TypeProto> = message<TypeProto>('TypeProto', {
  tensorType: one(1, () => tensorType),
  sequenceType: one(4, () => sequenceType),
  mapType: one(5, () => mapType),
  denotation: one(6, 'string'),
  sparseTensorType: one(8, () => tensorType),
  optionalType: one(9, () => sequenceType),
});

const valueInfo = message<ValueInfoProto>('ValueInfoProto', {
  name: one(1, 'string'),
  type: one(2, () => typeProto),
  docString: one(3, 'string'),
  metadataProps: many(4, () => entry),
});

const node: MessageType<NodeProto> = message<NodeProto>('NodeProto', {
  input: many(1, 'string'),
  output: many(2, 'string'),
  name: one(3, 'string'),
  opType: one(4, 'string'),
  attribute: many(5, () => attribute),
  docString: one(6, 'string'),
  domain: one(7, 'string'),
  overload: one(8, 'string'),
  metadataProps: many(9, () => entry),
});

const annotation = message<TensorAnnotation>('TensorAnnotation', {
  tensorName: one(1, 'string'),
  quantParameterTensorNames: many(2, () => entry),
});

const graph: MessageType<GraphProto> = message<GraphProto>('GraphProto', {
  node: many(1, () => node),
  name: one(2, 'string'),
  initializer: many(5, () => tensor),
  docString: one(10, 'string'),
  input: many(11, () => valueInfo),
  output: many(12, () => valueInfo),
  valueInfo: many(13, () => valueInfo),
  quantizationAnnotation: many(14, () => annotation),
  sparseInitializer: many(15, () => sparseTensor),
  metadataProps: many(16, () => entry),
});

const functionProto = message<FunctionProto>('FunctionProto', {
  name: one(1, 'string'),
  input: many(4, 'string'),
  output: many(5, 'string'),
  attribute: many(6, 'string'),
  node: many(7, () => node),
  docString: one(8, 'string'),
  opsetImport: many(9, () => operatorSet),
  domain: one(10, 'string'),
  attributeProto: many(11, () => attribute),
  valueInfo: many(12, () => valueInfo),
  overload: one(13, 'string'),
  metadataProps: many(14, () => entry),
});

/** The whole file. */
export const modelProto = message<ModelProto>('ModelProto', {
  irVersion: one(1, 'int'),
  producerName: one(2, 'string'),
  producerVersion: one(3, 'string'),
  domain: one(4, 'string'),
  modelVersion: one(5, 'int64'),
  docString: one(6, 'string'),
  graph: one(7, () => graph),
  opsetImport: many(8, () => operatorSet),
  metadataProps: many(14, () => entry),
  functions: many(25, () => functionProto),
});

/** A tensor alone, as in the `.pb` files of test data. */
export const tensorProto: MessageType<TensorProto> = tensor;
