/**
 * @file A convolution or linear layer whose weight is rounded before use, with the batch norm after it taken in.
 *
 * State-dict keys are those of the float network: `weight` and `bias` here, the batch norm's under its own path, and below
 * `weight_fake_quant` those of the quantiser.
 */

import {
  conv1d,
  conv2d,
  conv3d,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
  isGradEnabled,
  linear,
  nn,
  noGrad,
  scope,
  type Tensor,
  where,
  zeros,
} from '@edgeai/torch';
import { QuantizationError } from './errors.ts';
import type { FakeQuantize } from './fake-quantize.ts';
import { createQuantizer } from './qat/create-quantizer.ts';
import type { RangeMethod } from './qat/range-method.ts';
import { straightThrough } from './qat/straight-through.ts';
import type { QuantizationScheme } from './scheme.ts';

type Convolution = nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d;

/** The layers that `QuantizedLayer` stands for. */
export type WeightedLayer = Convolution | nn.Linear;

/** What a batch norm needs to have to be folded. */
export interface FoldableNorm extends nn.AnyModule {
  readonly weight: Tensor | null;
  readonly bias: Tensor | null;
  readonly running_mean: Tensor | null;
  readonly running_var: Tensor | null;
  readonly eps: number;
}

/** What a layer does with its input and weight, without the weight. */
interface Geometry {
  readonly stride: readonly number[];
  readonly padding: readonly number[] | 'same' | 'valid';
  readonly outputPadding: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;
  readonly paddingMode: nn.PaddingMode;
  readonly kernelSize: readonly number[];
}

type Operation = (x: Tensor, weight: Tensor, bias: Tensor | null, geometry: Geometry) => Tensor;

const OPERATIONS: Readonly<Record<string, Operation>> = {
  Conv1d: (x, w, b, g) => conv1d(x, w, { bias: b, ...plain(g) }),
  Conv2d: (x, w, b, g) => conv2d(x, w, { bias: b, ...plain(g) }),
  Conv3d: (x, w, b, g) => conv3d(x, w, { bias: b, ...plain(g) }),
  ConvTranspose1d: (x, w, b, g) => convTranspose1d(x, w, { bias: b, ...transposed(g) }),
  ConvTranspose2d: (x, w, b, g) => convTranspose2d(x, w, { bias: b, ...transposed(g) }),
  ConvTranspose3d: (x, w, b, g) => convTranspose3d(x, w, { bias: b, ...transposed(g) }),
  Linear: (x, w, b) => linear(x, w, b),
};

function plain({ stride, padding, dilation, groups }: Geometry) {
  // The generated signatures name numeric and string padding in two overloads; the call finds the right one.
  return { stride, padding: padding as readonly number[], dilation, groups };
}

function transposed({ stride, padding, outputPadding, dilation, groups }: Geometry) {
  return { stride, padding: padding as readonly number[], outputPadding, dilation, groups };
}

/** Convolution or linear layer with a quantiser for its weight. */
export class QuantizedLayer extends nn.Module {
  weight: nn.Parameter;
  bias: nn.Parameter | null;
  weight_fake_quant: FakeQuantize | null;
  /** Class of the float layer. */
  readonly operation: string;
  readonly geometry: Geometry;
  /** Dimension of the weight that counts output channels. */
  readonly outputAxis: number;
  /** Use the running statistics of the batch norm, whatever the mode, and leave them as they are. */
  normFrozen = false;
  /** The batch norm taken in. It stays where it is in the network, so it is no child of this layer. */
  declare norm: FoldableNorm | undefined;
  /** The quantiser of the input, where every call has the same: with it the bias is rounded as integer devices hold it. No child. */
  declare input: FakeQuantize | undefined;

  /** Takes the float layer's parameters over. @param scheme of the weight; `null` leaves it as it is */
  constructor(
    layer: WeightedLayer,
    path: string,
    scheme: QuantizationScheme | null,
    norm: FoldableNorm | undefined,
    preserveZeros = false,
    ranges: RangeMethod = 'observed',
  ) {
    super();
    this.weight = layer.weight;
    this.bias = layer.bias;
    this.operation = layer.constructor.name;
    this.outputAxis = this.operation.startsWith('ConvTranspose') ? 1 : 0;
    this.weight_fake_quant =
      scheme === null
        ? null
        : createQuantizer(
            scheme,
            { layer: path, role: 'weight', axis: this.outputAxis, shape: layer.weight.shape },
            ranges,
          );
    if (this.weight_fake_quant !== null) this.weight_fake_quant.preserveZeros = preserveZeros;
    this.geometry = geometryOf(layer);
    this.training = layer.training;
    for (const [key, value] of [
      ['norm', norm],
      ['input', undefined],
    ] as const)
      Object.defineProperty(this, key, { value, enumerable: false, writable: true, configurable: true });
  }

