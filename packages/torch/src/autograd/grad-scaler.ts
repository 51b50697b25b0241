/**
 * @file Loss scaling for training in float16: keeps small gradients from vanishing, skips steps whose gradients overflowed,
 * and adapts the scale.
 */

import { full } from '../core/creation.ts';
import { callOp, Operator } from '../core/dispatch.ts';
import { type Handles, mul_, norm } from '../core/foreach.ts';
import { stack } from '../core/generated/functions.ts';
import { dispose, keep, scope } from '../core/scope.ts';
import { Tensor } from '../core/tensor.ts';
import type { Device } from '../core/types.ts';
import { ArgumentError, EdgeAIError } from '../errors.ts';
import { native } from '../native.ts';
import { type Bucket, gatherGradients, releaseBuckets } from '../optim/gather.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import { noGrad } from './modes.ts';

const CHECK_AND_UNSCALE_ = new Operator('aten::_amp_foreach_non_finite_check_and_unscale_');
const UPDATE_SCALE_ = new Operator('aten::_amp_update_scale_');

export interface GradScalerOptions {
  /** First scale. Default 65,536. */
  initScale?: number;
  /** What the scale is multiplied by after `growthInterval` steps without overflow. Default 2. */
  growthFactor?: number;
  /** What the scale is multiplied by after an overflow. Default 0.5. */
  backoffFactor?: number;
  /** Default 2,000. */
  growthInterval?: number;
  /** `false` makes `scale` return its argument, `step` a plain step, and `update` nothing. Default `true`. */
  enabled?: boolean;
}

/** The methods of a `GradScaler` were called in an order that has no meaning. */
export class GradScalerError extends EdgeAIError {
  constructor(message: string) {
    super('GRAD_SCALER', message);
  }
}

interface Progress {
  stage: 'unscaled' | 'stepped';
  /** On each device with gradients: above 0 where one was not finite. Kept. */
  readonly foundInf: Tensor[];
}

/**
 * `torch.cuda.amp.GradScaler`; works on the CPU too.
 *
 * ```ts
 * const scaler = new GradScaler();
 * scope(() => {
 *   const loss = autocast({ device: 'cuda' }, () => criterion(model(images), labels));
 *   scaler.scale(loss).backward();
 *   scaler.unscale_(optimizer); // only to look at or clip the gradients
 *   scaler.step(optimizer);
 *   scaler.update();
 * });
 * ```
 */
export class GradScaler implements Disposable {
  readonly enabled: boolean;
  growthFactor: number;
  backoffFactor: number;
  growthInterval: number;
  /** Used until the first call of `scale` tells the device. */
  #initial: { scale: number; growthTracker: number };
  #scale: Tensor | undefined;
  #growthTracker: Tensor | undefined;
  readonly #progress = new Map<Optimizer, Progress>();

  constructor(options: GradScalerOptions = {}) {
    const { initScale = 65536, growthFactor = 2, backoffFactor = 0.5, growthInterval = 2000, enabled = true } = options;
    if (!(initScale > 0)) throw ArgumentError.expected('initScale', 'a number above 0', initScale);
    if (!(growthFactor > 1)) throw ArgumentError.expected('growthFactor', 'a number above 1', growthFactor);
    if (!(backoffFactor > 0 && backoffFactor < 1))
      throw ArgumentError.expected('backoffFactor', 'a number between 0 and 1', backoffFactor);
    if (!Number.isInteger(growthInterval) || growthInterval < 1)
      throw ArgumentError.expected('growthInterval', 'a whole number above 0', growthInterval);
    this.enabled = enabled;
    this.growthFactor = growthFactor;
    this.backoffFactor = backoffFactor;
    this.growthInterval = growthInterval;
    this.#initial = { scale: initScale, growthTracker: 0 };
  }

