/** @file Shows how far a long job is: one line redrawn in place on a terminal, plain lines now and then elsewhere. */

import { bar } from './bars.ts';
import { formatDuration, formatNumber, formatRate } from './format.ts';
import { displayWidth, pad, truncate } from './text-width.ts';

/** Prints whole lines; the logger writes through it so that log lines and the progress line do not mix. */
export interface Printer {
  println(text: string): void;
}

/** The part of `process.stdout` that is needed here. */
export interface ProgressStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  on?(event: 'resize', listener: () => void): unknown;
  off?(event: 'resize', listener: () => void): unknown;
}

export interface ProgressOptions {
  stream?: ProgressStream;
  /** Milliseconds from any origin; must not go backwards. */
  clock?: () => number;
  /** On a terminal the line is redrawn at most once in this time. Default 100 ms. */
  redrawMs?: number;
  /** Elsewhere a line is written at least once in this time, when there are updates. Default 30 s. */
  lineMs?: number;
  /** Elsewhere a line is also written every `printFreq` steps; 0 for never. Default 0. */
  printFreq?: number;
  /** What is counted in the rate. Default `img`. */
  unit?: string;
  /** Overrides the look at the stream, for instance for `TERM=dumb`. */
  terminal?: boolean;
}

export interface ProgressUpdate {
  /** Steps finished. */
  done: number;
  /** Items (images) finished; the rate counts these, or steps where absent. */
  items?: number;
  /** Further figures in the order of importance, such as loss and accuracy. */
  fields?: Readonly<Record<string, number | string>>;
}

interface Sample {
  time: number;
  done: number;
  items: number;
}

/** The rate is taken over this time, so that it follows a change of pace and yet does not flicker. */
const WINDOW_MS = 15_000;
const NARROWEST_BAR = 8;
const WIDEST_BAR = 30;

/** One display for one stream; `start` … `update` … `finish` for each phase of the job. */
export class Progress implements Printer {
  readonly #stream: ProgressStream;
  readonly #clock: () => number;
  readonly #redrawMs: number;
  readonly #lineMs: number;
  readonly #printFreq: number;
  readonly #unit: string;
  readonly #terminal: boolean;
  readonly #onResize = (): void => this.#redraw();
  #active = false;
  #label = '';
  #total = 0;
  #state: ProgressUpdate = { done: 0 };
  #samples: Sample[] = [];
  #startTime = 0;
  #lastShown = 0;
  #lastShownDone = 0;
  #drawnColumns = 0;

