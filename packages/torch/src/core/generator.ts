/** @file Random generators: libtorch's own (mt19937 on the CPU), so that a seed gives the numbers that PyTorch gives. */

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

  manualSeed(seed: number | bigint): this {
    native.generatorSeed(this._generator, seed);
    return this;
  }

  /** The seed that was last set. */
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
  native.manualSeed(seed);
  return defaultGenerator('cpu');
}

/** State of the default CPU generator. */
export function getRngState(): Tensor {
  return defaultGenerator('cpu').getState();
}

export function setRngState(state: Tensor): void {
  defaultGenerator('cpu').setState(state);
}
