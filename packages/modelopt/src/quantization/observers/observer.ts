/** @file What all observers share: they look at tensors that pass, keep bounded state in buffers, and answer with a range. */

import { full, nn, scope, type Tensor } from '@edgeai/torch';
import { QuantizationError } from '../errors.ts';
import type { Range } from '../parameters.ts';

/** What an observer is told about the tensors it will see. */
export interface ObserverContext {
  /** Named in errors. */
  readonly layer: string;
  /** Dimension of the channels; `null`: one range for the tensor. */
  readonly axis: number | null;
  /** How many ranges: 1 per tensor. */
  readonly channels: number;
}

/**
 * Looks at tensors and finds a range. State lives in buffers `min_val`, `max_val` (infinite before the first tensor) and those of
 * subclasses, so that checkpoints, copies and devices need no special care. Training mode means nothing to observers.
 */
export abstract class Observer extends nn.Module<[Tensor], void> {
  /** Smallest and largest value, as the subclass understands it: `(channels)`. */
  readonly min_val: nn.Buffer;
  readonly max_val: nn.Buffer;
  readonly context: ObserverContext;

  constructor(context: ObserverContext) {
    super();
    this.context = context;
    this.min_val = filled(context.channels, Number.POSITIVE_INFINITY);
    this.max_val = filled(context.channels, Number.NEGATIVE_INFINITY);
  }

  /** Looks at one tensor. @throws {QuantizationError} for NaN or infinite values */
  forward(x: Tensor): void {
    if (x.numel() === 0) return;
    const { min, max } = extrema(x, this.context.axis);
    if (!min.isfinite().all().item() || !max.isfinite().all().item()) {
      throw new QuantizationError(
        `Expected finite values but saw ${x.isnan().any().item() ? 'NaN' : 'an infinite one'}. Look at the data, or at the layers before this one`,
        this.context.layer,
      );
    }
    this.update(x, { min, max });
  }

  /** Takes note of a tensor whose extrema are finite. */
  protected abstract update(x: Tensor, range: Range): void;

  /** The range for `scheme`'s integers. Only after at least one tensor. */
  abstract range(search: RangeSearch): Range;

  /** Forgets everything. */
  reset(): void {
    this.min_val.fill_(Number.POSITIVE_INFINITY);
    this.max_val.fill_(Number.NEGATIVE_INFINITY);
  }

  /** True after the first tensor. */
  get hasSeenData(): boolean {
    return Boolean(scope(() => this.min_val.le(this.max_val).all().item()));
  }
}

/** What a search for a range needs to know of the quantiser: the error that candidates would make. */
export interface RangeSearch {
  /** Number of integers. */
  readonly levels: number;
  /** Integers on either side of the middle: 127 for int8 without −128. */
  readonly reach: number;
  readonly symmetric: boolean;
  /**
   * Values after rounding under each candidate range.
   *
   * @param values `(n)` float32
   * @param candidates `(k)` ranges
   * @returns `(k, n)`
   */
  simulate(values: Tensor, candidates: Range): Tensor;
}

/** Smallest and largest values of a tensor, or of each channel, as tensors of one dimension. */
export function extrema(x: Tensor, axis: number | null): Range {
  if (axis === null) {
    const [min, max] = x.aminmax();
    return { min: min.reshape([1]), max: max.reshape([1]) };
  }
  const others = Array.from({ length: x.ndim }, (_, i) => i).filter((i) => i !== axis);
  return others.length === 0 ? { min: x, max: x } : { min: x.amin(others), max: x.amax(others) };
}

function filled(channels: number, value: number): nn.Buffer {
  return nn.Buffer.from(full([channels], value));
}