  constructor(options: ProgressOptions = {}) {
    this.#stream = options.stream ?? process.stdout;
    this.#clock = options.clock ?? (() => performance.now());
    this.#redrawMs = options.redrawMs ?? 100;
    this.#lineMs = options.lineMs ?? 30_000;
    this.#printFreq = options.printFreq ?? 0;
    this.#unit = options.unit ?? 'img';
    this.#terminal = options.terminal ?? this.#stream.isTTY === true;
    if (this.#terminal) this.#stream.on?.('resize', this.#onResize);
  }

  /** Begins a phase of `total` steps; 0 where the number is not known. */
  start(label: string, total: number): void {
    if (this.#active) this.finish();
    const now = this.#clock();
    this.#active = true;
    this.#label = label;
    this.#total = total;
    this.#state = { done: 0, items: 0 };
    this.#samples = [{ time: now, done: 0, items: 0 }];
    this.#startTime = now;
    this.#lastShown = now;
    this.#lastShownDone = 0;
    if (this.#terminal) this.#draw(now);
  }

  /** Tells how far the phase is; cheap, shows something only when it is time to. */
  update(state: ProgressUpdate): void {
    if (!this.#active) return;
    const now = this.#clock();
    this.#state = state;
    this.#sample(now);
    const waited = now - this.#lastShown;
    if (this.#terminal) {
      if (waited >= this.#redrawMs || state.done === this.#total) this.#draw(now);
      return;
    }
    const crossed =
      this.#printFreq > 0 &&
      Math.floor(state.done / this.#printFreq) > Math.floor(this.#lastShownDone / this.#printFreq);
    if (crossed || waited >= this.#lineMs) this.#writeLine(now);
  }

  /** Ends the phase and leaves one line about it: `summary`, or how it stood at the end. */
  finish(summary?: string): void {
    if (!this.#active) return;
    const now = this.#clock();
    // Over the whole phase now: the figure that is worth keeping.
    this.#samples = [{ time: this.#startTime, done: 0, items: 0 }];
    this.#sample(now);
    const text = summary ?? this.#parts(now, true).join('  ');
    this.#clear();
    this.#active = false;
    this.#stream.write(`${text}\n`);
  }

  /** Ends the phase without a word, for instance when the job is interrupted. */
  cancel(): void {
    this.#clear();
    this.#active = false;
  }

  println(text: string): void {
    this.#clear();
    this.#stream.write(`${text}\n`);
    if (this.#active && this.#terminal) this.#draw(this.#clock());
  }

  /** Takes the line away and stops listening for resizes. */
  close(): void {
    this.cancel();
    this.#stream.off?.('resize', this.#onResize);
  }

  #sample(now: number): void {
    const { done } = this.#state;
    this.#samples.push({ time: now, done, items: this.#state.items ?? done });
    // One sample beyond the window stays, so that slow steps still span a time.
    let second = this.#samples[1];
    while (this.#samples.length > 2 && second !== undefined && now - second.time >= WINDOW_MS) {
      this.#samples.shift();
      second = this.#samples[1];
    }
  }

  #parts(now: number, ended: boolean): string[] {
    const { done, fields } = this.#state;
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    const seconds = first !== undefined && last !== undefined ? (last.time - first.time) / 1000 : 0;
    const itemRate = seconds > 0 && first && last ? (last.items - first.items) / seconds : Number.NaN;
    const stepRate = seconds > 0 && first && last ? (last.done - first.done) / seconds : Number.NaN;
    const total = String(this.#total);
    const parts = [this.#label];
    parts.push(this.#total > 0 ? `${String(done).padStart(total.length)}/${total}` : String(done));
    if (this.#total > 0) parts.push(`${String(Math.floor((100 * done) / this.#total)).padStart(3)} %`);
    for (const [name, value] of Object.entries(fields ?? {})) {
      parts.push(`${name} ${typeof value === 'number' ? formatNumber(value) : value}`);
    }
    parts.push(formatRate(itemRate, this.#unit));
    if (ended) parts.push(formatDuration((now - this.#startTime) / 1000));
    else if (this.#total > 0) parts.push(`ETA ${formatDuration((this.#total - done) / stepRate)}`);
    return parts;
  }

  /** The line for a terminal: never wider than it, the last column left free so that no terminal wraps. */
  #fit(now: number): string {
    const available = Math.max(1, (this.#stream.columns || 80) - 1);
    const parts = this.#parts(now, false);
    const width = (): number => displayWidth(parts.join('  '));
    const wanted = this.#total > 0 ? available - NARROWEST_BAR - 2 : available;
    // The step count says least beside a bar and a percentage; then the figures go from the end (ETA, rate, …).
    if (this.#total > 0 && width() > wanted) parts.splice(1, 1);
    while (parts.length > 1 && width() > available) parts.pop();
    const room = Math.min(WIDEST_BAR, available - width() - 2);
    if (this.#total > 0 && room >= NARROWEST_BAR) {
      parts.splice(1, 0, pad(bar(this.#state.done / this.#total, room), room));
    }
    const text = parts.join('  ');
    return truncate(text, available);
  }

  #draw(now: number): void {
    const text = this.#fit(now);
    this.#stream.write(`\r\x1b[K${text}`);
    this.#drawnColumns = displayWidth(text);
    this.#lastShown = now;
  }

  #writeLine(now: number): void {
    this.#stream.write(`${this.#parts(now, false).join('  ')}\n`);
    this.#lastShown = now;
    this.#lastShownDone = this.#state.done;
  }

  /** A narrower terminal has wrapped the old line: go up to its first row and clear from there. */
  #redraw(): void {
    if (!this.#active) return;
    const columns = Math.max(1, this.#stream.columns || 80);
    const rowsAbove = Math.max(0, Math.ceil(this.#drawnColumns / columns) - 1);
    this.#stream.write(`${rowsAbove > 0 ? `\x1b[${rowsAbove}A` : ''}\r\x1b[J`);
    this.#draw(this.#clock());
  }

  #clear(): void {
    if (!this.#terminal || this.#drawnColumns === 0) return;
    this.#stream.write('\r\x1b[K');
    this.#drawnColumns = 0;
  }
}