  forward(x: Tensor): Tensor {
    const { norm } = this;
    if (norm === undefined) {
      const weight = this.quantizedWeight(this.weight);
      return this.apply_(x, weight, this.bias === null ? null : this.quantizedBias(this.bias));
    }
    if (this.normFrozen || !norm.training) {
      const gain = normGain(norm);
      const weight = this.quantizedWeight(scaleOutputs(this.weight, gain, this.outputAxis, this.geometry.groups));
      return this.apply_(x, weight, this.quantizedBias(foldedBias(this.bias, norm, gain)));
    }
    // Jacob et al., 2018 (arXiv:1712.05877), §3.2.1: the weight is rounded as it will be after folding, then the batch's statistics apply.
    // Channels that the norm has switched off would divide zero by zero.
    const factor = trainingGain(norm);
    const safe = where(factor.abs().lt(norm.eps), factor.mul(0).add(1), factor);
    const weight = this.quantizedWeight(scaleOutputs(this.weight, factor, this.outputAxis, this.geometry.groups));
    const y = this.apply_(x, weight, null);
    const channel = this.operation === 'Linear' ? y.ndim - 1 : y.ndim - this.geometry.stride.length - 1;
    const shape = y.shape.map((_, i) => (i === channel ? -1 : 1));
    const unscaled = y.div(safe.reshape(shape));
    return norm(this.bias === null ? unscaled : unscaled.add(this.bias.reshape(shape))) as Tensor;
  }

  /** The weight as it is used: folded with the batch norm, not rounded. The tensor is the parameter itself where there is no norm. */
  effectiveWeight(): Tensor {
    const { norm } = this;
    return norm === undefined
      ? this.weight
      : scaleOutputs(this.weight, normGain(norm), this.outputAxis, this.geometry.groups);
  }

  /** The bias as it is used: folded with the batch norm. The tensor is the parameter itself where there is no norm. */
  effectiveBias(): Tensor | null {
    const { norm } = this;
    return norm === undefined ? this.bias : foldedBias(this.bias, norm, normGain(norm));
  }

  /** The bias as it is used when rounding: in steps of the products where these are known. */
  roundedBias(): Tensor | null {
    const bias = this.effectiveBias();
    return bias === null ? null : this.quantizedBias(bias);
  }

  /** Folds the batch norm in for good. The caller takes it out of the network. */
  foldNorm(): void {
    const { norm } = this;
    if (norm === undefined) return;
    noGrad(() =>
      scope(() => {
        const gain = normGain(norm);
        const bias = foldedBias(this.bias, norm, gain);
        this.weight.copy_(scaleOutputs(this.weight, gain, this.outputAxis, this.geometry.groups));
        this.setBias(bias);
      }),
    );
    this.norm = undefined;
  }

  /** Writes the bias, which the float layer may not have had. */
  setBias(value: Tensor): void {
    noGrad(() => {
      if (this.bias === null) this.bias = new nn.Parameter(value, { requiresGrad: this.weight.requiresGrad });
      else this.bias.copy_(value);
    });
  }

  /** Adds to the bias, making one where there is none. @param shift `(outputs)` */
  addToBias(shift: Tensor): void {
    noGrad(() => scope(() => this.setBias(this.bias === null ? shift.clone() : this.bias.add(shift))));
  }

  /** Number of output channels. */
  get outputs(): number {
    const size = this.weight.shape[this.outputAxis] ?? 0;
    return this.outputAxis === 1 ? size * this.geometry.groups : size;
  }

  /** Dimension of the channels in a result. */
  channelAxis(result: Tensor): number {
    return this.operation === 'Linear' ? result.ndim - 1 : result.ndim - this.geometry.kernelSize.length - 1;
  }

  /** What the layer computes with another weight and bias. */
  apply_(x: Tensor, weight: Tensor, bias: Tensor | null): Tensor {
    const { geometry, operation } = this;
    const run = OPERATIONS[operation];
    if (run === undefined) throw new QuantizationError(`internal: no operation for ${operation}`);
    if (geometry.paddingMode === 'zeros') return run(x, weight, bias, geometry);
    const padded = nn.functional.pad(x, explicitPadding(geometry), { mode: geometry.paddingMode });
    return run(padded, weight, bias, { ...geometry, padding: geometry.stride.map(() => 0) });
  }

