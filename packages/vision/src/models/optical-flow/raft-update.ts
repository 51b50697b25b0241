/** @file What improves RAFT's flow step by step: a recurrent unit that sees correlations, context and the flow so far. */

import { ArgumentError, cat, nn, type Tensor } from '@edgeai/torch';
import { Conv2dNormActivation } from '../../ops/misc.ts';
import { pipe } from '../../ops/pipe.ts';

/** A convolution with a bias and an activation. */
function convRelu(inChannels: number, outChannels: number, kernelSize: number): Conv2dNormActivation {
  return new Conv2dNormActivation(inChannels, outChannels, { kernelSize, normLayer: null });
}

export interface MotionEncoderOptions {
  /** Channels of the correlation features. */
  readonly inChannelsCorr: number;
  /** Widths of the one or two convolutions of the correlation features. Default 256, 192. */
  readonly corrLayers?: readonly number[];
  /** Widths of the two convolutions of the flow. Default 128, 64. */
  readonly flowLayers?: readonly number[];
  /** Channels of the result, the two of the flow itself among them. Default 128. */
  readonly outChannels?: number;
}

/** Joins flow and correlation features. `(N, 2, H, W)` and `(N, C, H, W)` to `(N, outChannels, H, W)`. */
export class MotionEncoder extends nn.Module<[flow: Tensor, correlations: Tensor], Tensor> {
  readonly convcorr1: nn.Module;
  readonly convcorr2: nn.Module;
  readonly convflow1: nn.Module;
  readonly convflow2: nn.Module;
  readonly conv: nn.Module;
  readonly outChannels: number;

  /** @throws {ArgumentError} for other numbers of widths */
  constructor(options: MotionEncoderOptions) {
    super();
    const { inChannelsCorr, corrLayers = [256, 192], flowLayers = [128, 64], outChannels = 128 } = options;
    const [corr1, corr2 = corr1, ...moreCorr] = corrLayers;
    const [flow1, flow2, ...moreFlow] = flowLayers;
    if (corr1 === undefined || corr2 === undefined || moreCorr.length > 0)
      throw ArgumentError.expected('corrLayers', 'one or two widths', corrLayers);
    if (flow1 === undefined || flow2 === undefined || moreFlow.length > 0)
      throw ArgumentError.expected('flowLayers', 'two widths', flowLayers);
    this.convcorr1 = convRelu(inChannelsCorr, corr1, 1);
    this.convcorr2 = corrLayers.length === 2 ? convRelu(corr1, corr2, 3) : new nn.Identity();
    this.convflow1 = convRelu(2, flow1, 7);
    this.convflow2 = convRelu(flow1, flow2, 3);
    this.conv = convRelu(corr2 + flow2, outChannels - 2, 3);
    this.outChannels = outChannels;
  }

  forward(flow: Tensor, correlations: Tensor): Tensor {
    const corr = pipe(correlations, this.convcorr1, this.convcorr2);
    const motion = pipe(flow, this.convflow1, this.convflow2);
    return cat([this.conv(cat([corr, motion], 1)), flow], 1);
  }
}

type Size = number | readonly [number, number];

export interface ConvGRUOptions {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly kernelSize: Size;
  readonly padding: Size;
}

/** A gated recurrent unit whose gates are convolutions. Hidden state and input to the new hidden state. */
export class ConvGRU extends nn.Module<[hidden: Tensor, input: Tensor], Tensor> {
  readonly convz: nn.Conv2d;
  readonly convr: nn.Conv2d;
  readonly convq: nn.Conv2d;

  constructor({ inputSize, hiddenSize, kernelSize, padding }: ConvGRUOptions) {
    super();
    const gate = () => new nn.Conv2d(hiddenSize + inputSize, hiddenSize, kernelSize, { padding });
    this.convz = gate();
    this.convr = gate();
    this.convq = gate();
  }

  forward(hidden: Tensor, input: Tensor): Tensor {
    const both = cat([hidden, input], 1);
    const update = this.convz(both).sigmoid();
    const reset = this.convr(both).sigmoid();
    const candidate = this.convq(cat([reset.mul(hidden), input], 1)).tanh();
    return update.mul(-1).add(1).mul(hidden).add(update.mul(candidate));
  }
}

