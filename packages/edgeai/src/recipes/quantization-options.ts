/** @file The options of quantisation-aware training, the same in every task. */

import { choice, integer, optional, real, text } from './kinds.ts';
import { type ConfigOf, option } from './option-table.ts';
import type { Problem } from './problems.ts';

const QUANTIZATION = 'Quantisation';

/** Devices whose scales are powers of two. */
const POWER_OF_TWO = new Set(['tidl-pow2', 'esp32']);

export const quantizationOptions = {
  quantization: option(optional(choice(['generic-int8', 'tidl', 'tidl-pow2', 'esp32'])), {
    default: null,
    group: QUANTIZATION,
    help: 'Train with the rounding of this device in the network (quantisation-aware training) and export with quantisers; begin with trained --weights and a low --lr, such as 1e-4.',
    lookalikes: ['quantize', 'qat', 'quantization-target'],
  }),
  'quantization-type': option(
    optional(
      choice([
        ...(['WC8_AT8', 'MSA_WC8_AT8', 'DEFAULT', 'WT8SYMP2_AT8SYMP2', 'WC8SYMP2_AT8SYMP2'] as const),
        ...(['WC8SYMP2_AT8SYMP2R4', 'WC8P2_AT8P2', 'MSA_WC8P2_AT8P2', 'WC4_AT8', 'WC4M4_AT8', 'WC16_AT16'] as const),
        ...(['WT8SP2_AT8SP2', 'WC4R4_AT8', 'WC4_AT4', 'WC4R4_AT4R4'] as const),
      ]),
    ),
    {
      default: null,
      group: QUANTIZATION,
      help: "Schemes for weights and activations by a name of TI's toolkit, in the place of the device's.",
      lookalikes: ['qconfig', 'qconfig-type'],
    },
  ),
  'quantization-method': option(choice(['ema', 'fixed', 'pact', 'lsq', 'tqt']), {
    default: 'ema',
    group: QUANTIZATION,
    help: 'Where ranges come from: moving averages of what is observed; calibration alone; trained ends of activations (PACT); trained scales (LSQ); trained thresholds (TQT), also of power-of-two scales.',
  }),
  'quantization-lr': option(optional(real({ min: 0 })), {
    default: null,
    group: QUANTIZATION,
    help: 'Initial learning rate of trained ranges; without it, that of the weights, for tqt 0.01.',
  }),
  'quantization-calibration-batches': option(integer({ min: 1 }), {
    default: 16,
    group: QUANTIZATION,
    help: 'Training batches that the first ranges are found with.',
    lookalikes: ['calibration-batches', 'num-calibration-batches'],
  }),
  'quantization-norm-epochs': option(optional(integer({ min: 0 })), {
    default: null,
    group: QUANTIZATION,
    help: 'Epochs after which batch norms stay as they are; without it, half of all, less one.',
    lookalikes: ['num-batch-norm-update-epochs', 'freeze-bn-epochs'],
  }),
  'quantization-range-epochs': option(optional(integer({ min: 0 })), {
    default: null,
    group: QUANTIZATION,
    help: 'Epochs after which ranges stay as they are; without it, half of all, and one.',
    lookalikes: ['num-observer-update-epochs', 'freeze-range-epochs'],
  }),
  distill: option(real({ min: 0, max: 1 }), {
    default: 0,
    group: QUANTIZATION,
    help: 'Share of the loss that compares the outputs with those of the float network; the labels have the rest.',
    lookalikes: ['distillation', 'kd', 'distill-weight'],
  }),
  'distill-temperature': option(real({ above: 0 }), {
    default: 1,
    group: QUANTIZATION,
    help: 'Softens the probabilities that are compared.',
    lookalikes: ['kd-temperature', 'temperature'],
  }),
  'distill-features': option(
    optional(text({ expected: 'patterns of names of results, separated by commas', placeholder: 'patterns' })),
    {
      default: null,
      group: QUANTIZATION,
      help: 'Results inside the network that are compared too, such as layer4_1_relu or features_*: names of `activation_fake_quant` in the state dict.',
    },
  ),
  'distill-feature-weight': option(real({ min: 0 }), {
    default: 1,
    group: QUANTIZATION,
    help: 'What their relative squared difference counts.',
  }),
} as const;

export type QuantizationSettings = ConfigOf<typeof quantizationOptions>;

/** What is wrong between these options. */
export function checkQuantization(
  config: QuantizationSettings & { readonly weights: string | null },
): Pick<Problem, 'code' | 'path' | 'expected' | 'received'>[] {
  const problems: ReturnType<typeof checkQuantization> = [];
  const conflict = (path: string, expected: string, received: string): void => {
    problems.push({ code: 'conflict', path, expected, received });
  };
  const { quantization, quantizationType: type, quantizationMethod: method } = config;
  const teaches = config.distill > 0 || config.distillFeatures !== null;
  if (quantization === null) {
    if (teaches) conflict('distill', 'to be given with --quantization', String(config.distill));
    if (type !== null) conflict('quantization-type', 'to be given with --quantization', type);
    return problems;
  }
  if (teaches && config.weights === null)
    conflict('distill', 'to be given with --weights, the network that is learned from', String(config.distill));
  const powersOfTwo = type === null ? POWER_OF_TWO.has(quantization) : type.includes('P2');
  if (method === 'lsq' && powersOfTwo)
    conflict(
      'quantization-method',
      `tqt, pact, ema or fixed with the power-of-two scales of ${type ?? quantization}`,
      'lsq',
    );
  return problems;
}
