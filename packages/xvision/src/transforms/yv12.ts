/** @file Planar YV12, as cameras give it: brightness, then V and U at half the resolution (ITU-R BT.601), with OpenCV's arithmetic. */

import { ArgumentError, cat, scope, stack, type Tensor, tensor } from '@edgeai/torch';

/** Bits after the point of the factors. */
const SHIFT = 20;
const HALF = 2 ** (SHIFT - 1);
/** Of red, green and blue. */
const TO_Y = [269484, 528482, 102760];
const TO_U = [-155188, -305135, 460324];
const TO_V = [460324, -385875, -74448];
const [FROM_Y, U_TO_B, U_TO_G, V_TO_G, V_TO_R] = [1220542, 2116026, -409993, -852492, 1673527];

function shifted(value: Tensor): Tensor {
  return value.add(HALF).bitwiseRightShift(SHIFT);
}

/** Products are too large for 32 bits. */
function weighted(image: Tensor, factors: readonly number[], offset: number): Tensor {
  const column = tensor([...factors], { dtype: 'int64' }).reshape([3, 1, 1]);
  return shifted(
    image
      .to('int64')
      .mul(column)
      .sum([0])
      .add(offset * 2 ** SHIFT),
  )
    .clamp({ min: 0, max: 255 })
    .to('uint8');
}

/**
 * @param image uint8 `(3, H, W)`, red first; sides must be even, the height a multiple of 4
 * @returns uint8 `(1, 3H/2, W)`
 */
export function rgbToYv12(image: Tensor): Tensor {
  const [channels, height = 0, width = 0] = image.shape;
  if (image.dtype !== 'uint8' || channels !== 3 || height % 4 !== 0 || width % 2 !== 0)
    throw ArgumentError.expected(
      'image',
      'uint8 [3, H, W] with H a multiple of 4 and W even',
      `${image.dtype} [${image.shape}]`,
    );
  return scope(() => {
    // Colour is that of the upper left pixel of each four.
    const corner = image.slice({ dim: 1, step: 2 }).slice({ dim: 2, step: 2 });
    const plane = (map: Tensor) => map.contiguous().reshape([height / 4, width]);
    return cat(
      [weighted(image, TO_Y, 16), plane(weighted(corner, TO_V, 128)), plane(weighted(corner, TO_U, 128))],
      0,
    ).unsqueeze(0);
  });
}

/** What {@link rgbToYv12} turns into, back: uint8 `(3, H, W)`, red first. @param planes uint8 `(1, 3H/2, W)` */
export function yv12ToRgb(planes: Tensor): Tensor {
  const [, rows = 0, width = 0] = planes.shape;
  if (planes.dtype !== 'uint8' || rows % 6 !== 0 || width % 2 !== 0)
    throw ArgumentError.expected(
      'planes',
      'uint8 [1, 3H/2, W] with H a multiple of 4 and W even',
      `${planes.dtype} [${planes.shape}]`,
    );
  const height = (rows * 2) / 3;
  return scope(() => {
    const all = planes.select(0, 0).to('int64');
    const chroma = (row: number) =>
      all
        .narrow(0, row, height / 4)
        .reshape([height / 2, width / 2])
        .repeatInterleave(2, { dim: 0 })
        .repeatInterleave(2, { dim: 1 })
        .sub(128);
    const y = all.narrow(0, 0, height).sub(16).clamp({ min: 0 }).mul(FROM_Y);
    const [v, u] = [chroma(height), chroma(height + height / 4)];
    const channels = [v.mul(V_TO_R), v.mul(V_TO_G).add(u.mul(U_TO_G)), u.mul(U_TO_B)];
    return stack(channels.map((part) => shifted(y.add(part))))
      .clamp({ min: 0, max: 255 })
      .to('uint8');
  });
}
