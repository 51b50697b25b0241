/** @file The unpickler's stack of values, with the marks that open groups; misuse means that the pickle is corrupt. */

import { FileFormatError } from '../errors.ts';

const MARK = Symbol('mark');

/** Values under construction. A mark can be dropped but never taken for a value. */
export class PickleStack {
  readonly #items: unknown[] = [];

  push(value: unknown): void {
    this.#items.push(value);
  }

  /** Opens a group that {@link popMark} closes. */
  mark(): void {
    this.#items.push(MARK);
  }

  top(): unknown {
    const value = this.#items.at(-1);
    if (this.#items.length === 0 || value === MARK) throw corrupt('takes from an empty stack');
    return value;
  }

  pop(): unknown {
    const value = this.top();
    this.#items.pop();
    return value;
  }

  /** The top `count` values, lowest first. */
  popItems(count: number): unknown[] {
    const items = this.#items.slice(-count);
    if (items.length < count || items.includes(MARK)) throw corrupt('takes from an empty stack');
    this.#items.length -= count;
    return items;
  }

  /** The values of the innermost group, lowest first. */
  popMark(): unknown[] {
    const mark = this.#items.lastIndexOf(MARK);
    if (mark < 0) throw corrupt('closes a group that was never opened');
    const items = this.#items.slice(mark + 1);
    this.#items.length = mark;
    return items;
  }

  /** Removes the top value or mark. */
  drop(): void {
    if (this.#items.length === 0) throw corrupt('takes from an empty stack');
    this.#items.pop();
  }
}

/** The error for a pickle that does what no pickler writes. */
export function corrupt(what: string): FileFormatError {
  return new FileFormatError(`corrupt: the pickle ${what}`);
}
