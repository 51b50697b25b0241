/**
 * @file DenseNet: each layer sees the outputs of all layers before it.
 *
 * Paper: Huang et al. 2016 (arXiv:1608.06993), the bottleneck variant with compression; memory-efficient training: Pleiss et al.
 * 2017 (arXiv:1707.06990). Lineage: torchvision's form. Weights: densenet-weights.ts.
 */

import { ArgumentError, adaptiveAvgPool2d, cat, nn, type Tensor } from '@edgeai/torch';
import { checkpoint } from '../ops/checkpoint.ts';
import { pipe } from '../ops/pipe.ts';
import { registerClassifier } from './classifier.ts';
import * as weightsOf from './densenet-weights.ts';
import { initialiseLayers } from './initialise.ts';
import { requireCount } from './utils.ts';
import type { WeightsEnum } from './weights.ts';

interface LayerOptions {
  /** Channels of the 1×1 convolution, in multiples of the growth rate. */
  bnSize: number;
  dropRate: number;
  memoryEfficient: boolean;
}

/** A 1×1 convolution that narrows and a 3×3 convolution that adds `growthRate` channels. */
export class DenseLayer extends nn.Module<[readonly Tensor[]], Tensor> {
  readonly norm1: nn.BatchNorm2d;
  readonly relu1: nn.ReLU;
  readonly conv1: nn.Conv2d;
  readonly norm2: nn.BatchNorm2d;
  readonly relu2: nn.ReLU;
  readonly conv2: nn.Conv2d;
  readonly dropRate: number;
  readonly memoryEfficient: boolean;

  constructor(inChannels: number, growthRate: number, { bnSize, dropRate, memoryEfficient }: LayerOptions) {
    super();
    const width = bnSize * growthRate;
    this.norm1 = new nn.BatchNorm2d(inChannels);
    this.relu1 = new nn.ReLU({ inplace: true });
    this.conv1 = new nn.Conv2d(inChannels, width, 1, { bias: false });
    this.norm2 = new nn.BatchNorm2d(width);
    this.relu2 = new nn.ReLU({ inplace: true });
    this.conv2 = new nn.Conv2d(width, growthRate, 3, { padding: 1, bias: false });
    this.dropRate = dropRate;
    this.memoryEfficient = memoryEfficient;
  }

  /** @param features the outputs of all layers before this one */
  forward(features: readonly Tensor[]): Tensor {
    const narrow =
      this.memoryEfficient && features.some((tensor) => tensor.requiresGrad)
        ? checkpoint(
            (inputs) => this.narrow(inputs),
            features,
            [this.norm1, this.conv1].flatMap((m) => m.parameters()),
          )
        : this.narrow(features);
    const added = pipe(narrow, this.norm2, this.relu2, this.conv2);
    return this.dropRate > 0 ? nn.functional.dropout(added, this.dropRate, { training: this.training }) : added;
  }

  private narrow(features: readonly Tensor[]): Tensor {
    return pipe(cat(features, 1), this.norm1, this.relu1, this.conv1);
  }
}

/** Layers of which each adds to the features that all before it have made; gives them all. */
export class DenseBlock extends nn.Module {
  constructor(numLayers: number, inChannels: number, growthRate: number, options: LayerOptions) {
    super();
    for (let i = 0; i < numLayers; i++) {
      const layer = new DenseLayer(inChannels + i * growthRate, growthRate, options);
      Object.assign(this, { [`denselayer${i + 1}`]: layer });
    }
  }

  forward(x: Tensor): Tensor {
    const features = [x];
    for (const layer of this.children()) features.push(layer(features));
    return cat(features, 1);
  }
}

/** Fewer channels and half the resolution. */
export class Transition extends nn.Sequential {
  constructor(inChannels: number, outChannels: number) {
    super({
      norm: new nn.BatchNorm2d(inChannels),
      relu: new nn.ReLU({ inplace: true }),
      conv: new nn.Conv2d(inChannels, outChannels, 1, { bias: false }),
      pool: new nn.AvgPool2d(2, { stride: 2 }),
    });
  }
}

export interface DenseNetOptions {
  /** Channels that each layer adds. Default 32. */
  growthRate?: number;
  /** Layers of each block. Default `[6, 12, 24, 16]`. */
  blockConfig?: readonly number[];
  /** Channels of the stem. Default 64. */
  numInitFeatures?: number;
  /** Channels inside a layer, in multiples of the growth rate. Default 4. */
  bnSize?: number;
  /** Probability of the dropout after each layer. Default 0. */
  dropRate?: number;
  /** Default 1000. */
  numClasses?: number;
  /** Compute the narrow features again in the backward pass instead of keeping them. Default `false`. */
  memoryEfficient?: boolean;
}

