/** @file Blocks that many networks are built from: convolution with norm and activation, squeeze and excitation, MLP, permutation. */

import { ArgumentError, nn, type Tensor } from '@edgeai/torch';
import { type ActivationLayer, makeLayer, type NormLayer } from './layer-factory.ts';
import { pipe } from './pipe.ts';

/** One number for all spatial dimensions, or one for each. */
type Size = number | readonly number[];

export interface ConvNormActivationOptions {
  /** Default 3. */
  kernelSize?: Size;
  /** Default 1. */
  stride?: Size;
  /** Default: what keeps the size at stride 1 with an odd kernel, `(kernelSize - 1) / 2 · dilation`. */
  padding?: Size | 'same' | 'valid';
  /** Default 1. */
  groups?: number;
  /** `null` for none. Default: batch normalisation. */
  normLayer?: NormLayer | null;
  /** `null` for none. Default `nn.ReLU`. */
  activationLayer?: ActivationLayer | null;
  /** Default 1. */
  dilation?: Size;
  /** Passed to the activation; `null` for activations without such an option. Default `true`. */
  inplace?: boolean | null;
  /** Default: only without a norm layer. */
  bias?: boolean;
}

type Pair = number | readonly [number, number];
type Triple = number | readonly [number, number, number];

function paddingFor(kernelSize: Size, dilation: Size, dims: number): Size {
  const at = (size: Size, i: number) => {
    const value = typeof size === 'number' ? size : size[i];
    if (value === undefined)
      throw ArgumentError.expected('kernelSize and dilation', `a number or ${dims} numbers`, size);
    return value;
  };
  if (typeof kernelSize === 'number' && typeof dilation === 'number')
    return Math.floor((kernelSize - 1) / 2) * dilation;
  return Array.from({ length: dims }, (_, i) => Math.floor((at(kernelSize, i) - 1) / 2) * at(dilation, i));
}

interface Geometry {
  kernelSize: Size;
  stride: Size;
  padding: Size | 'same' | 'valid';
  dilation: Size;
  groups: number;
  bias: boolean;
}

function layersOf(
  dims: 2 | 3,
  outChannels: number,
  options: ConvNormActivationOptions,
  makeConv: (geometry: Geometry) => nn.Module,
): nn.Module[] {
  const { kernelSize = 3, stride = 1, dilation = 1, groups = 1, inplace = true } = options;
  const { normLayer = dims === 2 ? nn.BatchNorm2d : nn.BatchNorm3d, activationLayer = nn.ReLU } = options;
  const padding = options.padding ?? paddingFor(kernelSize, dilation, dims);
  const layers = [
    makeConv({ kernelSize, stride, padding, dilation, groups, bias: options.bias ?? normLayer === null }),
  ];
  if (normLayer !== null) layers.push(makeLayer(normLayer, outChannels));
  if (activationLayer !== null)
    layers.push(inplace === null ? makeLayer(activationLayer) : makeLayer(activationLayer, { inplace }));
  return layers;
}

/** Convolution, normalisation, activation, in that order: children `0`, `1`, `2`. Input and output `(N, C, H, W)`. */
export class Conv2dNormActivation extends nn.Sequential {
  readonly outChannels: number;

  constructor(inChannels: number, outChannels: number, options: ConvNormActivationOptions = {}) {
    super(
      ...layersOf(2, outChannels, options, ({ kernelSize, stride, padding, dilation, ...rest }) => {
        const sizes = {
          stride: stride as Pair,
          padding: padding as Pair | 'same' | 'valid',
          dilation: dilation as Pair,
        };
        return new nn.Conv2d(inChannels, outChannels, kernelSize as Pair, { ...sizes, ...rest });
      }),
    );
    this.outChannels = outChannels;
  }
}

/** The same for videos and volumes, `(N, C, D, H, W)`. */
export class Conv3dNormActivation extends nn.Sequential {
  readonly outChannels: number;

  constructor(inChannels: number, outChannels: number, options: ConvNormActivationOptions = {}) {
    super(
      ...layersOf(3, outChannels, options, ({ kernelSize, stride, padding, dilation, ...rest }) => {
        const sizes = {
          stride: stride as Triple,
          padding: padding as Triple | 'same' | 'valid',
          dilation: dilation as Triple,
        };
        return new nn.Conv3d(inChannels, outChannels, kernelSize as Triple, { ...sizes, ...rest });
      }),
    );
    this.outChannels = outChannels;
  }
}

export interface SqueezeExcitationOptions {
  /** Between the two convolutions. Default `nn.ReLU`. */
  activation?: ActivationLayer;
  /** Makes the gate of each channel. Default `nn.Sigmoid`. */
  scaleActivation?: ActivationLayer;
}

/** Scales each channel by a gate computed from the means of all channels (Hu et al., 2017, arXiv:1709.01507). */
export class SqueezeExcitation extends nn.Module {
  readonly avgpool: nn.AdaptiveAvgPool2d;
  readonly fc1: nn.Conv2d;
  readonly fc2: nn.Conv2d;
  readonly activation: nn.Module;
  // PyTorch's name: graph nodes and hooks are addressed by it.
  readonly scale_activation: nn.Module;

  constructor(inputChannels: number, squeezeChannels: number, options: SqueezeExcitationOptions = {}) {
    super();
    this.avgpool = new nn.AdaptiveAvgPool2d(1);
    this.fc1 = new nn.Conv2d(inputChannels, squeezeChannels, 1);
    this.fc2 = new nn.Conv2d(squeezeChannels, inputChannels, 1);
    this.activation = makeLayer(options.activation ?? nn.ReLU);
    this.scale_activation = makeLayer(options.scaleActivation ?? nn.Sigmoid);
  }

  forward(input: Tensor): Tensor {
    return pipe(input, this.avgpool, this.fc1, this.activation, this.fc2, this.scale_activation).mul(input);
  }
}

export interface MLPOptions {
  /** After each hidden layer. Default none. */
  normLayer?: NormLayer | null;
  /** Default `nn.ReLU`. */
  activationLayer?: ActivationLayer;
  /** Passed to activations and dropouts; `null` leaves it out. Default `true`. */
  inplace?: boolean | null;
  /** Default `true`. */
  bias?: boolean;
  /** Probability of each dropout. Default 0. */
  dropout?: number;
}

/** Linear layers with norm, activation and dropout between them, and a dropout at the end. `(…, inChannels)`. */
export class MLP extends nn.Sequential {
  constructor(inChannels: number, hiddenChannels: readonly number[], options: MLPOptions = {}) {
    const { normLayer = null, activationLayer = nn.ReLU, inplace = true, bias = true, dropout = 0 } = options;
    const inPlace = inplace === null ? {} : { inplace };
    if (hiddenChannels.length === 0)
      throw ArgumentError.expected('hiddenChannels', 'at least one width', hiddenChannels);
    const layers: nn.Module[] = [];
    let width = inChannels;
    for (const [i, channels] of hiddenChannels.entries()) {
      layers.push(new nn.Linear(width, channels, { bias }));
      if (i < hiddenChannels.length - 1) {
        if (normLayer !== null) layers.push(makeLayer(normLayer, channels));
        layers.push(makeLayer(activationLayer, inPlace));
      }
      layers.push(new nn.Dropout(dropout, inPlace));
      width = channels;
    }
    super(...layers);
  }
}

/** A view with the dimensions in another order. */
export class Permute extends nn.Module {
  readonly dims: readonly number[];

  constructor(dims: readonly number[]) {
    super();
    this.dims = dims;
  }

  forward(input: Tensor): Tensor {
    return input.permute(this.dims);
  }
}
