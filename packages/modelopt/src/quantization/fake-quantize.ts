/**
 * @file The layer that stands for a quantiser: it watches values, holds a scale and a zero point, and rounds.
 *
 * State-dict keys below its path: `scale` and `zero_point` (one element, or one a channel), `quant_range` (the smallest and the largest
 * integer, which say bits and sign), and what its observer keeps: `observer.min_val`, `observer.max_val`, for histograms
 * `observer.histogram` and `observer.bin_range`.
 *
 * Whether it watches and whether it rounds are two switches of its own. `train()` and `eval()` touch neither.
 */

import { dispose, type fx, isGradEnabled, nn, noGrad, scope, type Tensor, tensor, zeros } from '@edgeai/torch';
import { QuantizationError } from './errors.ts';
import { createObserver } from './observers/create.ts';
import type { Observer, RangeSearch } from './observers/observer.ts';
import { chooseParameters, type QuantParameters, type Range } from './parameters.ts';
import { alongAxis, fakeQuantize, fakeQuantizeForward, type ScalarParameters } from './rounding.ts';
import { describeScheme, type QuantizationScheme, type QuantLimits, quantLimits } from './scheme.ts';

export type QuantizerRole = 'weight' | 'activation';

export interface FakeQuantizeOptions {
  /** Named in errors: the layer whose weight or result this is. */
  layer: string;
  role: QuantizerRole;
  /** Dimension of the output channels in weights, or of the channels in activations. Needed unless the scheme is per tensor. */
  axis?: number;
  /** Shape of the weight. Needed unless the scheme is per tensor. */
  shape?: readonly number[];
  /** The values are never negative, whatever the data says. Default `false`: the data says. */
  nonNegative?: boolean;
  /**
   * All values there can be, which fix scale and zero point for good: [0, 1] of a sigmoid gives 1/256 and 0 in 8 bits, [−1, 1] of a
   * tanh 2/256 and 128.
   */
  values?: readonly [min: number, max: number];
}

/** What was read from a buffer, until its version changes. Beside the modules, so that copies do not inherit it. */
type Cache<T> = WeakMap<Tensor, { readonly version: number; readonly value: T }>;

const limitsCache: Cache<QuantLimits> = new WeakMap();
const scalarCache: Cache<ScalarParameters> = new WeakMap();

function cached<T>(cache: Cache<T>, buffer: Tensor, version: number, read: () => T): T {
  const known = cache.get(buffer);
  if (known?.version === version) return known.value;
  const value = read();
  cache.set(buffer, { version, value });
  return value;
}

/** Watches, holds a range, rounds. @see FakeQuantizeOptions */
export class FakeQuantize extends nn.Module<[Tensor, boolean?], Tensor> implements fx.FakeQuantizer {
  /** float32 `(scales)`; 0 before a range is known. A parameter where it is trained itself. */
  readonly scale: nn.Buffer | nn.Parameter;
  /** int32 `(scales)` */
  readonly zero_point: nn.Buffer;
  /** int32 `(2)` */
  readonly quant_range: nn.Buffer;
  readonly observer: Observer | null;
  readonly scheme: QuantizationScheme;
  readonly layer: string;
  readonly role: QuantizerRole;
  /** Look at the values that pass, and follow them with the range. */
  observing: boolean;
  /** Round the values that pass. */
  quantizing = true;
  /** Zero values get no gradient, so that pruned weights stay zero. Weights only. */
  preserveZeros = false;
  /** Dimension of the channels as `scale` counts them; `null` per tensor. */
  protected readonly axis: number | null;
  private readonly groupSize: number | null;
  private readonly nonNegative: boolean;
  private ready = false;
  /** The observer has seen values that the scale does not know of yet. */
  private pending = false;

  constructor(scheme: QuantizationScheme, options: FakeQuantizeOptions) {
    super();
    const { layer, role, axis, shape, nonNegative = false, values } = options;
    const { granularity } = scheme;
    if (granularity !== 'tensor' && (axis === undefined || shape === undefined))
      throw new QuantizationError(`${describeScheme(scheme)} needs to know the shape, which it does not`, layer);
    this.scheme = scheme;
    this.layer = layer;
    this.role = role;
    this.nonNegative = nonNegative;
    this.groupSize = typeof granularity === 'object' ? granularity.groupSize : null;
    this.axis = granularity === 'tensor' ? null : this.groupSize === null ? (axis ?? 0) : 0;
    const scales = this.countScales(axis ?? 0, shape ?? []);
    this.scale = this.makeScale(scales);
    this.zero_point = nn.Buffer.from(zeros([scales], { dtype: 'int32' }));
    this.quant_range = nn.Buffer.from(zeros([2], { dtype: 'int32' }));
    const unsigned = scheme.signed === false || (scheme.signed === 'auto' && (nonNegative || !scheme.symmetric));
    this.setLimits(quantLimits(scheme.bits, !unsigned, scheme.narrowRange));
    const { fixedRange } = scheme;
    const given = values !== undefined || fixedRange !== null;
    this.observer = given ? null : createObserver(scheme.observer, { layer, axis: this.axis, channels: scales });
    this.observing = !given;
    if (values !== undefined) this.setValues(values);
    else if (fixedRange !== null)
      noGrad(() => scope(() => this.setRange({ min: tensor([fixedRange[0]]), max: tensor([fixedRange[1]]) })));
  }

