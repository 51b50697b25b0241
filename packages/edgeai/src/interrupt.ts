/** @file Ctrl-C: the first signal asks for a clean stop, which the training loop polls for; the second ends the process at once. */

import { INTERRUPTED_EXIT_CODE } from './errors.ts';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
type StopSignal = (typeof SIGNALS)[number];

/** The part of `process` that is needed here; tests hand in another. */
export interface SignalSource {
  on(event: StopSignal, listener: (signal: StopSignal) => void): unknown;
  off(event: StopSignal, listener: (signal: StopSignal) => void): unknown;
}

export interface InterruptOptions {
  /** Called on the first signal, for instance to tell the user that a checkpoint is being written. */
  onRequest?: (signal: StopSignal) => void;
  /** Called just before the second signal ends the process, to leave the terminal in order. */
  onForce?: () => void;
  source?: SignalSource;
  exit?: (code: number) => void;
}

/** Listens for SIGINT and SIGTERM from its construction until `close()`. */
export class Interrupt {
  readonly #controller = new AbortController();
  readonly #source: SignalSource;
  readonly #exit: (code: number) => void;
  readonly #options: InterruptOptions;
  readonly #listener = (signal: StopSignal): void => this.#receive(signal);
  #open = true;

  constructor(options: InterruptOptions = {}) {
    this.#options = options;
    this.#source = options.source ?? process;
    this.#exit = options.exit ?? ((code) => process.exit(code));
    for (const signal of SIGNALS) this.#source.on(signal, this.#listener);
  }

  /** True once a stop was asked for; cheap enough to be polled every step. */
  get requested(): boolean {
    return this.#controller.signal.aborted;
  }

  /** The same as an AbortSignal, for `fetch`, timers and streams. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Which signal asked for the stop. */
  get reason(): StopSignal | undefined {
    const reason: unknown = this.#controller.signal.reason;
    return SIGNALS.find((name) => name === reason);
  }

  #receive(signal: StopSignal): void {
    if (!this.requested) {
      this.#controller.abort(signal);
      this.#options.onRequest?.(signal);
      return;
    }
    try {
      this.#options.onForce?.();
    } finally {
      this.#exit(INTERRUPTED_EXIT_CODE);
    }
  }

  /** Stops listening; signals have their usual effect again. Safe to call twice. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    for (const signal of SIGNALS) this.#source.off(signal, this.#listener);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