/** Layers of old checkpoints have a dot in their name: `norm.1`. */
const OLD_KEY =
  /^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\.(?:weight|bias|running_mean|running_var|num_batches_tracked))$/;

/** The network: stem, dense blocks with transitions between, global average, linear. `(N, 3, H, W)`, at least 29×29, to `(N, numClasses)`. */
export class DenseNet extends nn.Module {
  readonly features: nn.Sequential;
  readonly classifier: nn.Linear;

  constructor(options: DenseNetOptions = {}) {
    super();
    const { growthRate = 32, blockConfig = [6, 12, 24, 16], numInitFeatures = 64, numClasses = 1000 } = options;
    const { bnSize = 4, dropRate = 0, memoryEfficient = false } = options;
    const counts = { growthRate, numInitFeatures, bnSize, numClasses };
    for (const [name, value] of Object.entries(counts)) requireCount(name, value);
    if (!Array.isArray(blockConfig) || blockConfig.length === 0) {
      throw ArgumentError.expected('blockConfig', 'a list of layer counts', blockConfig);
    }
    const parts: Record<string, nn.Module> = {
      conv0: new nn.Conv2d(3, numInitFeatures, 7, { stride: 2, padding: 3, bias: false }),
      norm0: new nn.BatchNorm2d(numInitFeatures),
      relu0: new nn.ReLU({ inplace: true }),
      pool0: new nn.MaxPool2d(3, { stride: 2, padding: 1 }),
    };
    let channels = numInitFeatures;
    for (const [i, numLayers] of blockConfig.entries()) {
      const layerOptions = { bnSize, dropRate, memoryEfficient };
      parts[`denseblock${i + 1}`] = new DenseBlock(numLayers, channels, growthRate, layerOptions);
      channels += numLayers * growthRate;
      if (i === blockConfig.length - 1) break;
      const fewer = Math.floor(channels / 2);
      parts[`transition${i + 1}`] = new Transition(channels, fewer);
      channels = fewer;
    }
    parts.norm5 = new nn.BatchNorm2d(channels);
    this.features = new nn.Sequential(parts);
    this.classifier = new nn.Linear(channels, numClasses);
    initialiseLayers(this, { conv: (weight) => nn.init.kaimingNormal_(weight) });
    if (this.classifier.bias !== null) nn.init.zeros_(this.classifier.bias);
  }

  forward(x: Tensor): Tensor {
    const relu = (features: Tensor) => nn.functional.relu(features, { inplace: true });
    const pool = (features: Tensor) => adaptiveAvgPool2d(features, [1, 1]);
    return pipe(x, this.features, relu, pool, (pooled) => pooled.flatten(1), this.classifier);
  }

  /** Takes the keys of old checkpoints, such as `denselayer1.norm.1.weight`, too. */
  override adaptState(state: nn.StateDict, prefix: string): void {
    nn.renameStateKeys(state, prefix, (key) => key.replace(OLD_KEY, '$1$2'));
  }
}

function densenet(
  name: string,
  growthRate: number,
  blockConfig: readonly number[],
  numInitFeatures: number,
  weights: WeightsEnum,
) {
  return registerClassifier(name, {
    make: (options: Omit<DenseNetOptions, 'growthRate' | 'blockConfig' | 'numInitFeatures'>) =>
      new DenseNet({ ...options, growthRate, blockConfig, numInitFeatures }),
    weights,
    defaults: { bnSize: 4, dropRate: 0, memoryEfficient: false },
  });
}

/** DenseNet-121. */
export const densenet121 = densenet('densenet121', 32, [6, 12, 24, 16], 64, weightsOf.DenseNet121_Weights);
/** DenseNet-161, the widest. */
export const densenet161 = densenet('densenet161', 48, [6, 12, 36, 24], 96, weightsOf.DenseNet161_Weights);
/** DenseNet-169. */
export const densenet169 = densenet('densenet169', 32, [6, 12, 32, 32], 64, weightsOf.DenseNet169_Weights);
/** DenseNet-201, the deepest. */
export const densenet201 = densenet('densenet201', 32, [6, 12, 48, 32], 64, weightsOf.DenseNet201_Weights);
