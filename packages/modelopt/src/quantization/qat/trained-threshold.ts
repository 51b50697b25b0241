/** @file Trained quantisation thresholds (TQT; Jain et al., 2020, arXiv:1903.08066): the logarithm of the threshold is a parameter. */

import {
  customFunction,
  exp2,
  full,
  ldexp,
  log2,
  nn,
  noGrad,
  onesLike,
  scope,
  type Tensor,
  zeros,
} from '@edgeai/torch';
import type { FakeQuantizeOptions } from '../fake-quantize.ts';
import type { QuantizationScheme } from '../scheme.ts';
import { LearnedQuantizer } from './learned-quantizer.ts';
import { learnableFakeQuantize } from './learned-scale.ts';
import { straightThrough } from './straight-through.ts';

/** Weight of the past in the variance of gradients, and what keeps it from zero. */
const DECAY = 0.999;
const EPSILON = 1e-10;

/**
 * scale = 2^(log₂t − b), b = bits − 1 for signed integers, bits for unsigned ones; for power-of-two scales log₂t is rounded up first, with a
 * gradient as if it were not. The gradient of log₂t is s · ln 2 · Σ (q − x/s) inside the limits, of the limits outside.
 *
 * That gradient grows with the values and their number. With `normalizeGradient` it is replaced by tanh(g/√v), v its moving variance, as
 * the paper has it for optimisers that do not normalise by themselves: a step then changes log₂t by at most the learning rate.
 *
 * State-dict keys besides the usual: `log2_threshold`, `gradient_variance`, `gradient_steps`.
 */
export class TrainedThreshold extends LearnedQuantizer {
  /** float32 `(scales)` */
  readonly log2_threshold: nn.Parameter;
  /** float32 `(scales)`: moving average of squared gradients, not yet corrected for its beginning. */
  readonly gradient_variance: nn.Buffer;
  /** float32 `()`: how many went into it. */
  readonly gradient_steps: nn.Buffer;
  normalizeGradient = true;

  constructor(scheme: QuantizationScheme, options: FakeQuantizeOptions) {
    super(scheme, options);
    const scales = this.scale.numel();
    this.log2_threshold = scope(() => new nn.Parameter(zeros([scales])));
    this.gradient_variance = nn.Buffer.from(zeros([scales]));
    this.gradient_steps = nn.Buffer.from(full([], 0));
  }

  protected override round(x: Tensor): Tensor {
    if (!this.trains) return super.round(x);
    const { log2_threshold: parameter, gradient_variance: variance, gradient_steps: steps } = this;
    const threshold = this.normalizeGradient ? withNormalizedGradient(parameter, { variance, steps }) : parameter;
    const { powerOfTwo } = this.scheme;
    const rounded = powerOfTwo ? straightThrough(threshold, threshold.detach().ceil()) : threshold;
    // Exactly the scale that exports read, whatever exp2 makes of it.
    const scale = straightThrough(exp2(rounded.sub(this.exponent)), this.scale.detach());
    return this.grouped(x, (values) =>
      learnableFakeQuantize(values, scale, this.zero_point, this.axis, this.limits, 1),
    );
  }

  protected adopt(): void {
    // Of a power of two it is only known that the threshold was no larger: half a bit below leaves room both ways.
    const known = log2(this.scale).add(this.exponent);
    this.log2_threshold.copy_(this.scheme.powerOfTwo ? known.sub(0.5) : known);
  }

  protected derive(): void {
    const exponent = this.log2_threshold.detach().sub(this.exponent);
    this.scale.copy_(this.scheme.powerOfTwo ? ldexp(onesLike(exponent), exponent.ceil()) : exp2(exponent));
  }

  protected parameterVersion(): string {
    return String(this.log2_threshold.version);
  }

  /** Threshold = scale · 2^exponent. */
  private get exponent(): number {
    return this.limits.quantMin < 0 ? this.scheme.bits - 1 : this.scheme.bits;
  }
}

interface GradientState {
  readonly variance: Tensor;
  readonly steps: Tensor;
}

const withNormalizedGradient = customFunction<[Tensor, GradientState], Tensor, { moments?: GradientState }>({
  name: 'NormalizedGradient',
  forward(ctx, x, moments) {
    ctx.state.moments = moments;
    return x.clone();
  },
  backward(ctx, gradient) {
    const { moments } = ctx.state;
    if (gradient === null || moments === undefined) return null;
    const { variance, steps } = moments;
    return noGrad(() => {
      steps.add_(1);
      variance.mul_(DECAY).add_(gradient.mul(gradient).mul(1 - DECAY));
      const corrected = variance.div(1 - DECAY ** steps.item());
      return gradient.div(corrected.add(EPSILON).sqrt()).tanh();
    });
  },
});
