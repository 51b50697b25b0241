/**
 * @file MNASNet: inverted residuals with kernel sizes and widths found by a search on phones.
 *
 * Paper: Tan et al. 2018 (arXiv:1807.11626), model B1. Lineage: torchvision's form. Weights: mnasnet-weights.ts.
 */

import { ArgumentError, nn, type Tensor } from '@edgeai/torch';
import { pipe } from '../ops/pipe.ts';
import { registerClassifier } from './classifier.ts';
import { initialiseLayers, kaimingFanOut } from './initialise.ts';
import * as weightsOf from './mnasnet-weights.ts';
import { makeDivisible, requireCount, requirePositive } from './utils.ts';
import type { WeightsEnum } from './weights.ts';

/** The paper's momentum, which counts the other way round. */
const BN_MOMENTUM = 1 - 0.9997;

const norm = (channels: number, momentum: number) => new nn.BatchNorm2d(channels, { momentum });
const relu = () => new nn.ReLU({ inplace: true });
const pointwise = (inChannels: number, outChannels: number) =>
  new nn.Conv2d(inChannels, outChannels, 1, { bias: false });

/** 1×1 convolution that widens, a filter for each channel, 1×1 convolution that narrows; adds the input where shapes allow. */
export class InvertedResidual extends nn.Module {
  readonly applyResidual: boolean;
  readonly layers: nn.Sequential;

  /** @throws {ArgumentError} for a stride other than 1 and 2 or a kernel size other than 3 and 5 */
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: number,
    stride: number,
    expansionFactor: number,
    bnMomentum = 0.1,
  ) {
    super();
    if (stride !== 1 && stride !== 2) throw ArgumentError.expected('stride', '1 or 2', stride);
    if (kernelSize !== 3 && kernelSize !== 5) throw ArgumentError.expected('kernelSize', '3 or 5', kernelSize);
    const width = inChannels * expansionFactor;
    this.applyResidual = inChannels === outChannels && stride === 1;
    this.layers = new nn.Sequential(
      pointwise(inChannels, width),
      norm(width, bnMomentum),
      relu(),
      new nn.Conv2d(width, width, kernelSize, {
        padding: Math.floor(kernelSize / 2),
        stride,
        groups: width,
        bias: false,
      }),
      norm(width, bnMomentum),
      relu(),
      pointwise(width, outChannels),
      norm(outChannels, bnMomentum),
    );
  }

  forward(x: Tensor): Tensor {
    return this.applyResidual ? this.layers(x).add(x) : this.layers(x);
  }
}

/** Of one stack: kernel size, stride of the first block, expansion factor, number of blocks. */
type Stack = readonly [kernelSize: number, stride: number, expansionFactor: number, repeats: number];

const STACKS: readonly Stack[] = [
  [3, 2, 3, 3],
  [5, 2, 3, 3],
  [5, 2, 6, 3],
  [3, 1, 6, 2],
  [5, 2, 6, 4],
  [3, 1, 6, 1],
];
/** Channels of the first convolution, of the stem, and of each stack. */
const DEPTHS = [32, 16, 24, 40, 80, 96, 192, 320];
const LAST_CHANNELS = 1280;

function makeStack(inChannels: number, outChannels: number, [kernelSize, stride, expansion, repeats]: Stack) {
  const stack = new nn.Sequential();
  for (let i = 0; i < repeats; i++) {
    const [channels, step] = i === 0 ? [inChannels, stride] : [outChannels, 1];
    stack.append(new InvertedResidual(channels, outChannels, kernelSize, step, expansion, BN_MOMENTUM));
  }
  return stack;
}

/** A convolution, and a depthwise separable one. */
function makeStem(firstChannels: number, channels: number): nn.Module[] {
  return [
    new nn.Conv2d(3, firstChannels, 3, { padding: 1, stride: 2, bias: false }),
    norm(firstChannels, BN_MOMENTUM),
    relu(),
    new nn.Conv2d(firstChannels, firstChannels, 3, { padding: 1, groups: firstChannels, bias: false }),
    norm(firstChannels, BN_MOMENTUM),
    relu(),
    pointwise(firstChannels, channels),
    norm(channels, BN_MOMENTUM),
  ];
}

