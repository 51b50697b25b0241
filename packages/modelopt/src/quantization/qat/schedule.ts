/** @file When a training observes, stops batch norms, and stops ranges: a state machine whose owner says which epoch begins. */

import { ArgumentError, noGrad, scope } from '@edgeai/torch';
import type { FakeQuantize } from '../fake-quantize.ts';
import type { QuantizedModel } from '../quantized-model.ts';
import { LearnedQuantizer } from './learned-quantizer.ts';

/**
 * - `observe`: batch statistics and ranges follow the data.
 * - `norms-frozen`: batch norms use their running statistics and leave them as they are.
 * - `ranges-frozen`: ranges are as they are too; only weights are still trained.
 * - `evaluation`: nothing changes.
 */
export type QuantizationPhase = 'observe' | 'norms-frozen' | 'ranges-frozen' | 'evaluation';

export interface QuantizationScheduleOptions {
  /** Epochs with batch statistics. Default: half of all, less one. */
  normEpochs?: number | null;
  /** Epochs in which ranges change. Default: half of all, and one. */
  rangeEpochs?: number | null;
}

/**
 * Takes a calibrated network through quantisation-aware training.
 *
 * ```ts
 * const schedule = new QuantizationSchedule(quantized);
 * for (let epoch = 0; epoch < total; epoch++) {
 *   schedule.beginEpoch(epoch, total);
 *   quantized.train();
 *   …
 *   schedule.beginEvaluation();
 *   quantized.eval();
 *   …
 * }
 * ```
 *
 * What holds in an epoch follows from its number and the total alone, so a training that is resumed goes on as it was. `train()` and
 * `eval()` change nothing here.
 */
export class QuantizationSchedule<Args extends unknown[], Out> {
  readonly #model: QuantizedModel<Args, Out>;
  readonly #options: QuantizationScheduleOptions;
  #phase: QuantizationPhase = 'evaluation';

  /** The network rounds from now on, and changes nothing before the first epoch begins. */
  constructor(model: QuantizedModel<Args, Out>, options: QuantizationScheduleOptions = {}) {
    for (const [name, value] of Object.entries(options)) {
      if (typeof value === 'number' && !(value >= 0)) throw ArgumentError.expected(name, 'a number ≥ 0', value);
    }
    this.#model = model;
    this.#options = options;
    model.setQuantizers({ quantizing: true });
    this.beginEvaluation();
  }

  get phase(): QuantizationPhase {
    return this.#phase;
  }

  /**
   * Call before each epoch of training.
   *
   * @param epoch counted from 0
   * @param total epochs of the whole training
   */
  beginEpoch(epoch: number, total: number): QuantizationPhase {
    if (!Number.isInteger(epoch) || epoch < 0) throw ArgumentError.expected('epoch', 'a whole number ≥ 0', epoch);
    if (!Number.isInteger(total) || total <= epoch) throw ArgumentError.expected('total', `more than ${epoch}`, total);
    const { normEpochs, rangeEpochs } = this.#options;
    const half = Math.floor(total / 2);
    const normsFrozen = epoch >= (normEpochs ?? half - 1);
    const rangesFrozen = epoch >= (rangeEpochs ?? half + 1);
    this.#model.freezeNorms(normsFrozen);
    const ofLayers = new Map<FakeQuantize, () => void>();
    for (const layer of this.#model.quantizedLayers().values()) {
      const quantizer = layer.weight_fake_quant;
      if (quantizer !== null) ofLayers.set(quantizer, () => quantizer.observe(layer.effectiveWeight().detach()));
    }
    for (const quantizer of this.#model.quantizers().values()) {
      if (quantizer instanceof LearnedQuantizer) {
        quantizer.observing = false;
        quantizer.learning = !rangesFrozen;
        continue;
      }
      const lookOnce = isSearched(quantizer) ? ofLayers.get(quantizer) : undefined;
      quantizer.observing = !rangesFrozen && quantizer.observer !== null && lookOnce === undefined;
      // A search in every step would cost more than the step; weights change little in an epoch.
      if (!rangesFrozen && lookOnce !== undefined) noGrad(() => scope(lookOnce));
    }
    this.#phase = rangesFrozen ? 'ranges-frozen' : normsFrozen ? 'norms-frozen' : 'observe';
    return this.#phase;
  }

  /** Call before each evaluation: data that is only measured on must not move ranges. The next epoch's beginning ends it. */
  beginEvaluation(): void {
    this.#model.setQuantizers({ observing: false });
    this.#phase = 'evaluation';
  }
}

/** The range of a weight is found by a search, not just by its smallest and largest value. */
function isSearched(quantizer: FakeQuantize): boolean {
  return quantizer.role === 'weight' && quantizer.scheme.observer.kind !== 'min-max';
}
