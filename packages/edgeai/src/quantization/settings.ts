/** @file What the options of `edgeai quantize` mean: methods by name, and bits and exceptions in short notations. */

import { quantization } from '@edgeai/modelopt';
import { ArgumentError } from '@edgeai/torch';

import { UsageError } from '../errors.ts';

type Corrections = Pick<
  quantization.PTQOptions,
  'equalize' | 'balance' | 'absorbBiases' | 'adaRound' | 'biasCorrection'
>;

/** Which corrections a method makes; what is left out is decided by the schemes. */
const METHODS = {
  ptq: { help: 'the corrections that pay for the target', options: {} },
  calibrate: {
    help: 'ranges only',
    options: { equalize: false, balance: false, absorbBiases: false, adaRound: false, biasCorrection: false },
  },
  adaround: { help: 'learned rounding of weights', options: { adaRound: true } },
  analytic: { help: 'biases from the batch norms, without images', options: { biasCorrection: 'analytic' } },
  'bias-calibration': { help: "TI's iterative bias calibration", options: { biasCorrection: 'calibration' } },
} as const satisfies Readonly<Record<string, { help: string; options: Corrections }>>;

export type QuantizationMethod = keyof typeof METHODS;

/** The names of all methods. */
export const quantizationMethods = Object.keys(METHODS) as readonly QuantizationMethod[];

/** One line a method. */
export function describeMethods(): string {
  return quantizationMethods.map((name) => `${name} (${METHODS[name].help})`).join(', ');
}

/** What the user asked for. */
export interface QuantizationRequest {
  target: string;
  method: string;
  /** `8`, `w4a8` … */
  bits?: string | undefined;
  /** A type of TI's toolkit by name. */
  qconfig?: string | undefined;
  /** How ranges of activations are found. */
  observer?: string | undefined;
  /** `pattern=what` texts. */
  overrides?: readonly string[] | undefined;
}

/** The settings of post-training quantisation. Throws a UsageError that names the option. */
export function ptqOptions(request: QuantizationRequest): quantization.PTQOptions {
  const { target, method, bits, qconfig, observer, overrides = [] } = request;
  if (!isMethod(method))
    throw new UsageError(`--method: expected one of ${quantizationMethods.join(', ')} but received '${method}'`);
  if (bits !== undefined && qconfig !== undefined)
    throw new UsageError('--bits and --qconfig: expected one of them, not both');
  const config: quantization.QuantizationConfig = {
    target,
    ...(bits === undefined ? {} : { qconfig: parseBits('--bits', bits) }),
    ...(qconfig === undefined ? {} : { qconfig }),
    // Checked by resolveConfig below.
    ...(observer === undefined ? {} : { observer: { kind: observer } as quantization.ObserverSpec }),
    ...(overrides.length === 0 ? {} : { overrides: overrides.map(parseOverride) }),
  };
  try {
    quantization.resolveConfig(config);
    if (observer !== undefined && !quantization.observerKinds.some((kind) => kind === observer))
      throw ArgumentError.expected('observer', `one of ${quantization.observerKinds.join(', ')}`, observer);
  } catch (error) {
    if (error instanceof ArgumentError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
  return { config, ...METHODS[method].options };
}

type Schemes = Pick<quantization.QuantizationOverride, 'weight' | 'activation'>;

/** `w4a8`: weights of 4 bits, activations of 8; `w4` and `a16` one of them; `8` both. */
function parseBits(
  option: string,
  text: string,
): { weight?: quantization.SchemeOptions; activation?: quantization.SchemeOptions } {
  const [, both, weight = both, activation = both] = /^(?:(\d+)|(?:w(\d+))?(?:a(\d+))?)$/i.exec(text.trim()) ?? [];
  if (weight === undefined && activation === undefined)
    throw new UsageError(`${option}: expected numbers of bits such as 8, w4a8 or a16 but received '${text}'`);
  return {
    ...(weight === undefined ? {} : { weight: weightScheme(Number(weight)) }),
    ...(activation === undefined ? {} : { activation: { bits: Number(activation) } }),
  };
}

/** With few steps it pays to cut the largest weights off. */
function weightScheme(bits: number): quantization.SchemeOptions {
  return bits < 8 ? { bits, observer: { kind: 'mse' } } : { bits };
}

/** `features.0.*=float`, `classifier.1=w8a16`, `**.conv={"weight":{"bits":4}}`. */
function parseOverride(text: string): quantization.QuantizationOverride {
  const at = text.indexOf('=');
  const layers = text.slice(0, at).trim();
  const what = text.slice(at + 1).trim();
  if (at < 1 || what === '')
    throw new UsageError(`--override: expected pattern=bits, pattern=float or pattern=JSON but received '${text}'`);
  return {
    layers,
    ...(what.startsWith('{') ? parseSchemes(what) : what === 'float' ? FLOAT : parseBits('--override', what)),
  };
}

const FLOAT: Schemes = { weight: null, activation: null };

function parseSchemes(text: string): Schemes {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UsageError(`--override: expected JSON but received '${text}'`);
  }
  for (const key of Object.keys(value as object))
    if (key !== 'weight' && key !== 'activation')
      throw new UsageError(`--override: expected weight and activation but received '${key}'`);
  // What they hold is checked where schemes are made.
  return value as Schemes;
}

function isMethod(name: string): name is QuantizationMethod {
  return Object.hasOwn(METHODS, name);
}
