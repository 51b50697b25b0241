/** @file Parameterised clipping (PACT; Choi et al., 2018, arXiv:1805.06085): the ends of the range are parameters. */

import { clamp, minimum, nn, scope, type Tensor, zeros, zerosLike } from '@edgeai/torch';
import type { FakeQuantizeOptions } from '../fake-quantize.ts';
import { chooseParameters } from '../parameters.ts';
import { alongAxis, fakeQuantize } from '../rounding.ts';
import type { QuantizationScheme } from '../scheme.ts';
import { LearnedQuantizer } from './learned-quantizer.ts';
import { straightThrough } from './straight-through.ts';

/**
 * Clips to the range, then rounds. A value beyond an end hands its gradient to that end, one inside keeps it; rounding is
 * passed straight through. Symmetric ranges have one end, ±`clip_max`; affine ones also `clip_min`.
 *
 * The paper's regularisation of the ends is the optimiser's weight decay.
 *
 * State-dict keys besides the usual: `clip_min`, `clip_max`.
 */
export class LearnedClip extends LearnedQuantizer {
  /** float32 `(scales)` */
  readonly clip_min: nn.Parameter;
  /** float32 `(scales)` */
  readonly clip_max: nn.Parameter;

  constructor(scheme: QuantizationScheme, options: FakeQuantizeOptions) {
    super(scheme, options);
    const end = (requiresGrad: boolean) => scope(() => new nn.Parameter(zeros([this.scale.numel()]), { requiresGrad }));
    this.clip_min = end(!scheme.symmetric);
    this.clip_max = end(true);
  }

  protected override round(x: Tensor): Tensor {
    if (!this.trains) return super.round(x);
    const { dtype } = x;
    const rounded = this.grouped(x, (values) => this.clipAndRound(values.to({ dtype: 'float32' })));
    return rounded.to({ dtype });
  }

  private clipAndRound(x: Tensor): Tensor {
    const { quantMin, quantMax } = this.limits;
    const scale = this.scale.detach();
    const ends = (limit: number) => scale.mul(this.zero_point.neg().add(limit));
    // Rounding the scale moves the ends a little: they have the values that integers reach, and the parameters' gradients.
    const low = straightThrough(this.scheme.symmetric ? this.lowEnd() : this.clip_min, ends(quantMin));
    const high = straightThrough(this.clip_max, ends(quantMax));
    const along = (value: Tensor) => alongAxis(value, x.ndim, this.axis);
    const clipped = clamp(x, along(low), along(high));
    const rounded = fakeQuantize(clipped.detach(), this.quantParameters, this.axis, this.limits, this.scheme.rounding);
    return straightThrough(clipped, rounded);
  }

  protected adopt(): void {
    const { quantMin, quantMax } = this.limits;
    const { symmetric, powerOfTwo } = this.scheme;
    // Of a power of two it is only known that the ends were no further out: between this and the next smaller one.
    const scale = powerOfTwo ? this.scale.mul(0.75) : this.scale;
    if (symmetric) {
      const levels = quantMax - quantMin;
      this.clip_max.copy_(scale.mul(this.startsAtZero() ? levels : levels / 2));
      return;
    }
    const zero = this.zero_point.neg();
    this.clip_min.copy_(scale.mul(zero.add(quantMin)));
    this.clip_max.copy_(scale.mul(zero.add(quantMax)));
  }

  protected derive(): void {
    const min = this.scheme.symmetric ? this.lowEnd() : minimum(this.clip_min, zerosLike(this.clip_min));
    const range = { min: min.detach(), max: this.clip_max.detach() };
    const { scale, zeroPoint } = chooseParameters(range, this.scheme, this.limits, this.startsAtZero());
    this.scale.copy_(scale);
    this.zero_point.copy_(zeroPoint);
  }

  protected parameterVersion(): string {
    return `${this.clip_min.version} ${this.clip_max.version}`;
  }

  /** Of a symmetric range. */
  private lowEnd(): Tensor {
    return this.startsAtZero() ? zerosLike(this.clip_max) : this.clip_max.neg();
  }

  /** Symmetric and unsigned, with the zero point at the smallest integer. */
  private startsAtZero(): boolean {
    const { quantMin } = this.limits;
    return quantMin >= 0 && this.zero_point.max().item() === quantMin;
  }
}