  protected makeScale(count: number): nn.Buffer | nn.Parameter {
    return nn.Buffer.from(zeros([count]));
  }

  /**
   * Passes `x` on, rounded if `quantizing`, after a look at it if `observing`.
   *
   * @param shared this is a value that has passed this quantiser before and was only moved about (pooled, reshaped): not to be looked at again
   */
  forward(x: Tensor, shared = false): Tensor {
    if (this.observing && !shared) noGrad(() => this.observe(x.detach()));
    if (!this.quantizing) return x;
    this.refresh();
    this.requireRange();
    const masked = this.preserveZeros ? x.mul(x.ne(0)) : x;
    return this.round(masked);
  }

  /** Rounds, whatever the switches say. */
  protected round(x: Tensor): Tensor {
    const plain = this.axis === null && this.scheme.rounding === 'half-even' && x.dtype === 'float32';
    if (plain && !(isGradEnabled() && (x.requiresGrad || this.scale.requiresGrad)))
      return fakeQuantizeForward(x, this.scalars, this.limits);
    return this.grouped(x, (values) =>
      fakeQuantize(values, this.quantParameters, this.axis, this.limits, this.scheme.rounding),
    );
  }

  /** The integers that `x` is rounded to, as float32, in the shape of `x`: exactly those that forward's result stands for. */
  integers(x: Tensor): Tensor {
    this.refresh();
    this.requireRange();
    const rounded = this.round(x);
    return rounded.div(this.scaleFor(x)).round().add(this.zeroPointFor(x));
  }

  /** The scale of each element of a tensor, for broadcasting. */
  scaleFor(x: Tensor): Tensor {
    return this.perElement(this.scale, x);
  }

  /** The zero point of each element of a tensor, as float32, for broadcasting. */
  zeroPointFor(x: Tensor): Tensor {
    return this.perElement(this.zero_point.float(), x);
  }

  /** Smallest and largest integer. */
  get limits(): QuantLimits {
    return cached(limitsCache, this.quant_range, this.quant_range.version, () => {
      const [quantMin = 0, quantMax = 0] = this.quant_range.toArray() as number[];
      return { quantMin, quantMax };
    });
  }

  /** Scale and zero point as numbers, read again when they have changed. */
  private get scalars(): ScalarParameters {
    const { scale, zero_point: zero } = this;
    return cached(scalarCache, scale, scale.version + zero.version, () => {
      const value = scale.item();
      return { scale: value, inverse: Math.fround(1 / value), zeroPoint: zero.item() };
    });
  }

  get quantParameters(): QuantParameters {
    return { scale: this.scale, zeroPoint: this.zero_point };
  }

  /** Looks at a tensor, without rounding it. @throws {QuantizationError} for NaN or infinite values, naming the layer */
  observe(x: Tensor): void {
    const { observer } = this;
    if (observer === null) return;
    scope(() => {
      // A weight is all there at once: what it was before does not count.
      if (this.role === 'weight') observer.reset();
      this.grouped(x, (values) => {
        observer(values);
        return values;
      });
      this.pending = true;
      // A search for a range may take a moment, so it waits for who needs the result; weights may change before that.
      if (this.role === 'weight') this.refresh();
    });
  }

  /** Sets the range with the least squared error for `x`, a whole weight, whatever the observer. Turn `observing` off to keep it. */
  fitRange(x: Tensor): void {
    noGrad(() =>
      scope(() => {
        const context = { layer: this.layer, axis: this.axis, channels: this.scale.numel() };
        const observer = createObserver({ kind: 'mse' }, context);
        this.grouped(x.detach(), (values) => {
          observer(values);
          this.setRange(observer.range(this.search()));
          return values;
        });
        this.pending = false;
        dispose([observer.min_val, observer.max_val]);
      }),
    );
  }

  /** Brings scale and zero point up to what was observed. */
  refresh(): void {
    if (!this.pending) return;
    this.pending = false;
    const { observer } = this;
    if (observer === null) return;
    noGrad(() => scope(() => this.setRange(observer.range(this.search()))));
  }

  /** Sets scale and zero point from a range. */
  setRange(range: Range): void {
    const { scheme } = this;
    let nonNegative = this.nonNegative;
    if (scheme.symmetric && scheme.signed === 'auto' && !nonNegative) {
      nonNegative = range.min.min().item() >= 0;
      this.setLimits(quantLimits(scheme.bits, !nonNegative, scheme.narrowRange));
    }
    const { scale, zeroPoint } = chooseParameters(range, scheme, this.limits, this.mayStartAtZero && nonNegative);
    this.scale.copy_(scale);
    this.zero_point.copy_(zeroPoint);
    this.ready = true;
  }

