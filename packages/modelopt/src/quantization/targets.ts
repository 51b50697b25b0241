/** @file What devices accept, as profiles: schemes, and operators that must be quantised otherwise. */

import { ArgumentError } from '@edgeai/torch';
import type { QuantizationOverride } from './override.ts';
import { defineQConfig, type QConfig } from './qconfig.ts';
import type { SchemeOptions } from './scheme.ts';

/** A device, or a family of them. */
export interface QuantizationTarget {
  readonly name: string;
  readonly description: string;
  readonly qconfig: QConfig;
  /** Rules of the device that come before the user's. */
  readonly overrides: readonly QuantizationOverride[];
}

const MSE = { kind: 'mse' } as const;
/** Without the most negative integer, the largest weight of a channel lies on the grid, whatever its sign. */
const NARROW: SchemeOptions = { narrowRange: true };
const AFFINE: SchemeOptions = { observer: MSE };
const POW2_WEIGHT: SchemeOptions = { granularity: 'tensor', powerOfTwo: true, observer: MSE };
const POW2: SchemeOptions = { symmetric: true, signed: 'auto', powerOfTwo: true, observer: MSE };

/** Where TIDL takes asymmetric activations: everything else is symmetric. */
const TIDL_SYMMETRIC: QuantizationOverride = {
  operators: [
    'input',
    'conv_transpose*',
    'relu',
    'clamp',
    'prelu',
    'leaky_relu',
    'elu',
    'mul',
    'sub',
    'div',
    'batch_norm',
    'hardswish',
    'silu',
    'gelu',
    'mish',
    '*pool*',
    'upsample',
    'pad',
    'slice',
  ],
  activation: { symmetric: true, signed: 'auto' },
};

const TARGETS: Readonly<Record<string, QuantizationTarget>> = {
  'generic-int8': {
    name: 'generic-int8',
    description: 'onnxruntime and the like: int8 weights per channel, affine uint8 activations',
    qconfig: defineQConfig({ weight: NARROW, activation: AFFINE }),
    overrides: [],
  },
  tidl: {
    name: 'tidl',
    description:
      'TI MMAv2 (AM62A, AM67A, AM68A, AM69A): per-channel weights, affine activations where the device has them',
    qconfig: defineQConfig({ weight: NARROW, activation: AFFINE }),
    overrides: [TIDL_SYMMETRIC],
  },
  'tidl-pow2': {
    name: 'tidl-pow2',
    description:
      'TI MMAv1 (TDA4VM, AM68PA): symmetric, one power-of-two scale a tensor, unsigned where maps are not negative',
    qconfig: defineQConfig({ weight: POW2_WEIGHT, activation: POW2 }),
    overrides: [],
  },
  esp32: {
    name: 'esp32',
    description: 'ESP-DL (ESP32-S3, ESP32-P4): symmetric signed integers, one power-of-two scale a tensor',
    qconfig: defineQConfig({ weight: POW2_WEIGHT, activation: { ...POW2, signed: true } }),
    overrides: [],
  },
};

/** The names of all profiles. */
export const quantizationTargets = Object.keys(TARGETS) as readonly string[];

/** The profile of a device. @throws {ArgumentError} */
export function getTarget(name: string): QuantizationTarget {
  const found = Object.hasOwn(TARGETS, name) ? TARGETS[name] : undefined;
  if (found === undefined) throw ArgumentError.expected('target', `one of ${quantizationTargets.join(', ')}`, name);
  return found;
}
