/** @file Makes the observer that a spec names. */

import { ArgumentError } from '@edgeai/torch';
import { QuantizationError } from '../errors.ts';
import { ChannelErrorObserver } from './channel-error.ts';
import { HistogramObserver, type HistogramSearch } from './histogram.ts';
import { EmaObserver, HistogramShrinkObserver, MinMaxObserver } from './min-max.ts';
import type { Observer, ObserverContext } from './observer.ts';
import { entropySearch, percentileSearch, quantileSearch, squaredErrorSearch } from './range-search.ts';
import type { ObserverKind, ObserverSpec } from './spec.ts';

type Maker<K extends ObserverKind> = (context: ObserverContext, spec: Extract<ObserverSpec, { kind: K }>) => Observer;

const histogram =
  (search: HistogramSearch, bins?: number) =>
  (context: ObserverContext): Observer => {
    if (context.axis !== null) {
      throw new QuantizationError(
        'Histograms are kept for whole tensors. Per channel, take min-max, ema or mse',
        context.layer,
      );
    }
    return new HistogramObserver(context, search, bins);
  };

const MAKERS: { readonly [K in ObserverKind]: Maker<K> } = {
  'min-max': (context) => new MinMaxObserver(context),
  ema: (context, { constant }) => new EmaObserver(context, constant),
  percentile: (context, { percentile }) => histogram(percentileSearch(percentile))(context),
  mse: (context) =>
    context.axis === null ? histogram(squaredErrorSearch())(context) : new ChannelErrorObserver(context),
  entropy: histogram(entropySearch()),
  'histogram-l2': histogram(quantileSearch(), 256),
  'histogram-shrink': (context, { percent, constant }) =>
    context.axis === null
      ? new HistogramShrinkObserver(context, percent, constant)
      : histogram(quantileSearch())(context),
};

/** All kinds of observers. */
export const observerKinds = Object.keys(MAKERS) as readonly ObserverKind[];

/** Makes an observer. @throws {ArgumentError} for an unknown kind */
export function createObserver<K extends ObserverKind>(
  spec: Extract<ObserverSpec, { kind: K }>,
  context: ObserverContext,
): Observer {
  if (!Object.hasOwn(MAKERS, spec.kind))
    throw ArgumentError.expected('observer.kind', `one of ${observerKinds.join(', ')}`, spec.kind);
  return (MAKERS[spec.kind] as Maker<K>)(context, spec);
}