export interface MNASNetOptions {
  /** Default 1000. */
  numClasses?: number;
  /** Probability of the dropout before the classifier. Default 0.2. */
  dropout?: number;
}

/** The network: `layers`, global average, `classifier`. `(N, 3, H, W)` to `(N, numClasses)`. */
export class MNASNet extends nn.Module {
  readonly alpha: number;
  readonly numClasses: number;
  readonly layers: nn.Sequential;
  readonly classifier: nn.Sequential;

  /** @param alpha multiplies the channels of all layers but the last */
  constructor(alpha: number, { numClasses = 1000, dropout = 0.2 }: MNASNetOptions = {}) {
    super();
    requirePositive('alpha', alpha);
    requireCount('numClasses', numClasses);
    this.alpha = alpha;
    this.numClasses = numClasses;
    const [firstChannels = 0, stemChannels = 0, ...depths] = DEPTHS.map((depth) => makeDivisible(depth * alpha, 8));
    this.layers = new nn.Sequential(...makeStem(firstChannels, stemChannels));
    let channels = stemChannels;
    for (const [i, stack] of STACKS.entries()) {
      const outChannels = depths[i] ?? channels;
      this.layers.append(makeStack(channels, outChannels, stack));
      channels = outChannels;
    }
    this.layers.append(pointwise(channels, LAST_CHANNELS)).append(norm(LAST_CHANNELS, BN_MOMENTUM)).append(relu());
    this.classifier = new nn.Sequential(
      new nn.Dropout(dropout, { inplace: true }),
      new nn.Linear(LAST_CHANNELS, numClasses),
    );
    initialiseLayers(this, {
      conv: kaimingFanOut,
      linear: (weight) => nn.init.kaimingUniform_(weight, { mode: 'fan_out', nonlinearity: 'sigmoid' }),
    });
  }

  forward(x: Tensor): Tensor {
    return pipe(x, this.layers, (features) => features.mean([2, 3]), this.classifier);
  }

  /**
   * Takes checkpoints of the network's first version too, whose stem had the same 32 and 16 channels for every `alpha`: the stem
   * and the first stack are made anew for them, so parameters must be handed to an optimiser after loading.
   */
  override loadStateDict(state: nn.StateDict, options?: nn.LoadStateDictOptions): nn.LoadReport {
    const [given] = state['layers.0.weight']?.shape ?? [];
    const [own] = this.stateDict()['layers.0.weight']?.shape ?? [];
    if (given === DEPTHS[0] && own !== given) this.useFirstStem();
    return super.loadStateDict(state, options);
  }

  private useFirstStem(): void {
    const [firstChannels = 0, stemChannels = 0, stackChannels = 0] = DEPTHS;
    const [stack = [3, 1, 1, 1] as const] = STACKS;
    const first = makeStack(stemChannels, makeDivisible(stackChannels * this.alpha, 8), stack);
    for (const [i, layer] of [...makeStem(firstChannels, stemChannels), first].entries()) {
      this.layers.at(i).dispose();
      Object.assign(this.layers, { [i]: layer.train(this.training) });
    }
  }
}

function mnasnet(name: string, alpha: number, weights: WeightsEnum) {
  return registerClassifier(name, {
    make: (options: MNASNetOptions) => new MNASNet(alpha, options),
    weights,
    defaults: { dropout: 0.2 },
  });
}

/** MNASNet with half the channels. */
export const mnasnet0_5 = mnasnet('mnasnet0_5', 0.5, weightsOf.MNASNet0_5_Weights);
/** MNASNet with three quarters of the channels. */
export const mnasnet0_75 = mnasnet('mnasnet0_75', 0.75, weightsOf.MNASNet0_75_Weights);
/** MNASNet. */
export const mnasnet1_0 = mnasnet('mnasnet1_0', 1, weightsOf.MNASNet1_0_Weights);
/** MNASNet with 1.3 times the channels. */
export const mnasnet1_3 = mnasnet('mnasnet1_3', 1.3, weightsOf.MNASNet1_3_Weights);
