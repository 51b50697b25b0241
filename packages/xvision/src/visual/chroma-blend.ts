/** @file Lays colours over a picture such that its brightness stays: luma of one, chroma of the other. */

import { nn, scope, stack, type Tensor } from '@edgeai/torch';

/** Fixed-point factors of OpenCV's YUV with 14 bits after the point. */
const SHIFT = 14;
const [R2Y, G2Y, B2Y, B2U, R2V] = [4899, 9617, 1868, 8061, 14369];
const [U2B, U2G, V2G, V2R] = [33292, -6472, -9519, 18678];

function rounded(value: Tensor): Tensor {
  return value
    .add(1 << (SHIFT - 1))
    .bitwiseRightShift(SHIFT)
    .clamp({ min: 0, max: 255 });
}

/** The first channel is taken for blue, as OpenCV's name for the conversion has it, whatever it is. */
function toYuv(image: Tensor): [Tensor, Tensor, Tensor] {
  const [b, g, r] = image.to('int32').unbind(0) as [Tensor, Tensor, Tensor];
  const y = rounded(b.mul(B2Y).add(g.mul(G2Y)).add(r.mul(R2Y)));
  const offset = 128 << SHIFT;
  return [y, rounded(b.sub(y).mul(B2U).add(offset)), rounded(r.sub(y).mul(R2V).add(offset))];
}

function fromYuv(y: Tensor, u: Tensor, v: Tensor): Tensor {
  const [cb, cr] = [u.sub(128), v.sub(128)];
  const part = (value: Tensor) => value.add(1 << (SHIFT - 1)).bitwiseRightShift(SHIFT);
  const channels = [cb.mul(U2B), cb.mul(U2G).add(cr.mul(V2G)), cr.mul(V2R)].map((value) => y.add(part(value)));
  return stack(channels).clamp({ min: 0, max: 255 }).to('uint8');
}

/**
 * The brightness of a picture with the colours of another. A picture of another size is brought to that of the colours.
 *
 * @param image uint8 `(3, H, W)`
 * @param colours uint8 `(3, h, w)`
 * @returns uint8 `(3, h, w)`
 */
export function chromaBlend(image: Tensor, colours: Tensor): Tensor {
  return scope(() => {
    const [height = 0, width = 0] = colours.shape.slice(-2);
    const fits = image.size(1) === height && image.size(2) === width;
    const resized = fits
      ? image
      : nn.functional
          .interpolate(image.unsqueeze(0).to('float32'), { size: [height, width], mode: 'bilinear' })
          .squeeze(0)
          .round();
    const [y] = toYuv(resized);
    const [, u, v] = toYuv(colours);
    return fromYuv(y, u, v);
  });
}
