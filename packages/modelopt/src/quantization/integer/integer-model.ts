/**
 * @file A quantised network in the arithmetic of integer kernels: sums of products of integers, biases of 32 bits, one rounding at the end.
 *
 * The float arithmetic of fake quantisation differs from it in the last digits, which moves values that lie between two steps to the other
 * one; from layer to layer such differences grow until they are as large as the noise of quantisation itself. Whoever wants to know what
 * a device or onnxruntime answers to an image needs this form. Weights, images and sums are whole numbers in float32, which are exact
 * below 2^24.
 */

import { fromTypedArray, fx, keep, nn, noGrad, scope, type Tensor } from '@edgeai/torch';
import type { FakeQuantize } from '../fake-quantize.ts';
import type { QuantizedLayer } from '../quantized-layer.ts';
import type { QuantizedModel } from '../quantized-model.ts';
import { findKernels, type IntegerKernel } from './steps.ts';

/**
 * A quantised network, run in integers wherever its operators have integers on all sides. Inference only.
 *
 * ```ts
 * using integers = new IntegerModel(quantized.eval());
 * const answer = integers(image); // what onnxruntime gives for the exported file, bit for bit
 * ```
 */
export class IntegerModel<Args extends unknown[] = [Tensor], Out = Tensor> extends nn.Module<Args, Out> {
  /** Number of operators that run in integers. */
  readonly kernels: number;
  /**
   * onnxruntime runs all layers with weights in integers too. Those with a ReLU6 after them whose end is not that of the integers, and
   * those that read signed and give unsigned integers, it runs in float, where last digits are a matter of luck.
   */
  readonly complete: boolean;
  readonly #interpreter: IntegerInterpreter;
  readonly #model: QuantizedModel<Args, Out>;

  /** @param model must not change while this is used; it stays the caller's */
  constructor(model: QuantizedModel<Args, Out>) {
    super();
    const kernels = findKernels(model.graph, (path) => model.getSubmodule(path));
    this.kernels = kernels.length;
    this.#model = model;
    const planned = new Set(
      kernels.map(({ operation, result }) =>
        operation.kind === 'layer' && isSigned(operation.input) === isSigned(result) ? operation.layer : null,
      ),
    );
    this.complete = [...model.quantizedLayers().values()].every((layer) => planned.has(layer));
    this.#interpreter = new IntegerInterpreter(model.graph, model as unknown as nn.AnyModule, kernels);
    this.training = false;
  }

  forward(...args: Args): Out {
    const { training } = this.#model;
    if (training) this.#model.eval();
    try {
      return noGrad(() => this.#interpreter.run(...args)) as Out;
    } finally {
      if (training) this.#model.train();
    }
  }

  /** Releases what was computed in advance. The model itself stays. */
  override dispose(): void {
    this.#interpreter.dispose();
  }
}

function isSigned(quantizer: FakeQuantize): boolean {
  return quantizer.limits.quantMin < 0;
}

type Handler = (args: readonly unknown[]) => Tensor;

class IntegerInterpreter extends fx.Interpreter {
  readonly #handlers = new Map<fx.Node, Handler>();
  readonly #owned: Tensor[] = [];

  constructor(graph: fx.Graph, root: nn.AnyModule, kernels: readonly IntegerKernel[]) {
    super(graph, root);
    for (const kernel of kernels) this.#plan(kernel);
  }

  protected override runNode(node: fx.Node, args: readonly unknown[]): unknown {
    const handler = this.#handlers.get(node);
    return handler === undefined ? super.runNode(node, args) : handler(args);
  }

