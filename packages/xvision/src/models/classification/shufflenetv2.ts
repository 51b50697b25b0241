/** @file ShuffleNetV2 of edgeailite: torchvision's blocks under `features` (Ma et al. 2018, arXiv:1807.11164). */

import { ArgumentError, nn, type Tensor } from '@edgeai/torch';
import { models } from '@edgeai/vision';
import { initialise, pipe } from '../../layers/conv.ts';
import { checkStrides } from '../backbone.ts';

export interface ShuffleNetV2Options {
  /** Default 1000. */
  numClasses?: number;
  /** Default 3. */
  inputChannels?: number;
  /** Stem, pool and the three stages; a stage widens, so its stride is always 2. Default 2, 2, 2, 2, 2. */
  strides?: readonly number[];
}

const REPEATS = [4, 8, 4];

function convolution(inputs: number, outputs: number, kernel: number, stride: number): nn.Sequential {
  const padding = (kernel - 1) / 2;
  return new nn.Sequential(
    new nn.Conv2d(inputs, outputs, kernel, { stride, padding, bias: false }),
    new nn.BatchNorm2d(outputs),
    new nn.ReLU({ inplace: true }),
  );
}

/** `(N, 3, H, W)` to `(N, numClasses)`. */
export class ShuffleNetV2 extends nn.Module {
  readonly features: nn.Sequential;
  readonly classifier: nn.Linear;

  /** @param widths channels of the stem, the three stages and the last convolution */
  constructor(widths: readonly number[], options: ShuffleNetV2Options = {}) {
    super();
    const [s0, s1, ...stages] = checkStrides(options.strides);
    if (stages.includes(1)) throw ArgumentError.expected('strides', '2 for the last three strides', options.strides);
    const [stem = 0, ...rest] = widths;
    const last = rest.pop() ?? 0;
    const named: Record<string, nn.Module> = {
      conv1: convolution(options.inputChannels ?? 3, stem, 3, s0),
      maxpool: new nn.MaxPool2d(3, { stride: s1, padding: 1 }),
    };
    let channels = stem;
    for (const [i, width] of rest.entries()) {
      const stage = new nn.Sequential();
      for (let block = 0; block < (REPEATS[i] ?? 0); block++) {
        const first = block === 0;
        stage.append(new models.ShuffleNetInvertedResidual(first ? channels : width, width, first ? 2 : 1));
      }
      named[`stage${i + 2}`] = stage;
      channels = width;
    }
    named.conv5 = convolution(channels, last, 1, 1);
    this.features = new nn.Sequential(named);
    this.classifier = new nn.Linear(last, options.numClasses ?? 1000);
    initialise(this);
  }

  forward(x: Tensor): Tensor {
    return pipe(x, this.features, (map) => map.mean([2, 3]), this.classifier);
  }
}
