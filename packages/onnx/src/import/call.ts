/** @file What an operator's lowering works with: one ONNX node's inputs and attributes by name, and ways to make layers. */

import { type DType, type nn, scope, type Tensor } from '@edgeai/torch';
import { DynamicValueError, OnnxImportError } from '../errors.ts';
import type { GraphProto, NodeProto, TensorProto } from '../proto/onnx.ts';
import { toTensor } from '../read.ts';
import { torchType } from '../types.ts';

/** Computes what a node computes; what it calls while a capture runs becomes the graph. */
export type Lowering = (call: OnnxCall) => Tensor | readonly (Tensor | null)[];

/** Lowerings by ONNX operator. */
export type LoweringTable = Readonly<Record<string, Lowering>>;

/** The rounding that a QuantizeLinear node did, so that the DequantizeLinear after it can be one quantiser with it. */
export interface Rounding {
  readonly source: Tensor;
  readonly scale: Tensor;
  readonly zeroPoint: Tensor | undefined;
  readonly dtype: DType;
  readonly axis: number;
}

/** What lowerings share: values computed so far, and the layers and parameters of the network. */
export interface ImportContext {
  readonly opset: number;
  /** A value by name, as the graph shall see it: weights are parameters. */
  value(name: string): Tensor;
  /** A value known without running the network; `undefined` for others. */
  known(name: string): Tensor | undefined;
  /** A value stored in the file or computed from such alone. */
  stored(name: string): Tensor | undefined;
  /** The parameter of a stored value: one for all layers that share it. */
  parameter(name: string): nn.Parameter;
  /** A parameter made at its first use from a stored value that is no number by itself: a weight in integers. */
  dequantizedParameter(name: string, make: () => Tensor): nn.Parameter;
  /** The node's layer, made at its first run. */
  layer(node: NodeProto, weight: string | undefined, make: () => nn.AnyModule): nn.AnyModule;
  /** True while stored values are computed that become part of the file's data: no layers then. */
  readonly folding: boolean;
  rounding(name: string): Rounding | undefined;
  setRounding(name: string, rounding: Rounding): void;
  /** Runs a sub-graph in place and returns its outputs. */
  inline(graph: GraphProto): (Tensor | null)[];
}

const utf8 = new TextDecoder();

export class OnnxCall {
  readonly node: NodeProto;
  readonly context: ImportContext;

  constructor(node: NodeProto, context: ImportContext) {
    this.node = node;
    this.context = context;
  }

  get opset(): number {
    return this.context.opset;
  }

  // Inputs.

  inputName(i: number): string {
    return this.node.input?.[i] ?? '';
  }

  get inputCount(): number {
    return this.node.input?.length ?? 0;
  }

  get outputCount(): number {
    return this.node.output?.length ?? 0;
  }

  /** True when output `i` is asked for. */
  wants(i: number): boolean {
    return (this.node.output?.[i] ?? '') !== '';
  }

  has(i: number): boolean {
    return this.inputName(i) !== '';
  }

  tensor(i: number): Tensor {
    if (!this.has(i)) throw this.unsupported(`input ${i} is missing`);
    return this.context.value(this.inputName(i));
  }

  optional(i: number): Tensor | undefined {
    return this.has(i) ? this.tensor(i) : undefined;
  }

  /** All inputs. */
  tensors(): Tensor[] {
    return Array.from({ length: this.inputCount }, (_, i) => this.tensor(i));
  }

  /** The value of an input that must be known beforehand. @throws {DynamicValueError} */
  known(i: number): Tensor {
    const found = this.context.known(this.inputName(i));
    if (found === undefined) throw new DynamicValueError(this.label, this.opType, this.inputName(i));
    return found;
  }

  isKnown(i: number): boolean {
    return this.has(i) && this.context.known(this.inputName(i)) !== undefined;
  }

  /** Elements of a known input. */
  numbers(i: number): number[] {
    return elements(this.known(i));
  }

  optionalNumbers(i: number): number[] | undefined {
    return this.has(i) ? this.numbers(i) : undefined;
  }

  optionalNumber(i: number): number | undefined {
    return this.optionalNumbers(i)?.[0];
  }

