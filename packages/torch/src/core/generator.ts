/** @file Random generators: libtorch's own (mt19937 on the CPU), so that a seed gives the numbers that PyTorch gives. */

import { ArgumentError } from '../errors.ts';
import { native } from '../native.ts';
import { type GeneratorLike, handleOf } from './dispatch.ts';
import { Tensor } from './tensor.ts';
import type { Device } from './types.ts';

/** A source of random numbers. Without one, operators draw from the default generator of their device. */
export class Generator implements GeneratorLike {
  /** @internal */
  readonly _generator: number;
  readonly device: Device;

  constructor(options: { device?: Device; seed?: number | bigint } = {}, native_?: number) {
    this.device = options.device ?? 'cpu';
    this._generator = native_ ?? native.newGenerator(this.device);
    if (options.seed !== undefined) this.manualSeed(options.seed);
  }

  /** @throws {ArgumentError} for anything but a whole number between -2^63 and 2^64 */
  manualSeed(seed: number | bigint): this {
    native.generatorSeed(this._generator, checkSeed(seed));
    return this;
  }

  /** The seed that was last set, without its sign: -1 is 2^64 - 1. */
  initialSeed(): bigint {
    return native.generatorInitialSeed(this._generator);
  }

  /** The whole state as a uint8 tensor; PyTorch reads it with `torch.Generator.set_state`. */
  getState(): Tensor {
    return new Tensor(native.generatorGetState(this._generator), 'Generator.getState');
  }

  setState(state: Tensor): this {
    native.generatorSetState(this._generator, handleOf(state));
    return this;
  }
}

/** As an unsigned number of 64 bits: negative seeds wrap, as in PyTorch. */
function checkSeed(seed: number | bigint): bigint {
  const whole = typeof seed === 'bigint' || Number.isSafeInteger(seed);
  const value = whole ? BigInt(seed) : 0n;
  if (!whole || value < -(2n ** 63n) || value >= 2n ** 64n) {
    throw ArgumentError.expected('seed', 'a whole number of 64 bits (a bigint beyond 2^53)', seed);
  }
  return BigInt.asUintN(64, value);
}

const defaults = new Map<string, Generator>();

/** The generator that operators on `device` use when they are given none. */
export function defaultGenerator(device: Device = 'cpu'): Generator {
  let found = defaults.get(device);
  if (found === undefined) {
    found = new Generator({ device }, native.defaultGenerator(device));
    defaults.set(device, found);
  }
  return found;
}

/** Seeds the default generators of all devices, as `torch.manual_seed` does. */
export function manualSeed(seed: number | bigint): Generator {
  native.manualSeed(checkSeed(seed));
  return defaultGenerator('cpu');
}

/**
 * Runs synchronous code with `generator` as the default generator of the CPU, in this thread alone: operators that are given
 * none draw from it, and `manualSeed` seeds it. Operators that draw but can be given none (`dropout`) are refused meanwhile.
 */
export function withDefaultGenerator<T>(generator: Generator, fn: () => T): T {
  const before = useDefaultGenerator(generator);
  try {
    return fn();
  } finally {
    useDefaultGenerator(before);
  }
}

/** @internal Makes `generator` the default one of this thread's operators on the CPU; returns the one before. */
export function useDefaultGenerator(generator: Generator): Generator {
  const before = defaultGenerator('cpu');
  shared ??= before;
  native.useGenerator(generator === shared ? -1 : generator._generator);
  defaults.set('cpu', generator);
  return before;
}

/** libtorch's own generator, which all threads share. */
let shared: Generator | undefined;

/** State of the default CPU generator. */
export function getRngState(): Tensor {
  return defaultGenerator('cpu').getState();
}

export function setRngState(state: Tensor): void {
  defaultGenerator('cpu').setState(state);
}
