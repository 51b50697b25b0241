/** @file Pairs of schemes for weights and activations, under the names of the edge-AI toolkits that came before. */

import { ArgumentError } from '@edgeai/torch';
import { defineScheme, type QuantizationScheme, type SchemeOptions } from './scheme.ts';

/** Schemes for weights and activations. */
export interface QConfig {
  readonly weight: QuantizationScheme;
  readonly activation: QuantizationScheme;
}

/** Options over the defaults below: what a user gives for a scheme of their own. */
export interface QConfigOptions {
  readonly weight?: SchemeOptions;
  readonly activation?: SchemeOptions;
}

/** Smallest and largest weight of each output channel, symmetric, as they are now. */
const WEIGHT: SchemeOptions = {
  bits: 8,
  symmetric: true,
  signed: true,
  granularity: 'channel',
  observer: { kind: 'min-max' },
};
/** One range for the map with zero inside, found on a histogram. */
const ACTIVATION: SchemeOptions = { bits: 8, symmetric: false, signed: false, observer: { kind: 'histogram-l2' } };

/** Symmetric with power-of-two scales; the zero point is zero, and maps that are never negative are unsigned. */
const POW2_SYMMETRIC: SchemeOptions = { ...ACTIVATION, symmetric: true, signed: 'auto', powerOfTwo: true };
const POW2_AFFINE: SchemeOptions = { ...ACTIVATION, powerOfTwo: true };
const TENSOR: SchemeOptions = { ...WEIGHT, granularity: 'tensor' };
const BITS4: SchemeOptions = { ...WEIGHT, bits: 4 };

const POW2 = { powerOfTwo: true };

/** Every type by name, as differences from 8-bit per-channel weights and affine activations. */
const TYPES = {
  WC8_AT8: {},
  /** For networks with attention. The same numbers as WC8_AT8. */
  MSA_WC8_AT8: {},
  DEFAULT: {},
  WT8SYMP2_AT8SYMP2: { weight: { ...TENSOR, ...POW2 }, activation: POW2_SYMMETRIC },
  WC8SYMP2_AT8SYMP2: { weight: POW2, activation: POW2_SYMMETRIC },
  WC8SYMP2_AT8SYMP2R4: { weight: POW2, activation: { ...POW2_SYMMETRIC, fixedRange: [-4, 4] } },
  WC8P2_AT8P2: { weight: POW2, activation: POW2_AFFINE },
  MSA_WC8P2_AT8P2: { weight: POW2, activation: POW2_AFFINE },
  WC4_AT8: { weight: BITS4 },
  WC4M4_AT8: { weight: { ...BITS4, rangeLimit: 4 } },
  WC16_AT16: { weight: { bits: 16 }, activation: { bits: 16 } },
  // The names of release 9.1.
  WT8SP2_AT8SP2: { weight: { ...TENSOR, ...POW2 }, activation: POW2_SYMMETRIC },
  WC4R4_AT8: { weight: { ...BITS4, fixedRange: [-4, 4] } },
  WC4_AT4: { weight: BITS4, activation: { bits: 4 } },
  WC4R4_AT4R4: { weight: { ...BITS4, fixedRange: [-4, 4] }, activation: { bits: 4, fixedRange: [0, 4] } },
} as const satisfies Record<string, QConfigOptions>;

export type QConfigName = keyof typeof TYPES;

/** The names of all types. */
export const qconfigNames = Object.keys(TYPES) as readonly QConfigName[];

/** Complete schemes from options over 8-bit per-channel weights and 8-bit affine activations. @throws {ArgumentError} */
export function defineQConfig({ weight = {}, activation = {} }: QConfigOptions): QConfig {
  return {
    weight: defineScheme({ ...WEIGHT, ...weight }),
    activation: defineScheme({ ...ACTIVATION, ...activation }),
  };
}

/** The pair of schemes of this name. @throws {ArgumentError} for a name that is not in `qconfigNames` */
export function getQConfig(name: string): QConfig {
  if (!Object.hasOwn(TYPES, name)) throw ArgumentError.expected('qconfig', `one of ${qconfigNames.join(', ')}`, name);
  return defineQConfig(TYPES[name as QConfigName]);
}