export interface RecurrentBlockOptions {
  readonly inputSize: number;
  readonly hiddenSize: number;
  /** Of one or two units. Default 1×5, then 5×1. */
  readonly kernelSize?: readonly Size[];
  /** Default: what keeps the size for the default kernels. */
  readonly padding?: readonly Size[];
}

/** One or two recurrent units, one after the other. */
export class RecurrentBlock extends nn.Module<[hidden: Tensor, input: Tensor], Tensor> {
  readonly convgru1: ConvGRU;
  readonly convgru2: ConvGRU | null;
  readonly hiddenSize: number;

  /** @throws {ArgumentError} unless there are as many paddings as kernels, one or two */
  constructor(options: RecurrentBlockOptions) {
    super();
    const { inputSize, hiddenSize } = options;
    const { kernelSize = [[1, 5] as const, [5, 1] as const], padding = [[0, 2] as const, [2, 0] as const] } = options;
    const unit = (i: number) => {
      const [kernel, pad] = [kernelSize[i], padding[i]];
      if (kernel === undefined || pad === undefined) return null;
      return new ConvGRU({ inputSize, hiddenSize, kernelSize: kernel, padding: pad });
    };
    if (kernelSize.length !== 1 && kernelSize.length !== 2)
      throw ArgumentError.expected('kernelSize', 'one or two kernels', kernelSize);
    const first = kernelSize.length === padding.length ? unit(0) : null;
    if (first === null) throw ArgumentError.expected('padding', `${kernelSize.length} paddings`, padding);
    this.convgru1 = first;
    this.convgru2 = unit(1);
    this.hiddenSize = hiddenSize;
  }

  forward(hidden: Tensor, input: Tensor): Tensor {
    const next = this.convgru1(hidden, input);
    return this.convgru2 === null ? next : this.convgru2(next, input);
  }
}

/** The change of the flow from the hidden state. `(N, C, H, W)` to `(N, 2, H, W)`. */
export class FlowHead extends nn.Module {
  readonly conv1: nn.Conv2d;
  readonly conv2: nn.Conv2d;
  readonly relu: nn.ReLU;

  constructor(inChannels: number, hiddenSize: number) {
    super();
    this.conv1 = new nn.Conv2d(inChannels, hiddenSize, 3, { padding: 1 });
    this.conv2 = new nn.Conv2d(hiddenSize, 2, 3, { padding: 1 });
    this.relu = new nn.ReLU({ inplace: true });
  }

  forward(x: Tensor): Tensor {
    return pipe(x, this.conv1, this.relu, this.conv2);
  }
}

/** One step: the new hidden state, and the change of the flow. */
export class UpdateBlock extends nn.Module<
  [hidden: Tensor, context: Tensor, correlations: Tensor, flow: Tensor],
  [hidden: Tensor, change: Tensor]
> {
  readonly motion_encoder: MotionEncoder;
  readonly recurrent_block: RecurrentBlock;
  readonly flow_head: FlowHead;
  readonly hiddenStateSize: number;

  constructor(motionEncoder: MotionEncoder, recurrentBlock: RecurrentBlock, flowHead: FlowHead) {
    super();
    this.motion_encoder = motionEncoder;
    this.recurrent_block = recurrentBlock;
    this.flow_head = flowHead;
    this.hiddenStateSize = recurrentBlock.hiddenSize;
  }

  forward(hidden: Tensor, context: Tensor, correlations: Tensor, flow: Tensor): [Tensor, Tensor] {
    const input = cat([context, this.motion_encoder(flow, correlations)], 1);
    const next = this.recurrent_block(hidden, input);
    return [next, this.flow_head(next)];
  }
}

/** From the hidden state, how each pixel of the large flow field is mixed from nine small ones. `(N, 576, H, W)`. */
export class MaskPredictor extends nn.Module {
  readonly convrelu: nn.Module;
  readonly conv: nn.Conv2d;
  readonly multiplier: number;

  /** @param multiplier dampens the gradients of this branch. Default 0.25 */
  constructor(inChannels: number, hiddenSize: number, multiplier = 0.25) {
    super();
    this.convrelu = convRelu(inChannels, hiddenSize, 3);
    // Nine neighbours for each of 8×8 new pixels.
    this.conv = new nn.Conv2d(hiddenSize, 8 * 8 * 9, 1);
    this.multiplier = multiplier;
  }

  forward(x: Tensor): Tensor {
    return pipe(x, this.convrelu, this.conv, (mask) => mask.mul(this.multiplier));
  }
}