  override extraRepr(): string {
    const { operation, weight, bias, norm, geometry } = this;
    const parts = [operation, `weight=[${weight.shape.join(', ')}]`];
    if (geometry.groups > 1) parts.push(`groups=${geometry.groups}`);
    if (bias === null) parts.push('bias=False');
    if (norm !== undefined) parts.push('batch norm inside');
    return parts.join(', ');
  }

  /**
   * The bias as devices add it: an integer of 32 bits in steps of the products' scale. The steps are small, but on grids of powers of two
   * many sums lie halfway between two results, and the least difference decides.
   */
  private quantizedBias(bias: Tensor): Tensor {
    const { input, weight_fake_quant: quantizer } = this;
    if (input === undefined || quantizer === null || !input.quantizing || !quantizer.quantizing) return bias;
    const rounded = noGrad(() => {
      const scale = quantizer.scale.detach().mul(input.scale.detach());
      const channels = scale.numel();
      // Transposed convolutions count the channels of one group; scales of groups of weights have no common step.
      const repeats =
        channels === 1 || channels === bias.numel() ? 1 : this.outputAxis === 1 ? this.geometry.groups : 0;
      if (repeats === 0) return undefined;
      const step = repeats === 1 ? scale : scale.repeat([repeats]);
      return bias.detach().div(step).round().mul(step);
    });
    if (rounded === undefined) return bias;
    return isGradEnabled() ? straightThrough(bias, rounded) : rounded;
  }

  private quantizedWeight(weight: Tensor): Tensor {
    return this.weight_fake_quant === null ? weight : this.weight_fake_quant(weight);
  }
}

function geometryOf(layer: WeightedLayer): Geometry {
  if (layer instanceof nn.Linear) {
    return {
      stride: [],
      padding: [],
      outputPadding: [],
      dilation: [],
      groups: 1,
      paddingMode: 'zeros',
      kernelSize: [],
    };
  }
  const { stride, padding, outputPadding, dilation, groups, paddingMode, kernelSize } = layer;
  return { stride, padding, outputPadding, dilation, groups, paddingMode, kernelSize };
}

/** γ / √(σ² + eps), from the running statistics. */
function normGain(norm: FoldableNorm): Tensor {
  if (norm.running_var === null)
    throw new QuantizationError('A batch norm without running statistics cannot be folded');
  const inverse = norm.running_var.add(norm.eps).rsqrt();
  return norm.weight === null ? inverse : norm.weight.mul(inverse);
}

/** The same, in the order in which PyTorch computes it while training. */
function trainingGain(norm: FoldableNorm): Tensor {
  if (norm.running_var === null)
    throw new QuantizationError('A batch norm without running statistics cannot be folded');
  const deviation = norm.running_var.add(norm.eps).sqrt();
  return norm.weight === null ? deviation.reciprocal() : norm.weight.div(deviation);
}

function foldedBias(bias: Tensor | null, norm: FoldableNorm, gain: Tensor): Tensor {
  const mean = norm.running_mean ?? zeros(gain.shape);
  const shifted = bias === null ? mean.neg().mul(gain) : bias.sub(mean).mul(gain);
  return norm.bias === null ? shifted : shifted.add(norm.bias);
}

/**
 * Multiplies the weights of each output channel.
 *
 * @param gain `(outputs)`
 * @param axis of the output channels: 1 in transposed convolutions, where it counts those of one group
 */
export function scaleOutputs(weight: Tensor, gain: Tensor, axis: number, groups: number): Tensor {
  const rest = Array.from({ length: weight.ndim - 2 }, () => 1);
  if (axis === 0) return weight.mul(gain.reshape([-1, 1, ...rest]));
  if (groups === 1) return weight.mul(gain.reshape([1, -1, ...rest]));
  const [inputs = 0, outputs = 0, ...kernel] = weight.shape;
  const grouped = weight.reshape([groups, inputs / groups, outputs, ...kernel]);
  return grouped.mul(gain.reshape([groups, 1, outputs, ...rest])).reshape(weight.shape);
}

/** Before and after the last spatial dimension, then the one before it, and so on. */
function explicitPadding({ padding, kernelSize, dilation }: Geometry): number[] {
  return kernelSize
    .map((size, i): readonly [number, number] => {
      if (padding === 'valid') return [0, 0];
      if (padding !== 'same') return [padding[i] ?? 0, padding[i] ?? 0];
      const total = (dilation[i] ?? 1) * (size - 1);
      return [Math.floor(total / 2), total - Math.floor(total / 2)];
    })
    .reverse()
    .flat();
}
