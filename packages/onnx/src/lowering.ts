/** @file What an emitter works with: one operator call's arguments by name, and ways to add ONNX nodes for it. */

import { type DType, fx } from '@edgeai/torch';
import { type Attributes, Float } from './attributes.ts';
import type { GraphBuilder, Value } from './builder.ts';
import { UnsupportedOperatorError } from './errors.ts';
import { onnxType } from './types.ts';

/** Emits the ONNX nodes of one operator call and returns the value, or the values, that stand for its result. */
export type Emitter = (call: Lowering) => Value | Value[];

/** Emitters by libtorch's operator name without namespace and overload. */
export type EmitterTable = Readonly<Record<string, Emitter>>;

/** What lowerings share: the graph being built and the values made so far. */
export interface LoweringContext {
  readonly builder: GraphBuilder;
  readonly opset: number;
  /** ONNX values of the results of earlier nodes. */
  valueOf(node: fx.Node): Value | Value[];
  /** An initialiser with the transpose of a parameter or constant; `undefined` for other nodes. */
  transposedState(node: fx.Node): Value | undefined;
  /** The batch size as an int64 vector of one element. */
  batchSize(): Value;
  /** The bias of a product of two quantised operands, stored as integers; `undefined` for others. */
  quantizedBias(input: fx.Node, weight: fx.Node, bias: fx.Node): Value | undefined;
}

export class Lowering {
  readonly node: fx.CallNode;
  readonly #context: LoweringContext;
  readonly #args: Readonly<Record<string, fx.Argument>>;

  constructor(node: fx.CallNode, context: LoweringContext) {
    this.node = node;
    this.#context = context;
    this.#args = fx.namedArguments(node);
  }

  get opset(): number {
    return this.#context.opset;
  }

  // Arguments.

  /** An argument as it is; `undefined` when the operator has none of this name. */
  argument(name: string): fx.Argument {
    return this.#args[name];
  }

  /** True when the overload has this argument and it was given. */
  has(name: string): boolean {
    return this.#args[name] !== undefined && this.#args[name] !== null;
  }

