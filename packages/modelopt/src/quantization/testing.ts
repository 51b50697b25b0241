/** @file What tests of quantisation share: values from a formula, a small network, calibration in two lines. */

import { fromTypedArray, nn, noGrad, scope, type Tensor } from '@edgeai/torch';
import type { QuantizedModel } from './quantized-model.ts';

/** sin(0.7548776662 · i + seed) · scale: the same values as `wave` in `make-quantization-fixtures.py`. */
export function wave(shape: readonly number[], seed: number, scale = 1): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  return fromTypedArray(
    Float32Array.from({ length: count }, (_, i) => Math.sin(i * 0.7548776662 + seed) * scale),
    shape,
  );
}

/** Fills parameters and statistics by the formula, as `fill` in `make-quantization-fixtures.py`. */
export function fill(net: nn.AnyModule): void {
  noGrad(() =>
    scope(() => {
      Object.entries(net.stateDict()).forEach(([key, tensor], seed) => {
        if (tensor.dtype !== 'float32') return;
        const value = wave(tensor.shape, seed, 0.5);
        const positive = key.endsWith('running_var') || (key.startsWith('bn') && key.endsWith('weight'));
        tensor.copy_(positive ? value.abs().add(0.5) : value);
      });
    }),
  );
}

/** Conv-BN-ReLU, a residual addition with a functional ReLU, one without, pooling, a linear layer at top level. */
export class SmallNet extends nn.Module {
  readonly conv1 = new nn.Conv2d(3, 8, 3, { padding: 1, bias: false });
  readonly bn1 = new nn.BatchNorm2d(8);
  readonly relu = new nn.ReLU();
  readonly conv2 = new nn.Conv2d(8, 8, 3, { padding: 1, groups: 8, bias: false });
  readonly bn2 = new nn.BatchNorm2d(8);
  readonly pool = new nn.MaxPool2d(2);
  readonly conv3 = new nn.Conv2d(8, 8, 1);
  readonly fc = new nn.Linear(8, 5);

  constructor() {
    super();
    fill(this as nn.AnyModule);
  }

  forward(input: Tensor): Tensor {
    const x = this.relu(this.bn1(this.conv1(input)));
    const y = this.pool(x.add(this.bn2(this.conv2(x))).relu());
    return this.fc(y.add(this.conv3(y)).adaptiveAvgPool2d([1, 1]).flatten(1));
  }
}

/** Depthwise-separable layers whose channels differ in size by factors of up to 64, as they do in MobileNets. */
export class UnevenNet extends nn.Module {
  readonly features = new nn.Sequential(
    new nn.Conv2d(3, 16, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.Conv2d(16, 16, 3, { padding: 1, groups: 16 }),
    new nn.ReLU(),
    new nn.Conv2d(16, 8, 1),
  );
  readonly classifier = new nn.Linear(8, 4);

  constructor() {
    super();
    fill(this as nn.AnyModule);
    noGrad(() =>
      scope(() => {
        const sizes = wave([16], 3, 3).exp2().mul(2);
        const first = this.features.getSubmodule('0') as nn.Conv2d;
        const second = this.features.getSubmodule('2') as nn.Conv2d;
        first.weight.mul_(sizes.reshape([-1, 1, 1, 1]));
        first.bias?.mul_(sizes);
        second.weight.div_(sizes.reshape([-1, 1, 1, 1]));
      }),
    );
  }

  forward(x: Tensor): Tensor {
    return this.classifier(this.features(x).mean([2, 3]));
  }
}

/** Observes batches without rounding, then switches to rounding without observing. */
export function calibrateWith(model: QuantizedModel, batches: readonly Tensor[]): void {
  model.setQuantizers({ observing: true, quantizing: false });
  for (const batch of batches)
    noGrad(() =>
      scope(() => {
        model(batch);
      }),
    );
  model.setQuantizers({ observing: false, quantizing: true });
}
