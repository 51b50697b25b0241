/** @file Puts an ONNX graph together: nodes, initialisers, names that are not taken yet, and shapes of values. */

import type { DType, fx, Tensor } from '@edgeai/torch';
import { type Attributes, attributeProtos } from './attributes.ts';
import type { NodeProto, TensorProto, ValueInfoProto } from './proto/onnx.ts';
import { onnxType, packNumbers, tensorProto } from './types.ts';

/** Name of a value in the ONNX graph; `''` for an optional input that is left out. */
export type Value = string;

/** Name of the batch dimension in shapes. */
const BATCH = 'batch';

export class GraphBuilder {
  readonly nodes: NodeProto[] = [];
  readonly initializers: TensorProto[] = [];
  readonly inputs: ValueInfoProto[] = [];
  readonly outputs: ValueInfoProto[] = [];
  readonly #shapes = new Map<Value, ValueInfoProto>();
  readonly #constants = new Map<string, Value>();
  readonly #taken = new Set<string>();
  readonly #initial = new Set<Value>();

  /** A name that nothing else has: `wanted`, or with `_1`, `_2` … */
  unique(wanted: string): string {
    let name = wanted;
    for (let i = 1; this.#taken.has(name); i++) name = `${wanted}_${i}`;
    this.#taken.add(name);
    return name;
  }

  input(name: string, meta: fx.TensorMeta): Value {
    const taken = this.unique(name);
    this.inputs.push(valueInfo(taken, meta));
    return taken;
  }

  /** Adds a node; its name and its outputs' names are made from `label`. */
  node(label: string, opType: string, inputs: readonly Value[], attributes: Attributes = {}, outputs = 1): Value[] {
    const name = this.unique(label);
    const output = outputs === 1 ? [name] : Array.from({ length: outputs }, (_, i) => this.unique(`${name}.${i}`));
    const used = [...inputs];
    while (used.at(-1) === '') used.pop();
    this.nodes.push({ input: used, output, name, opType, attribute: attributeProtos(attributes) });
    return output;
  }

  /** An initialiser from a tensor. */
  initializer(name: string, tensor: Tensor): Value {
    const taken = this.unique(name);
    this.initializers.push(tensorProto(taken, tensor));
    this.#initial.add(taken);
    return taken;
  }

  /** A small constant; equal ones are stored once. Without a shape: one dimension. */
  constant(values: readonly number[], dtype: DType, shape: readonly number[] = [values.length]): Value {
    const key = `${dtype}[${shape.join()}]${values.map((value) => (Object.is(value, -0) ? '-0' : String(value))).join()}`;
    let name = this.#constants.get(key);
    if (name === undefined) {
      name = this.unique('constant');
      this.#constants.set(key, name);
      this.initializers.push({
        dims: [...shape],
        dataType: onnxType(dtype),
        name,
        rawData: packNumbers(values, dtype),
      });
      this.#initial.add(name);
    }
    return name;
  }

  /** Records the shape of a value. */
  describe(value: Value, meta: fx.TensorMeta): void {
    if (!this.#initial.has(value)) this.#shapes.set(value, valueInfo(value, meta));
  }

  /** Declares `value` an output of this name. */
  output(name: string, value: Value, meta: fx.TensorMeta): void {
    const owned =
      this.nodes.some((node) => node.output?.includes(value)) && !this.outputs.some((known) => known.name === value);
    if (owned) {
      this.#rename(value, name);
    } else {
      // An input or initialiser, or a value that is an output already, cannot get a second name.
      this.nodes.push({
        input: [value],
        output: [name],
        name: this.unique(`${name}/Identity`),
        opType: 'Identity',
        attribute: [],
      });
    }
    this.outputs.push(valueInfo(name, meta));
  }

  /** Shapes of all values that are neither inputs nor outputs. */
  get valueInfo(): ValueInfoProto[] {
    const known = new Set([...this.inputs, ...this.outputs].map(({ name }) => name));
    return [...this.#shapes.values()].filter(({ name }) => !known.has(name));
  }

  #rename(from: Value, to: Value): void {
    const swap = (names: string[] | undefined) => names?.map((name) => (name === from ? to : name)) ?? [];
    for (const node of this.nodes) {
      node.input = swap(node.input);
      node.output = swap(node.output);
    }
    this.#shapes.delete(from);
  }
}

/** Name, element type and shape of a value; sizes that follow the batch are named. */
export function valueInfo(name: string, meta: fx.TensorMeta): ValueInfoProto {
  const dim = (meta.dynamicShape ?? meta.shape).map((size) =>
    typeof size === 'number' ? { dimValue: size } : { dimParam: size.toString().replace('N', BATCH).replace('·', '*') },
  );
  return { name, type: { tensorType: { elemType: onnxType(meta.dtype), shape: { dim } } } };
}
