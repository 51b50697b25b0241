/** @file Random numbers that depend on a seed and a place alone, so that any scene can be made by itself, in any order. */

/** A stream of numbers in [0, 1): Marsaglia's xorshift on 32 bits, started from a well-mixed seed. */
export class SceneRandom {
  #state: number;

  constructor(...seeds: readonly number[]) {
    this.#state = seeds.reduce<number>((state, seed) => mix(state ^ seed), 0x9e3779b9) || 1;
  }

  next(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return (state >>> 0) / 4294967296;
  }

  /** Uniform between two numbers. */
  between(low: number, high: number): number {
    return low + (high - low) * this.next();
  }

  /** A whole number from `low` to `high`, both included. */
  whole(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.next() * items.length)] as T;
  }

  /** Standard normal, from a table of 4096 values: what the noise of a sensor needs, at the price of one number. */
  normal(): number {
    return NORMALS[Math.floor(this.next() * NORMALS.length)] as number;
  }
}

/** Spreads the bits of a whole number over all 32. */
export function mix(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return (x ^ (x >>> 15)) | 0;
}

/** A number in [0, 1) for a cell of a lattice. */
function lattice(x: number, y: number, seed: number): number {
  return (mix(Math.imul(x, 374761393) ^ Math.imul(y, 668265263) ^ seed) >>> 0) / 4294967296;
}

/** Smooth noise in [0, 1) over a plane, with features of size 1. */
export function valueNoise(x: number, y: number, seed: number): number {
  const left = Math.floor(x);
  const top = Math.floor(y);
  const u = x - left;
  const v = y - top;
  const a = u * u * (3 - 2 * u);
  const b = v * v * (3 - 2 * v);
  const upper = lattice(left, top, seed) * (1 - a) + lattice(left + 1, top, seed) * a;
  const lower = lattice(left, top + 1, seed) * (1 - a) + lattice(left + 1, top + 1, seed) * a;
  return upper * (1 - b) + lower * b;
}

const NORMALS = makeNormals(4096);

/** Box and Muller's method. */
function makeNormals(count: number): Float32Array {
  const random = new SceneRandom(1);
  return Float32Array.from({ length: count }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - random.next()));
    return radius * Math.cos(2 * Math.PI * random.next());
  });
}
