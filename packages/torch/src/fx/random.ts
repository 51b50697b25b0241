/** @file Which operators draw random numbers. */

import type { Operator } from '../core/dispatch.ts';

const RANDOM =
  /^aten::(rand|normal|bernoulli|multinomial|poisson|uniform|exponential|geometric|cauchy|log_normal|.*dropout|rrelu)/;

/** True where two calls with the same arguments may give different results. */
export function isRandom(operator: Operator): boolean {
  return RANDOM.test(operator.name);
}
