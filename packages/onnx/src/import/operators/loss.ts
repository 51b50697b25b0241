/** @file Losses that training files contain. */

import { crossEntropyLoss, logSoftmax, nllLossNd, type Tensor } from '@edgeai/torch';
import type { LoweringTable, OnnxCall } from '../call.ts';

const REDUCTIONS = ['none', 'mean', 'sum'];

function options(call: OnnxCall) {
  const reduction = REDUCTIONS.indexOf(call.string('reduction', 'mean'));
  if (reduction < 0) throw call.unsupported('its reduction is not known');
  return { weight: call.optional(2) ?? null, reduction, ignoreIndex: call.int('ignore_index', -100) };
}

function crossEntropy(call: OnnxCall): Tensor | Tensor[] {
  const [scores, labels] = [call.tensor(0), call.tensor(1).to('int64')];
  const loss = crossEntropyLoss(scores, labels, options(call));
  return call.wants(1) ? [loss, logSoftmax(scores, 1)] : loss;
}

export const losses: LoweringTable = {
  SoftmaxCrossEntropyLoss: crossEntropy,
  NegativeLogLikelihoodLoss: (call) => nllLossNd(call.tensor(0), call.tensor(1).to('int64'), options(call)),
};
