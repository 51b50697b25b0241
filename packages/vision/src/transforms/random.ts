/** @file Single random numbers from libtorch's default generator, as torchvision's transforms draw them. */

import { drawUniform } from '@edgeai/torch';

export { drawInteger, drawUniform } from '@edgeai/torch';

/** One float32 from [0, 1): `torch.rand(1)`. */
export function drawUnit(): number {
  return drawUniform(0, 1);
}

/** Whether an event of probability `p` happens: `torch.rand(1) < p`, which compares in float32. */
export function drawChance(p: number): boolean {
  return drawUnit() < Math.fround(p);
}
