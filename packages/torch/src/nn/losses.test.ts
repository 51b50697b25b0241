/** @file Every loss against PyTorch. */

import { nn, tensor } from '../index.ts';
import { type Case, describeCases, I, K, L, N, P, R, S, U } from './testing.ts';

const CASES: readonly Case[] = [
  ['crossEntropy', () => new nn.CrossEntropyLoss(), [R(4, 5), I(5, 4)]],
  [
    'crossEntropy of images',
    () => new nn.CrossEntropyLoss({ ignoreIndex: 2, reduction: 'none' }),
    [R(2, 5, 3, 3), I(5, 2, 3, 3)],
  ],
  [
    'crossEntropy smoothed',
    () => new nn.CrossEntropyLoss({ weight: tensor([0.5, 1, 2, 1.5, 1]), labelSmoothing: 0.1 }),
    [R(4, 5), I(5, 4)],
  ],
  ['crossEntropy probabilities', () => new nn.CrossEntropyLoss({ reduction: 'sum' }), [R(4, 5), U(4, 5)]],
  ['nll', () => new nn.NLLLoss({ ignoreIndex: 1 }), [L(4, 5), I(5, 4)]],
  ['bce', () => new nn.BCELoss({ weight: tensor([0.5, 1, 2, 1.5, 1]) }), [P(4, 5), U(4, 5)]],
  ['bceWithLogits', () => new nn.BCEWithLogitsLoss({ posWeight: tensor([0.5, 1, 2, 1.5, 1]) }), [R(4, 5), U(4, 5)]],
  ['mse', () => new nn.MSELoss(), [R(4, 5), N(4, 5)]],
  ['mse broadcast', () => new nn.MSELoss({ reduction: 'none' }), [R(4, 5), N(5)]],
  ['l1', () => new nn.L1Loss({ reduction: 'sum' }), [R(4, 5), N(4, 5)]],
  ['smoothL1', () => new nn.SmoothL1Loss({ beta: 0.5 }), [R(4, 5), N(4, 5)]],
  ['huber', () => new nn.HuberLoss({ delta: 0.5 }), [R(4, 5), N(4, 5)]],
  ['klDiv', () => new nn.KLDivLoss({ reduction: 'batchmean' }), [L(4, 5), U(4, 5)]],
  ['klDiv of logs', () => new nn.KLDivLoss({ logTarget: true }), [L(4, 5), N(4, 5)]],
  ['cosineEmbedding', () => new nn.CosineEmbeddingLoss({ margin: 0.1 }), [R(4, 5), R(4, 5), S(4)]],
  ['marginRanking', () => new nn.MarginRankingLoss({ margin: 0.5 }), [R(4), R(4), S(4)]],
  ['tripletMargin', () => new nn.TripletMarginLoss({ p: 1.5, swap: true }), [R(4, 5), R(4, 5), R(4, 5)]],
  [
    'tripletMarginWithDistance',
    () => new nn.TripletMarginWithDistanceLoss({ margin: 0.5, swap: true }),
    [R(4, 5), R(4, 5), R(4, 5)],
  ],
  ['hingeEmbedding', () => new nn.HingeEmbeddingLoss(), [R(4, 5), S(4, 5)]],
  ['multiMargin', () => new nn.MultiMarginLoss({ p: 2, margin: 0.7 }), [R(4, 5), I(5, 4)]],
  [
    'multiLabelMargin',
    () => new nn.MultiLabelMarginLoss(),
    [
      R(2, 4),
      K([
        [3, 0, -1, 1],
        [1, -1, 0, 2],
      ]),
    ],
  ],
  ['multiLabelSoftMargin', () => new nn.MultiLabelSoftMarginLoss(), [R(4, 5), U(4, 5)]],
  ['softMargin', () => new nn.SoftMarginLoss(), [R(4, 5), S(4, 5)]],
  ['poissonNll', () => new nn.PoissonNLLLoss({ full: true }), [R(4, 5), U(4, 5)]],
  ['gaussianNll', () => new nn.GaussianNLLLoss({ full: true }), [R(4, 5), N(4, 5), P(4, 1)]],
  [
    'ctc',
    () => new nn.CTCLoss({ zeroInfinity: true }),
    [
      L(6, 2, 3),
      K([
        [1, 2, 1],
        [2, 2, 0],
      ]),
      K([6, 5]),
      K([3, 2]),
    ],
  ],
];

describeCases('losses', CASES);
