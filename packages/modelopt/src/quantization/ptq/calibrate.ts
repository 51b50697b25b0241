/** @file Calibration: the float network runs on unlabelled batches while quantisers watch. */

import type { QuantizedModel } from '../quantized-model.ts';
import { type CalibrationData, forEachBatch, type ProgressCallback } from './batches.ts';

/**
 * Finds the ranges of all quantisers and turns rounding on. What was observed before is forgotten.
 *
 * @throws {QuantizationError} for NaN or infinite values, naming the layer
 */
export async function calibrate<Args extends unknown[], Out>(
  model: QuantizedModel<Args, Out>,
  data: CalibrationData,
  progress?: ProgressCallback,
): Promise<void> {
  for (const quantizer of model.quantizers().values()) quantizer.resetObserver();
  model.setQuantizers({ observing: true, quantizing: false });
  await forEachBatch(model, data, (inputs, index) => {
    model(...inputs);
    // Weights are the same for every batch.
    if (index === 0) model.setQuantizers({ observing: false }, 'weight');
    progress?.({ step: 'calibrate', done: index + 1 });
  });
  model.setQuantizers({ observing: false, quantizing: true });
}
