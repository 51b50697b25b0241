/**
 * @file What a user says about quantisation, as plain JSON, and which schemes follow for a place in the network. Later rules win: the
 * target's come first, then the user's in the order given.
 */

import { ArgumentError } from '@edgeai/torch';
import type { ObserverSpec } from './observers/spec.ts';
import { applies, type Place, type QuantizationOverride } from './override.ts';
import type { RangeMethod } from './qat/range-method.ts';
import { defineQConfig, getQConfig, type QConfig, type QConfigOptions } from './qconfig.ts';
import { defineScheme, type QuantizationScheme } from './scheme.ts';
import { getTarget } from './targets.ts';

/** How a network is to be quantised. */
export interface QuantizationConfig {
  /** A device's profile. Default `generic-int8`, unless `qconfig` is given. */
  readonly target?: string;
  /** Schemes by name or in full; over the target's. */
  readonly qconfig?: string | QConfigOptions;
  readonly overrides?: readonly QuantizationOverride[];
  /** How ranges of activations are found, for all schemes. Default: what the scheme says. */
  readonly observer?: ObserverSpec;
  /** Fold batch norms into the layers before them for good. Default `false`: they stay and may be trained. */
  readonly foldBatchNorm?: boolean;
  /** Quantise the network's inputs. Default `true`. */
  readonly quantizeInput?: boolean;
  /** Quantise the network's results. Default `true`. */
  readonly quantizeOutput?: boolean;
  /** `shared` gives all inputs of a concatenation and its result one range, so that it only moves data. Default `own`. */
  readonly concat?: 'own' | 'shared';
  /** Weights that are zero get no gradient. Default `false`. */
  readonly preserveSparsity?: boolean;
  /** Whether ranges follow what is observed or are trained with the weights. Default `observed`. */
  readonly ranges?: RangeMethod;
  /** Round biases to steps of input scale · weight scale, as integer devices and exported files hold them. Default `true`. */
  readonly roundBiases?: boolean;
}

/** A config whose names have been looked up. */
export interface ResolvedConfig {
  readonly qconfig: QConfig;
  readonly overrides: readonly QuantizationOverride[];
  readonly foldBatchNorm: boolean;
  readonly quantizeInput: boolean;
  readonly quantizeOutput: boolean;
  readonly concat: 'own' | 'shared';
  readonly preserveSparsity: boolean;
  readonly ranges: RangeMethod;
  readonly roundBiases: boolean;
}

const KEYS = [
  'target',
  'qconfig',
  'overrides',
  'observer',
  'foldBatchNorm',
  'quantizeInput',
  'quantizeOutput',
  'concat',
  'preserveSparsity',
  'ranges',
  'roundBiases',
];

/** Looks names up and fills defaults in. @throws {ArgumentError} */
export function resolveConfig(config: QuantizationConfig): ResolvedConfig {
  for (const key of Object.keys(config)) {
    if (!KEYS.includes(key))
      throw new ArgumentError(key, `Quantisation has no option '${key}'. It has ${KEYS.join(', ')}`);
  }
  const { target, qconfig, overrides = [], observer } = config;
  const profile = target === undefined && qconfig !== undefined ? undefined : getTarget(target ?? 'generic-int8');
  const chosen = chooseQConfig(qconfig, profile?.qconfig);
  return {
    qconfig: observer === undefined ? chosen : { ...chosen, activation: defineScheme({ observer }, chosen.activation) },
    overrides: [...(profile?.overrides ?? []), ...overrides],
    foldBatchNorm: config.foldBatchNorm ?? false,
    quantizeInput: config.quantizeInput ?? true,
    quantizeOutput: config.quantizeOutput ?? true,
    concat: config.concat ?? 'own',
    preserveSparsity: config.preserveSparsity ?? false,
    ranges: config.ranges ?? 'observed',
    roundBiases: config.roundBiases ?? true,
  };
}

function chooseQConfig(given: string | QConfigOptions | undefined, base: QConfig | undefined): QConfig {
  if (typeof given === 'string') return parseQConfig(given);
  if (base === undefined) return defineQConfig(given ?? {});
  return {
    weight: defineScheme(given?.weight ?? {}, base.weight),
    activation: defineScheme(given?.activation ?? {}, base.activation),
  };
}

function parseQConfig(name: string): QConfig {
  if (name.includes('+')) {
    throw new ArgumentError(
      'qconfig',
      `Expected one type for qconfig but received '${name}'. Use mixedPrecision('${name}'), which makes overrides for the second`,
    );
  }
  return getQConfig(name);
}

/**
 * `A+B` of the original: type A everywhere, type B for the network's input, its first convolution and its last linear layer, which are
 * named here because a config does not know the network.
 */
export function mixedPrecision(
  types: string,
  places: { readonly input: string; readonly first: string; readonly last: string },
): Pick<QuantizationConfig, 'qconfig' | 'overrides'> {
  const [base = '', sensitive] = types.split('+');
  if (sensitive === undefined) return { qconfig: base };
  const { weight, activation } = getQConfig(sensitive);
  return {
    qconfig: base,
    overrides: [
      { layers: places.input, activation },
      { layers: [places.first, places.last], weight },
    ],
  };
}

/** The scheme for weights or results of a place. `null`: it stays float. */
export function schemeFor(config: ResolvedConfig, part: keyof QConfig, place: Place): QuantizationScheme | null {
  let scheme: QuantizationScheme | null = config.qconfig[part];
  for (const rule of config.overrides) {
    const change = rule[part];
    if (change === undefined || !applies(rule, place)) continue;
    scheme = change === null ? null : defineScheme(change, scheme ?? config.qconfig[part]);
  }
  return scheme;
}
