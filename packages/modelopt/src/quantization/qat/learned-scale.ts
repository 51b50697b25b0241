/** @file Learned step sizes (LSQ; Esser et al., 2020, arXiv:1902.08153): the scale itself is a parameter. */

import { nn, noGrad, ops, scope, type Tensor, zeros } from '@edgeai/torch';
import { type QuantParameters, SMALLEST_SCALE } from '../parameters.ts';
import type { QuantLimits } from '../scheme.ts';
import { LearnedQuantizer } from './learned-quantizer.ts';

/**
 * Its `scale` is a parameter under the same state-dict key as elsewhere. The gradient of a scale is, element by element, q − x/s inside
 * the limits and the limit (less the zero point) outside, times 1/√(N · quantMax) for N elements a scale: with that, a scale changes
 * about as fast as the weights, relative to its size. The zero point stays where calibration put it.
 */
export class LearnedScale extends LearnedQuantizer {
  protected override makeScale(count: number): nn.Parameter {
    return scope(() => new nn.Parameter(zeros([count])));
  }

  override get quantParameters(): QuantParameters {
    return { scale: this.scale.detach(), zeroPoint: this.zero_point };
  }

  protected override round(x: Tensor): Tensor {
    if (!this.trains) return super.round(x);
    return this.grouped(x, (values) => {
      const { limits } = this;
      const elements = this.role === 'activation' ? values.numel() / (values.shape[0] ?? 1) : values.numel();
      const perScale = this.axis === null ? elements : elements / this.scale.numel();
      const factor = 1 / Math.sqrt(Math.max(perScale, 1) * Math.max(limits.quantMax, 1));
      return learnableFakeQuantize(values, this.scale, this.zero_point, this.axis, limits, factor);
    });
  }

  protected adopt(): void {}

  /** A step of the optimiser must not make a scale negative. */
  protected derive(): void {
    this.scale.clamp_({ min: SMALLEST_SCALE });
  }

  protected parameterVersion(): string {
    return String(this.scale.version);
  }
}

/**
 * Fake quantisation with a gradient for the scale, of libtorch's own.
 *
 * @param scale `(scales)` float32
 * @param factor of the scale's gradient
 */
export function learnableFakeQuantize(
  x: Tensor,
  scale: Tensor,
  zeroPoint: Tensor,
  axis: number | null,
  { quantMin, quantMax }: QuantLimits,
  factor: number,
): Tensor {
  if (x.dtype !== 'float32') {
    const wide = x.to({ dtype: 'float32' });
    return learnableFakeQuantize(wide, scale, zeroPoint, axis, { quantMin, quantMax }, factor).to({ dtype: x.dtype });
  }
  const zero = noGrad(() => zeroPoint.float());
  // The dispatcher's functions return what the schema says: here a tensor.
  return (
    axis === null
      ? perTensor(x, scale, zero, quantMin, quantMax, factor)
      : perChannel(x, scale, zero, axis, quantMin, quantMax, factor)
  ) as Tensor;
}

function perTensor(...args: unknown[]): unknown {
  return ops.aten?._fake_quantize_learnable_per_tensor_affine?.(...args);
}

function perChannel(...args: unknown[]): unknown {
  return ops.aten?._fake_quantize_learnable_per_channel_affine?.(...args);
}
