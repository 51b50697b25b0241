/** @file A figure that is followed over many steps: its average since the beginning, and how it stands lately. */

/** Sums values weighted by how many items each stands for, and remembers the latest ones. */
export class SmoothedValue {
  readonly #window: number;
  readonly #recent: number[] = [];
  #sum = 0;
  #count = 0;

  /** @param window how many of the latest values `recent` looks at */
  constructor(window = 20) {
    this.#window = window;
  }

  /** Adds the mean value of `count` items. */
  add(value: number, count = 1): void {
    this.#sum += value * count;
    this.#count += count;
    this.#recent.push(value);
    if (this.#recent.length > this.#window) this.#recent.shift();
  }

  /** Average over all items; NaN before the first. */
  get average(): number {
    return this.#sum / this.#count;
  }

  /** Median of the latest values: what a progress line shows, since one odd step does not move it. NaN before the first. */
  get recent(): number {
    const sorted = [...this.#recent].sort((a, b) => a - b);
    return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
  }

  /** Items so far. */
  get count(): number {
    return this.#count;
  }
}
