/** @file Shows optical flow as colours: the hue is the direction, the strength of the colour the length (Baker et al., 2011). */

import { ArgumentError, floor, scope, type Tensor, tensor, zeros } from '@edgeai/torch';

/** How many steps the wheel takes from red to yellow, green, cyan, blue, magenta and back: as many as the eye can tell apart. */
const SECTORS = { redYellow: 15, yellowGreen: 6, greenCyan: 4, cyanBlue: 11, blueMagenta: 13, magentaRed: 6 } as const;

/** The colours around the wheel, 0 … 255. */
function wheel(): (readonly [number, number, number])[] {
  const rising = (steps: number) => Array.from({ length: steps }, (_, i) => Math.floor((255 * i) / steps));
  const falling = (steps: number) => rising(steps).map((value) => 255 - value);
  return [
    ...rising(SECTORS.redYellow).map((green) => [255, green, 0] as const),
    ...falling(SECTORS.yellowGreen).map((red) => [red, 255, 0] as const),
    ...rising(SECTORS.greenCyan).map((blue) => [0, 255, blue] as const),
    ...falling(SECTORS.cyanBlue).map((green) => [0, green, 255] as const),
    ...rising(SECTORS.blueMagenta).map((red) => [red, 0, 255] as const),
    ...falling(SECTORS.magentaRed).map((blue) => [255, 0, blue] as const),
  ];
}

const FLOAT_EPSILON = 2 ** -23;

/**
 * Colours a flow. Lengths are relative to the longest of all: white does not move, the longest has the full colour.
 *
 * @param flow float32 `(2, H, W)` or `(N, 2, H, W)`, to the right and down, in pixels
 * @returns uint8 of the same shape with 3 channels
 * @throws {ArgumentError} for other types or shapes
 */
export function flowToImage(flow: Tensor): Tensor {
  if (flow.dtype !== 'float32') throw ArgumentError.expected('flow', 'float32', flow.dtype);
  if ((flow.ndim !== 3 && flow.ndim !== 4) || flow.shape.at(-3) !== 2)
    throw ArgumentError.expected('flow', 'the shape [2, H, W] or [N, 2, H, W]', `[${flow.shape.join(', ')}]`);
  return scope(() => {
    const batch = flow.ndim === 3 ? flow.unsqueeze(0) : flow;
    const longest = batch.pow(2).sum([1]).sqrt().max();
    const image = colour(batch.div(longest.add(FLOAT_EPSILON)));
    return flow.ndim === 3 ? image.squeeze(0) : image;
  });
}

/** @param flow `(N, 2, H, W)` of length 1 at most */
function colour(flow: Tensor): Tensor {
  const colours = wheel();
  const [batch = 0, , height = 0, width = 0] = flow.shape;
  const length = flow.pow(2).sum([1]).sqrt();
  const angle = flow.select(1, 1).neg().atan2(flow.select(1, 0).neg()).div(Math.PI);
  const position = angle
    .add(1)
    .div(2)
    .mul(colours.length - 1);
  const before = floor(position);
  const share = position.sub(before);
  const first = before.to('int64');
  const second = first.add(1).remainder(colours.length);
  const image = zeros([batch, 3, height, width], { dtype: 'uint8', device: flow.device });
  const table = tensor(
    colours.map((entry) => [...entry]),
    { dtype: 'float32', device: flow.device },
  ).div(255);
  for (const channel of [0, 1, 2]) {
    const column = table.select(1, channel);
    const at = (index: Tensor) => column.indexSelect(0, index.flatten()).reshape(index.shape);
    const full = share
      .neg()
      .add(1)
      .mul(at(first))
      .add(share.mul(at(second)));
    // Towards white, the shorter the flow.
    const value = length.mul(full.neg().add(1)).neg().add(1);
    image.select(1, channel).copy_(floor(value.mul(255)));
  }
  return image;
}
