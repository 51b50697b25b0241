/** @file What quantisation needs of a task: the network, images to calibrate with, images to measure on, figures. */

import type { quantization } from '@edgeai/modelopt';
import { keep, type nn, type Tensor } from '@edgeai/torch';

import type { BatchSource, TaskFacts } from '../training/task.ts';

/** Gathers figures from what a network, or a file in onnxruntime, returned. */
export interface OutputMeter<Batch> {
  add(batch: Batch, outputs: readonly Tensor[]): void;
  figures(): Record<string, number>;
}

/** A network with data. */
export interface QuantizationSubject<Batch = unknown> {
  /** In evaluation mode. */
  readonly model: nn.AnyModule;
  readonly facts: TaskFacts;
  /** What the network is calibrated with. */
  readonly calibration: BatchSource<Batch>;
  readonly calibrationImages: number;
  /** What it is measured on: the images of the calibration, and those that it has not seen. */
  readonly seen: BatchSource<Batch>;
  readonly unseen: BatchSource<Batch> | null;
  /** The network's arguments. They belong to the batch. */
  inputsOf(batch: Batch): readonly Tensor[];
  meter(): OutputMeter<Batch>;
  /** Where the `index`-th of the images measured on, seen ones first, comes from; null where that is no file. */
  fileOf(index: number): string | null;
}

/** More than this is read anew for each step. */
const KEPT_BYTES = 512 * 2 ** 20;

/**
 * Calibration batches for steps that each read them once: kept where they fit, so that images are decoded once, else read each time. The
 * caller calls `dispose`.
 */
export class CalibrationImages {
  readonly #source: BatchSource<unknown>;
  readonly #inputsOf: (batch: unknown) => readonly Tensor[];
  #kept: Tensor[][] | null = null;

  private constructor(source: BatchSource<unknown>, inputsOf: (batch: unknown) => readonly Tensor[]) {
    this.#source = source;
    this.#inputsOf = inputsOf;
  }

  static async open<Batch>({ calibration, inputsOf }: QuantizationSubject<Batch>): Promise<CalibrationImages> {
    const images = new CalibrationImages(calibration, (batch) => inputsOf(batch as Batch));
    await images.#keep();
    return images;
  }

  /** For `quantizePTQ` and whatever else reads calibration data. */
  readonly data = (): AsyncIterable<quantization.CalibrationBatch> => this.#batches();

  dispose(): void {
    for (const inputs of this.#kept ?? []) for (const input of inputs) input.dispose();
    this.#kept = null;
  }

  async *#batches(): AsyncGenerator<quantization.CalibrationBatch> {
    if (this.#kept !== null) yield* this.#kept;
    else for await (const batch of this.#source) yield this.#inputsOf(batch);
  }

  async #keep(): Promise<void> {
    const kept: Tensor[][] = [];
    let bytes = 0;
    for await (const batch of this.#source) {
      const copies = this.#inputsOf(batch).map((input) => keep(input.clone()));
      kept.push(copies);
      bytes += copies.reduce((sum, copy) => sum + copy.numel() * 4, 0);
      if (bytes <= KEPT_BYTES) continue;
      for (const inputs of kept) for (const input of inputs) input.dispose();
      return;
    }
    this.#kept = kept;
  }
}

export interface SubjectOptions {
  calibrationImages: number;
  /** Measure on so many images at most, those of the calibration among them; `null`: on all. */
  evaluationImages: number | null;
}

/** Which of `length` images a network is calibrated with, and which others it is measured on. */
export function shareOut(
  length: number,
  { calibrationImages, evaluationImages }: SubjectOptions,
): { chosen: number[]; unseen: number[] } {
  const { chosen, rest } = spreadIndices(length, calibrationImages);
  const most = evaluationImages === null ? rest.length : Math.max(evaluationImages - chosen.length, 0);
  return { chosen, unseen: spreadIndices(rest.length, most).chosen.map((i) => rest[i] ?? 0) };
}

/** `count` of `length` indices, spread evenly, and the rest. */
export function spreadIndices(length: number, count: number): { chosen: number[]; rest: number[] } {
  const wanted = Math.min(count, length);
  const chosen = Array.from({ length: wanted }, (_, i) => Math.floor((i * length) / wanted));
  const taken = new Set(chosen);
  return { chosen, rest: Array.from({ length }, (_, i) => i).filter((i) => !taken.has(i)) };
}