  /** The only element of a known input with one element; `undefined` for all others. */
  scalar(i: number): number | undefined {
    if (!this.isKnown(i)) return undefined;
    const value = this.known(i);
    return value.numel() === 1 ? elements(value)[0] : undefined;
  }

  // Attributes.

  hasAttribute(name: string): boolean {
    return this.#attribute(name) !== undefined;
  }

  int(name: string, otherwise: number): number {
    const value = this.#attribute(name)?.i;
    return value === undefined ? otherwise : Number(value);
  }

  float(name: string, otherwise: number): number {
    return this.#attribute(name)?.f ?? otherwise;
  }

  ints(name: string): number[] | undefined {
    const found = this.#attribute(name);
    return found === undefined ? undefined : (found.ints ?? []).map(Number);
  }

  floats(name: string): number[] | undefined {
    const found = this.#attribute(name);
    return found === undefined ? undefined : [...(found.floats ?? [])];
  }

  string(name: string, otherwise: string): string {
    const value = this.#attribute(name)?.s;
    return value === undefined ? otherwise : utf8.decode(value);
  }

  tensorAttribute(name: string): TensorProto | undefined {
    return this.#attribute(name)?.t;
  }

  graphAttribute(name: string): GraphProto | undefined {
    return this.#attribute(name)?.g;
  }

  /** An element type given as ONNX's code. */
  dtype(name: string, otherwise: DType): DType {
    const code = this.int(name, 0);
    if (code === 0) return otherwise;
    const found = torchType(code);
    if (found === undefined) throw this.unsupported(`torch has no element type for ONNX's number ${code}`);
    return found;
  }

  /** Numbers that are an attribute in older opsets and input `i` in newer ones. */
  intsOrInput(name: string, i: number): number[] | undefined {
    return this.has(i) ? this.numbers(i) : this.ints(name);
  }

  // Layers.

  /** True when all these inputs are stored in the file (those left out do not matter), so that a layer can own them. */
  isStored(...inputs: number[]): boolean {
    return (
      !this.context.folding && inputs.every((i) => !this.has(i) || this.context.stored(this.inputName(i)) !== undefined)
    );
  }

  stored(i: number): Tensor {
    const found = this.context.stored(this.inputName(i));
    if (found === undefined) throw new DynamicValueError(this.label, this.opType, this.inputName(i));
    return found;
  }

  parameter(i: number): nn.Parameter {
    return this.context.parameter(this.inputName(i));
  }

  optionalParameter(i: number): nn.Parameter | null {
    return this.has(i) ? this.parameter(i) : null;
  }

  /** Runs the node's layer, made at the first run; its name is that of input `weight` or of the node. */
  layer<M extends nn.AnyModule>(make: () => M, weight?: number): M {
    const name = weight === undefined ? undefined : this.inputName(weight);
    return this.context.layer(this.node, name, make) as M;
  }

  /** Applies a layer without weights; while folding, `compute`. */
  apply(make: () => nn.Module, compute: (input: Tensor) => Tensor, input: Tensor = this.tensor(0)): Tensor {
    return this.context.folding ? compute(input) : this.layer(make)(input);
  }

  // Errors.

  get opType(): string {
    return this.node.opType ?? '';
  }

  get label(): string {
    return this.node.name === undefined || this.node.name === '' ? (this.node.output?.[0] ?? '') : this.node.name;
  }

  unsupported(reason: string): OnnxImportError {
    return new OnnxImportError([{ node: this.label, opType: this.opType, reason }]);
  }

  /** A dimension's index from the front. */
  axis(axis: number, rank: number): number {
    const found = axis < 0 ? axis + rank : axis;
    if (found < 0 || found > rank) throw this.unsupported(`there is no dimension ${axis} among ${rank}`);
    return found;
  }

  #attribute(name: string) {
    return this.node.attribute?.find((attribute) => attribute.name === name);
  }
}

/** All elements as numbers, in row-major order. */
export function elements(value: Tensor): number[] {
  return scope(() => {
    const { dtype } = value;
    const readable = dtype === 'float16' || dtype === 'bfloat16' ? value.to('float32') : value;
    return Array.from(readable.toTypedArray() as unknown as ArrayLike<number | bigint>, Number);
  });
}

/** The tensor of a stored value. */
export function storedTensor(proto: TensorProto): Tensor {
  return toTensor(proto);
}