  /** Multiplies a loss, or each of several outputs, by the scale. The result keeps its shape. */
  scale(outputs: Tensor): Tensor;
  scale(outputs: readonly Tensor[]): Tensor[];
  scale(outputs: Tensor | readonly Tensor[]): Tensor | Tensor[] {
    const several = !(outputs instanceof Tensor);
    const list = several ? [...outputs] : [outputs];
    const scaled = this.enabled ? list.map((output) => scope(() => this.#scaled(output))) : list;
    const [first] = scaled;
    if (several) return scaled;
    if (first === undefined) throw ArgumentError.expected('outputs', 'a Tensor or an array of Tensors', outputs);
    return first;
  }

  /**
   * Divides the gradients of an optimiser's parameters by the scale, and notes whether one of them is not finite. `step` does
   * it by itself; call it before to clip or inspect the gradients.
   *
   * @throws {GradScalerError} when called twice for one step
   */
  unscale_(optimizer: Optimizer): void {
    if (!this.enabled) return;
    const stage = this.#progress.get(optimizer)?.stage;
    if (stage !== undefined) {
      throw new GradScalerError(
        stage === 'unscaled'
          ? 'unscale_() was called twice for this optimiser since the last update()'
          : 'unscale_() was called after step()',
      );
    }
    const scale = this.#require('unscale_');
    const foundInf = noGrad(() =>
      scope(() => {
        const inverse = scale.double().reciprocal().float();
        const buckets = gatherGradients(optimizer.paramGroups.flatMap((group) => group.params));
        try {
          for (const { grads } of buckets) refuseHalf(grads);
          const found = new Map<string, Tensor>();
          for (const bucket of buckets) {
            const { device } = bucket;
            const flag = found.get(device) ?? full([1], 0, { dtype: 'float32', device });
            found.set(device, flag);
            if (device.startsWith('cuda')) {
              CHECK_AND_UNSCALE_.prepare();
              native.call(CHECK_AND_UNSCALE_.id, bucket.grads, flag._handle, inverse.to({ device })._handle);
            } else {
              checkAndUnscale(bucket, flag, inverse.item());
            }
          }
          return keep([...found.values()]);
        } finally {
          releaseBuckets(buckets);
        }
      }),
    );
    this.#progress.set(optimizer, { stage: 'unscaled', foundInf });
  }

  /**
   * Unscales the gradients where that has not happened, and lets the optimiser step unless one of them is not finite.
   *
   * @returns whether the optimiser has made its step
   * @throws {GradScalerError} when called twice without `update`
   */
  step(optimizer: Optimizer): boolean {
    if (!this.enabled) {
      optimizer.step();
      return true;
    }
    this.#require('step');
    if (this.#progress.get(optimizer)?.stage === 'stepped')
      throw new GradScalerError('step() was called twice since the last update()');
    if (!this.#progress.has(optimizer)) this.unscale_(optimizer);
    const progress = this.#progress.get(optimizer);
    if (progress === undefined || progress.foundInf.length === 0)
      throw new GradScalerError('step() found no gradients; call scale(loss).backward() first');
    const finite = progress.foundInf.every((flag) => flag.item() === 0);
    if (finite) optimizer.step();
    progress.stage = 'stepped';
    return finite;
  }

  /** Lowers the scale after an overflow, raises it after a long time without; or sets it. Ends the iteration. */
  update(newScale?: number): void {
    if (!this.enabled) return;
    const scale = this.#require('update');
    const tracker = this.#growthTracker;
    if (newScale !== undefined) {
      if (!(newScale > 0)) throw ArgumentError.expected('newScale', 'a number above 0', newScale);
      noGrad(() => scale.fill_(newScale));
    } else if (tracker !== undefined) {
      const flags = [...this.#progress.values()].flatMap(({ foundInf }) => foundInf);
      if (flags.length === 0) throw new GradScalerError('update() was called before step() or unscale_()');
      noGrad(() => {
        scope(() => this.#adapt(scale, tracker, flags));
      });
    }
    this.#forget();
  }

  /** The present scale; 1 where scaling is disabled. Waits for the device. */
  getScale(): number {
    if (!this.enabled) return 1;
    return this.#scale?.item() ?? this.#initial.scale;
  }

  /** The state under PyTorch's names; empty where scaling is disabled. */
  stateDict(): Record<string, number> {
    if (!this.enabled) return {};
    return {
      scale: this.getScale(),
      growth_factor: this.growthFactor,
      backoff_factor: this.backoffFactor,
      growth_interval: this.growthInterval,
      _growth_tracker: this.#growthTracker?.item() ?? this.#initial.growthTracker,
    };
  }

  /** @throws {ArgumentError} for a state that lacks a value: one that was saved while scaling was disabled is empty */
  loadStateDict(state: Record<string, unknown>): void {
    if (!this.enabled) return;
    const names = ['scale', 'growth_factor', 'backoff_factor', 'growth_interval', '_growth_tracker'];
    const [scale, growth, backoff, interval, tracker] = names.map((name) => {
      const value = state[name];
      if (typeof value !== 'number') throw ArgumentError.expected(`state.${name}`, 'a number', value);
      return value;
    }) as [number, number, number, number, number];
    this.growthFactor = growth;
    this.backoffFactor = backoff;
    this.growthInterval = interval;
    this.#initial = { scale, growthTracker: tracker };
    noGrad(() => {
      this.#scale?.fill_(scale);
      this.#growthTracker?.fill_(tracker);
    });
  }

  dispose(): void {
    this.#forget();
    dispose([this.#scale, this.#growthTracker]);
    this.#scale = undefined;
    this.#growthTracker = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #scaled(output: Tensor): Tensor {
    if (!(output instanceof Tensor)) throw ArgumentError.expected('outputs', 'a Tensor or an array of Tensors', output);
    const device: Device = output.device;
    if (this.#scale === undefined) {
      this.#scale = keep(full([1], this.#initial.scale, { dtype: 'float32', device }));
      this.#growthTracker = keep(full([1], this.#initial.growthTracker, { dtype: 'int32', device }));
    }
    const scaled = output.mul(this.#scale.to({ device }));
    // One dimension makes float16 outputs float32, where the scale does not overflow; a loss has none, and keeps none.
    return output.ndim === 0 ? scaled.reshape([]) : scaled;
  }

  #require(method: string): Tensor {
    if (this.#scale === undefined) throw new GradScalerError(`${method}() was called before scale(loss)`);
    return this.#scale;
  }

  #adapt(scale: Tensor, tracker: Tensor, flags: readonly Tensor[]): void {
    const { device } = scale;
    const found = flags.map((flag) => flag.to({ device })).reduce((sum, flag) => sum.add(flag));
    if (device.startsWith('cuda')) {
      callOp(UPDATE_SCALE_, scale, tracker, found, this.growthFactor, this.backoffFactor, this.growthInterval);
      return;
    }
    if (found.item() > 0) {
      scale.mul_(this.backoffFactor);
      tracker.fill_(0);
      return;
    }
    const successes = tracker.item() + 1;
    if (successes < this.growthInterval) {
      tracker.fill_(successes);
      return;
    }
    const grown = scale.mul(this.growthFactor);
    if (Number.isFinite(grown.item())) scale.copy_(grown);
    tracker.fill_(0);
  }

  #forget(): void {
    for (const { foundInf } of this.#progress.values()) dispose(foundInf);
    this.#progress.clear();
  }
}

/** Gradients of half-precision parameters would lose when unscaled what the scale had saved. */
function refuseHalf(grads: Handles): void {
  const [first] = grads;
  if (first !== undefined && native.dtype(first) === 'float16') {
    throw new GradScalerError(
      'The gradients are float16; keep the parameters in float32 and compute in float16 by autocast',
    );
  }
}

/** What the CUDA kernel does, by operators that every device has. */
function checkAndUnscale({ grads, pool }: Bucket, flag: Tensor, inverse: number): void {
  const largest = norm(pool, grads, Number.POSITIVE_INFINITY).map((handle) => new Tensor(native.alias(handle), 'norm'));
  if (!stack(largest).isfinite().all().item()) flag.fill_(1);
  mul_(grads, inverse);
}