  isTensor(name: string): boolean {
    return fx.isNode(this.#args[name]);
  }

  /** The node of a tensor argument. */
  input(name: string): fx.Node {
    const node = this.#args[name];
    if (!fx.isNode(node)) throw this.unsupported(`${name} is not a tensor`);
    return node;
  }

  /** The value of a tensor argument. */
  tensor(name: string): Value {
    return this.single(this.#context.valueOf(this.input(name)));
  }

  /** The value of a node among the arguments, for those inside lists. */
  valueOf(node: fx.Node): Value {
    return this.single(this.#context.valueOf(node));
  }

  /** A matrix argument with its dimensions exchanged; a weight is stored that way. */
  transposed(name: string): Value {
    return (
      this.#context.transposedState(this.input(name)) ?? this.op('Transpose', [this.tensor(name)], { perm: [1, 0] })
    );
  }

  /** The value of a tensor argument, `''` when it was left out. */
  optionalTensor(name: string): Value {
    return this.isTensor(name) ? this.tensor(name) : '';
  }

  /** The bias of a product, `''` when there is none: integers where input and weight are quantised. */
  bias(input: string, weight: string, bias: string): Value {
    if (!this.isTensor(bias)) return '';
    const quantized = this.#context.quantizedBias(this.input(input), this.input(weight), this.input(bias));
    return quantized ?? this.tensor(bias);
  }

  /** The values of an argument that is a list of tensors. */
  tensors(name: string): { values: Value[]; metas: fx.TensorMeta[] } {
    const list = this.#args[name];
    if (!Array.isArray(list) || !list.every((item) => fx.isNode(item)))
      throw this.unsupported(`${name} is not a list of tensors`);
    const nodes = list as readonly fx.Node[];
    return {
      values: nodes.map((node) => this.single(this.#context.valueOf(node))),
      metas: nodes.map((node) => this.#metaOf(node)),
    };
  }

  /** Shape and dtype of a tensor argument. */
  meta(name: string): fx.TensorMeta {
    return this.#metaOf(this.input(name));
  }

  rank(name: string): number {
    return this.meta(name).shape.length;
  }

  number(name: string): number {
    const value = this.#args[name];
    if (typeof value === 'boolean') return value ? 1 : 0;
    if (typeof value === 'bigint') return Number(value);
    if (typeof value !== 'number') throw this.unsupported(`${name} is not a number known beforehand`);
    return value;
  }

  optionalNumber(name: string): number | undefined {
    return this.has(name) ? this.number(name) : undefined;
  }

  bool(name: string): boolean {
    return this.#args[name] === true;
  }

  string(name: string): string {
    const value = this.#args[name];
    if (typeof value !== 'string') throw this.unsupported(`${name} is not a string`);
    return value;
  }

  optionalDType(name: string): DType | undefined {
    return this.has(name) ? (this.string(name) as DType) : undefined;
  }

  /** A list of integers; a single one, or a list of one, stands for `length` of them. */
  ints(name: string, length?: number): number[] {
    const value = this.#args[name];
    const list = Array.isArray(value) ? (value as readonly fx.Argument[]) : [value];
    if (!list.every((item) => typeof item === 'number'))
      throw this.unsupported(`${name} is not a list of numbers known beforehand`);
    const numbers = list as readonly number[];
    return length !== undefined && numbers.length === 1 ? Array.from({ length }, () => numbers[0] ?? 0) : [...numbers];
  }

  /** An integer that may follow the batch. */
  dimension(name: string): fx.Dimension {
    const value = this.#args[name];
    return value instanceof fx.BatchSize ? value : this.number(name);
  }

  /** A dimension's index, counted from the front. */
  axis(name: string, rank: number): number {
    return this.normaliseAxis(this.number(name), rank);
  }

  normaliseAxis(axis: number, rank: number): number {
    return axis < 0 ? axis + Math.max(rank, 1) : axis;
  }

  // The result.

  /** Shape and dtype of the result, which must be one tensor. */
  get result(): fx.TensorMeta {
    return this.#metaOf(this.node);
  }

  /** Shapes of a result that is a list of tensors. */
  get results(): readonly (fx.TensorMeta | null)[] {
    const { meta } = this.node;
    if (meta === null || 'shape' in meta) throw this.unsupported('its result is not a list');
    return meta;
  }

  // Emission.

  /** Adds a node with one output. */
  op(opType: string, inputs: readonly Value[], attributes: Attributes = {}): Value {
    const [output = ''] = this.ops(opType, inputs, attributes, 1);
    return output;
  }

  /** Adds a node with several outputs. */
  ops(opType: string, inputs: readonly Value[], attributes: Attributes, outputs: number): Value[] {
    const { modulePath } = this.node;
    return this.#context.builder.node(
      modulePath === '' ? opType : `${modulePath}/${opType}`,
      opType,
      inputs,
      attributes,
      outputs,
    );
  }

  /** An int64 vector. */
  integers(values: readonly number[]): Value {
    return this.#context.builder.constant(values, 'int64');
  }

  /** A number as a tensor of no dimensions. */
  scalar(value: number, dtype: DType): Value {
    return this.#context.builder.constant([value], dtype, []);
  }

  /** Numbers as a tensor. */
  constant(values: readonly number[], dtype: DType, shape: readonly number[]): Value {
    return this.#context.builder.constant(values, dtype, shape);
  }

  cast(value: Value, from: DType, to: DType): Value {
    return from === to ? value : this.op('Cast', [value], { to: onnxType(to) });
  }

  /** A shape as an int64 vector; sizes that follow the batch are computed from the input. */
  shapeValue(dims: readonly fx.Dimension[]): Value {
    if (dims.every((size) => typeof size === 'number')) return this.integers(dims as number[]);
    const parts = dims.map((size) => (typeof size === 'number' ? this.integers([size]) : this.sizeValue(size)));
    return parts.length === 1 ? (parts[0] ?? '') : this.op('Concat', parts, { axis: 0 });
  }

  sizeValue({ factor, offset }: fx.BatchSize): Value {
    let value = this.#context.batchSize();
    if (factor !== 1) value = this.op('Mul', [value, this.integers([factor])]);
    return offset === 0 ? value : this.op('Add', [value, this.integers([offset])]);
  }

  /** Reshapes to sizes of which one may follow the batch without being computed. */
  reshape(value: Value, dims: readonly fx.Dimension[]): Value {
    const dynamic = dims.filter((size) => typeof size !== 'number').length;
    const empty = dims.includes(0);
    const shape =
      dynamic === 1 && !empty
        ? this.integers(dims.map((size) => (typeof size === 'number' ? size : -1)))
        : this.shapeValue(dims);
    return this.op('Reshape', [value, shape], { allowzero: empty && this.opset >= 14 ? 1 : undefined });
  }

  single(value: Value | Value[]): Value {
    if (typeof value !== 'string') throw this.unsupported('a list of tensors is used where one is expected');
    return value;
  }

  unsupported(reason: string): UnsupportedOperatorError {
    const inputs = fx.inputsOf(this.node).map((node) => {
      const meta = fx.tensorMeta(node);
      return `${node.name}${meta === undefined ? '' : ` ${fx.formatTensorMeta(meta)}`}`;
    });
    return new UnsupportedOperatorError(this.node.operator.qualifiedName, this.node.modulePath, inputs, reason);
  }

  #metaOf(node: fx.Node): fx.TensorMeta {
    const meta = fx.tensorMeta(node);
    if (meta === undefined) throw this.unsupported(`the shape of ${node.name} is not known`);
    return meta;
  }
}

/** The sizes of a tensor, with those that follow the batch marked. */
export function dimensionsOf(meta: fx.TensorMeta): readonly fx.Dimension[] {
  return meta.dynamicShape ?? meta.shape;
}

export function float(value: number): Float {
  return new Float(value);
}