  dispose(): void {
    for (const tensor of this.#owned) tensor.dispose();
    this.#owned.length = 0;
  }

  #plan({ head, relu, output, result, operation }: IntegerKernel): void {
    const target = parametersOf(result);
    // Where there is a ReLU, the smallest integer stands for zero: rounding does its work.
    if (relu !== undefined) this.#handlers.set(relu, ([value]) => (value as Tensor).detach());
    switch (operation.kind) {
      case 'layer': {
        const { run, scales } = this.#layer(operation.layer, operation.input);
        const factors = scales.map((scale) => Math.fround(scale / target.scale));
        const channels = operation.layer;
        this.#handlers.set(head, ([x]) => run(x as Tensor));
        const factor = this.#keep(factors);
        this.#handlers.set(output, ([sums]) => {
          const value = sums as Tensor;
          return toSteps(value.mul(alongChannels(factor, value, channels)), target);
        });
        break;
      }
      case 'add': {
        const [a, b] = operation.inputs.map(parametersOf) as [Parameters, Parameters];
        const [ratioA, ratioB] = [Math.fround(a.scale / target.scale), Math.fround(b.scale / target.scale)];
        // The second product is added without a rounding of its own.
        const fixed = Math.fround(
          target.zeroPoint - Math.fround(Math.fround(ratioA * a.zeroPoint) + ratioB * b.zeroPoint),
        );
        this.#handlers.set(head, ([x, y]) => {
          // Two fused multiply-adds, each rounded to float32 once.
          const first = integersOf(x as Tensor, a)
            .add(a.zeroPoint)
            .double()
            .mul(ratioA)
            .add(fixed)
            .float();
          const second = integersOf(y as Tensor, b)
            .add(b.zeroPoint)
            .double()
            .mul(ratioB);
          return second.add(first).float();
        });
        this.#handlers.set(output, ([value]) => toSteps((value as Tensor).round().sub(target.zeroPoint), target));
        break;
      }
      case 'global-average': {
        const input = parametersOf(operation.input);
        this.#handlers.set(head, ([x]) => integersOf(x as Tensor, input).sum([2, 3], { keepdim: true }));
        const [, , height = 1, width = 1] = fx.tensorMeta(head.args[0] as fx.Node)?.shape ?? [];
        const factor = Math.fround(input.scale / Math.fround(target.scale * (height * width)));
        this.#handlers.set(output, ([sums]) => toSteps((sums as Tensor).mul(factor), target));
      }
    }
  }

  /** Sums of products, in steps of the input's scale times the weight's. */
  #layer(layer: QuantizedLayer, quantizer: FakeQuantize): { run: (x: Tensor) => Tensor; scales: number[] } {
    const input = parametersOf(quantizer);
    const weightQuantizer = layer.weight_fake_quant as FakeQuantize;
    const weightScales = weightQuantizer.fakeQuantInfo().scale.toArray() as number[];
    const scales = weightScales.map((scale) => Math.fround(input.scale * scale));
    const { weight, biases } = noGrad(() =>
      scope(() => {
        // As the layer rounds it, and as it is exported: in float32, halves to even.
        const bias = layer.roundedBias();
        return {
          weight: this.#own(keep(weightQuantizer.integers(layer.effectiveWeight().detach()))),
          biases: bias === null ? null : keep(this.#keep(biasIntegers(bias, scales))),
        };
      }),
    );
    return {
      scales,
      run(x) {
        const sums = layer.apply_(integersOf(x, input), weight, null);
        return biases === null ? sums : sums.add(alongChannels(biases, sums, layer));
      },
    };
  }

  #keep(values: readonly number[]): Tensor {
    return this.#own(fromTypedArray(Float32Array.from(values), [values.length]));
  }

  #own(tensor: Tensor): Tensor {
    this.#owned.push(tensor);
    return tensor;
  }
}

interface Parameters {
  readonly scale: number;
  readonly zeroPoint: number;
  readonly quantMin: number;
  readonly quantMax: number;
}

function parametersOf(quantizer: FakeQuantize): Parameters {
  const { scale, zeroPoint, quantMin, quantMax } = quantizer.fakeQuantInfo();
  return { scale: scale.item(), zeroPoint: zeroPoint.item(), quantMin, quantMax };
}

/** The integers of values that lie on steps, without their zero point. */
function integersOf(x: Tensor, { scale }: Parameters): Tensor {
  return x.div(scale).round();
}

/** Values in steps, rounded and cut off, as real values. */
function toSteps(value: Tensor, { scale, zeroPoint, quantMin, quantMax }: Parameters): Tensor {
  return value
    .round()
    .clamp({ min: quantMin - zeroPoint, max: quantMax - zeroPoint })
    .mul(scale);
}

function biasIntegers(bias: Tensor, scales: readonly number[]): number[] {
  return (bias.detach().toArray() as number[]).map((value, i) =>
    Math.round(value / (scales[scales.length === 1 ? 0 : i] ?? 1)),
  );
}

function alongChannels(values: Tensor, result: Tensor, layer: QuantizedLayer): Tensor {
  const axis = layer.channelAxis(result);
  return values.reshape(result.shape.map((_, i) => (i === axis ? -1 : 1)));
}
