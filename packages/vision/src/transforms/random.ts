/** @file Single random numbers from libtorch's default generator, as torchvision's transforms draw them. */

import { empty, rand, randint, scope } from '@edgeai/torch';

/** One float32 from [0, 1): `torch.rand(1)`. */
export function drawUnit(): number {
  return scope(() => rand([1]).item());
}

/** Whether an event of probability `p` happens: `torch.rand(1) < p`, which compares in float32. */
export function drawChance(p: number): boolean {
  return drawUnit() < Math.fround(p);
}

/** One float32 from [from, to): `torch.empty(1).uniform_(from, to)`. */
export function drawUniform(from: number, to: number): number {
  return scope(() => empty([1]).uniform_(from, to).item());
}

/** One whole number from [low, high): `torch.randint(low, high, (1,))`. */
export function drawInteger(low: number, high: number): number {
  return scope(() => randint(low, high, [1]).item());
}
