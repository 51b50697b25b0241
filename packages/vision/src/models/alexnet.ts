/**
 * @file AlexNet.
 *
 * Paper: Krizhevsky 2014, the one-column variant (arXiv:1404.5997). Lineage: torchvision's form. Weights: alexnet-weights.ts.
 */

import { nn, type Tensor } from '@edgeai/torch';
import { pipe } from '../ops/pipe.ts';
import { AlexNet_Weights } from './alexnet-weights.ts';
import { registerClassifier } from './classifier.ts';
import { requireCount } from './utils.ts';

export interface AlexNetOptions {
  /** Default 1000. */
  numClasses?: number;
  /** Probability of the dropouts before the two hidden layers of the classifier. Default 0.5. */
  dropout?: number;
}

const relu = () => new nn.ReLU({ inplace: true });
const pool = () => new nn.MaxPool2d(3, { stride: 2 });

/** The network: five convolutions, a 6×6 average, three linear layers. `(N, 3, H, W)`, at least 63×63, to `(N, numClasses)`. */
export class AlexNet extends nn.Module {
  readonly features: nn.Sequential;
  readonly avgpool: nn.AdaptiveAvgPool2d;
  readonly classifier: nn.Sequential;

  constructor({ numClasses = 1000, dropout = 0.5 }: AlexNetOptions = {}) {
    super();
    requireCount('numClasses', numClasses);
    this.features = new nn.Sequential(
      new nn.Conv2d(3, 64, 11, { stride: 4, padding: 2 }),
      relu(),
      pool(),
      new nn.Conv2d(64, 192, 5, { padding: 2 }),
      relu(),
      pool(),
      new nn.Conv2d(192, 384, 3, { padding: 1 }),
      relu(),
      new nn.Conv2d(384, 256, 3, { padding: 1 }),
      relu(),
      new nn.Conv2d(256, 256, 3, { padding: 1 }),
      relu(),
      pool(),
    );
    this.avgpool = new nn.AdaptiveAvgPool2d([6, 6]);
    this.classifier = new nn.Sequential(
      new nn.Dropout(dropout),
      new nn.Linear(256 * 6 * 6, 4096),
      relu(),
      new nn.Dropout(dropout),
      new nn.Linear(4096, 4096),
      relu(),
      new nn.Linear(4096, numClasses),
    );
  }

  forward(x: Tensor): Tensor {
    return pipe(x, this.features, this.avgpool, (pooled) => pooled.flatten(1), this.classifier);
  }
}

/** AlexNet. */
export const alexnet = registerClassifier('alexnet', {
  make: (options: AlexNetOptions) => new AlexNet(options),
  weights: AlexNet_Weights,
  defaults: { dropout: 0.5 },
});
