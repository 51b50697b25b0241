/** @file Which way to find ranges suits a network: the same quantisation with each observer, side by side. */

import type { nn } from '@edgeai/torch';
import type { QuantizationConfig } from '../config.ts';
import { observerKinds } from '../observers/create.ts';
import type { ObserverKind } from '../observers/spec.ts';
import type { CalibrationData, ProgressCallback } from '../ptq/batches.ts';
import { quantizePTQ } from '../ptq/quantize-ptq.ts';
import { floatResults, resultRatio } from './sensitivity.ts';

export interface ObserverComparison {
  readonly observer: ObserverKind;
  /** Signal-to-noise ratio of the network's results, in dB. */
  readonly ratio: number;
  /** Seconds that the calibration took. */
  readonly seconds: number;
}

export interface ObserverOptions {
  config?: QuantizationConfig;
  observers?: readonly ObserverKind[];
  /** How many images the results are compared on. Default 8. */
  images?: number;
  progress?: ProgressCallback;
}

/** Calibrates with each observer of activations, without corrections. The best comes first. */
export async function compareObservers<Args extends unknown[], Out>(
  net: nn.Module<Args, Out>,
  data: CalibrationData,
  { config = {}, observers = observerKinds, images = 8, progress }: ObserverOptions = {},
): Promise<ObserverComparison[]> {
  const found: ObserverComparison[] = [];
  for (const observer of observers) {
    const begin = performance.now();
    const { model } = await quantizePTQ(net, data, {
      config: { ...config, observer: { kind: observer } },
      adaRound: false,
      biasCorrection: false,
    });
    const seconds = (performance.now() - begin) / 1000;
    const samples = await floatResults(model, data, images);
    found.push({ observer, ratio: resultRatio(model, samples), seconds });
    samples.dispose();
    model.dispose();
    progress?.({ step: 'observers', done: found.length, total: observers.length });
  }
  return found.sort((a, b) => b.ratio - a.ratio);
}
