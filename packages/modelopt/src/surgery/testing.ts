/** @file What the tests of surgery share: running a network in evaluation mode, errors of outputs, unsettled batch norms. */

import { manualSeed, nn, noGrad, scope, type Tensor } from '@edgeai/torch';

/** The output in evaluation mode; the caller's scope owns it. */
export function evaluate(model: nn.AnyModule, ...inputs: Tensor[]): Tensor {
  const training = model.training;
  model.eval();
  const output = noGrad(() => scope(() => model(...inputs) as Tensor));
  model.train(training);
  return output;
}

/** Largest difference. */
export function maxDifference(a: Tensor, b: Tensor): number {
  return scope(() => a.sub(b).abs().max().item());
}

/** Distance of `actual` from `expected`, relative to the size of `expected`. */
export function relativeError(actual: Tensor, expected: Tensor): number {
  return scope(() => actual.sub(expected).norm().item() / expected.norm().item());
}

/** Gives all batch norms statistics and scales that are not those of a fresh layer. */
export function unsettle(model: nn.AnyModule, seed = 1): void {
  manualSeed(seed);
  noGrad(() =>
    scope(() => {
      for (const module of model.modules()) {
        if (!(module instanceof nn.BatchNorm)) continue;
        module.running_mean?.normal_(0, 0.1);
        module.running_var?.uniform_(0.5, 2);
        module.weight?.uniform_(0.5, 1.5);
        module.bias?.normal_(0, 0.1);
      }
    }),
  );
}
