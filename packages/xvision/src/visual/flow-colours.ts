/** @file Optical flow as colours: the hue is the direction, the saturation the length. */

import { scope, stack, type Tensor, where } from '@edgeai/torch';

/** Colours are full from an eighth of the greatest length on. */
const GAIN = 8;

/**
 * @param flow float32 `(2, H, W)`, to the right and down, in pixels
 * @param longest the length that counts as the greatest; without it, that of this flow
 * @returns float32 `(3, H, W)` from 0 to 1
 */
export function flowColours(flow: Tensor, longest?: number): Tensor {
  return scope(() => {
    const [x, y] = flow.to('float32').unbind(0) as [Tensor, Tensor];
    const length = x.square().add(y.square()).sqrt();
    const most = longest ?? Math.max(Number(length.max().item()), 1e-12);
    const saturation = length.mul(GAIN / most).clamp({ min: 0, max: 1 });
    const hue = y
      .atan2(x)
      .div(2 * Math.PI)
      .add(1)
      .remainder(1);
    return fromHsv(hue, saturation);
  });
}

/** Red, green and blue of hues and saturations at full value. */
function fromHsv(hue: Tensor, saturation: Tensor): Tensor {
  const channel = (offset: number) => {
    const position = hue.mul(6).add(offset).remainder(6);
    const rest = position.neg().add(4);
    const ramp = where(position.lt(rest), position, rest).clamp({ min: 0, max: 1 });
    return saturation.mul(ramp).neg().add(1);
  };
  return stack([channel(5), channel(3), channel(1)]);
}