  /** Sets scales and zero points themselves. The observer is left behind: turn `observing` off. */
  setParameters({ scale, zeroPoint }: QuantParameters): void {
    noGrad(() => {
      this.scale.copy_(scale);
      this.zero_point.copy_(zeroPoint);
    });
    this.pending = false;
    this.ready = true;
  }

  /** Forgets what was observed; the range stays until new values come. */
  resetObserver(): void {
    this.observer?.reset();
    this.pending = false;
  }

  fakeQuantInfo(): fx.FakeQuantInfo {
    this.refresh();
    this.requireRange();
    if (this.groupSize !== null)
      throw new QuantizationError(
        'Scales of groups cannot be said per channel: this scheme does not export',
        this.layer,
      );
    const { quantMin, quantMax } = this.limits;
    return {
      scale: this.scale,
      zeroPoint: this.zero_point,
      axis: this.axis,
      quantMin,
      quantMax,
      bits: this.scheme.bits,
      signed: quantMin < 0,
    };
  }

  override extraRepr(): string {
    return `${describeScheme(this.scheme)}, ${this.observer === null ? 'fixed' : this.scheme.observer.kind}`;
  }

  private perElement(values: Tensor, x: Tensor): Tensor {
    this.refresh();
    if (this.groupSize === null) return alongAxis(values, x.ndim, this.axis);
    return values.reshape([-1, 1]).expand([-1, this.groupSize]).reshape(x.shape);
  }

  private get mayStartAtZero(): boolean {
    return this.scheme.signed === 'auto';
  }

  private search(): RangeSearch {
    const { scheme } = this;
    const { axis } = this;
    return {
      levels: 2 ** scheme.bits,
      reach: (this.limits.quantMax - this.limits.quantMin) / 2,
      symmetric: scheme.symmetric,
      simulate: (values, candidates) => {
        const nonNegative =
          this.mayStartAtZero &&
          (this.nonNegative || (axis === null && scheme.symmetric && candidates.min.min().item() >= 0));
        const unsigned = scheme.signed === false || (scheme.signed === 'auto' && (nonNegative || !scheme.symmetric));
        const limits = quantLimits(scheme.bits, !unsigned, scheme.narrowRange);
        const { scale, zeroPoint } = chooseParameters(candidates, scheme, limits, nonNegative);
        const step = scale.reshape([-1, 1]);
        const zero = zeroPoint.reshape([-1, 1]);
        return values
          .div(step)
          .round()
          .add(zero)
          .clamp({ min: limits.quantMin, max: limits.quantMax })
          .sub(zero)
          .mul(step);
      },
    };
  }

  private setLimits({ quantMin, quantMax }: QuantLimits): void {
    const now = this.limits;
    if (now.quantMin === quantMin && now.quantMax === quantMax) return;
    scope(() => this.quant_range.copy_(tensor([quantMin, quantMax], { dtype: 'int32' })));
  }

  private setValues([min, max]: readonly [min: number, max: number]): void {
    const { quantMin, quantMax } = this.limits;
    const levels = quantMax - quantMin + 1;
    const step = quantMin < 0 ? (2 * Math.max(-min, max)) / levels : (max - min) / levels;
    this.scale.fill_(step);
    this.zero_point.fill_(quantMin < 0 ? 0 : Math.round(-min / step));
    this.ready = true;
  }

  private requireRange(): void {
    if (this.ready) return;
    // A state dict may have brought one.
    if (!scope(() => this.scale.gt(0).all().item()))
      throw new QuantizationError('No range is known yet: calibrate first, or load a state with ranges', this.layer);
    this.ready = true;
  }

  private countScales(axis: number, shape: readonly number[]): number {
    const { granularity } = this.scheme;
    if (granularity === 'tensor') return 1;
    if (granularity === 'channel') return shape[axis] ?? 1;
    const { groupSize } = granularity;
    const perChannel = shape.slice(1).reduce((product, size) => product * size, 1);
    if (axis !== 0 || perChannel % groupSize !== 0) {
      throw new QuantizationError(
        `Groups of ${groupSize} do not fit a weight of shape [${shape.join(', ')}] with output channels in dimension ${axis}`,
        this.layer,
      );
    }
    return ((shape[0] ?? 1) * perChannel) / groupSize;
  }

  /** Runs `fn` on a view whose first dimension counts the groups, where scales are for groups. */
  protected grouped(x: Tensor, fn: (values: Tensor) => Tensor): Tensor {
    if (this.groupSize === null) return fn(x);
    return fn(x.reshape([-1, this.groupSize])).reshape(x.shape);
  }
}
