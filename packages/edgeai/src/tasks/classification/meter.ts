/** @file Figures of a classifier over a pass: loss, top-1 and top-5 accuracy, and on request each class by itself. */

import type { Tensor } from '@edgeai/torch';

import { topKCorrect } from '../../training/accuracy.ts';
import { SmoothedValue } from '../../training/smoothed-value.ts';
import type { Meter } from '../../training/task.ts';
import type { ClassificationBatch } from './mix.ts';

/** Loss and accuracy, in percent. */
export class ClassificationMeter implements Meter<ClassificationBatch, Tensor> {
  readonly #loss = new SmoothedValue();
  #images = 0;
  #correct1 = 0;
  #correct5 = 0;

  add([, targets]: ClassificationBatch, output: Tensor, loss: number): void {
    const [first = 0, fifth = 0] = topKCorrect(output, targets, [1, 5]);
    const count = output.size(0);
    this.#loss.add(loss, count);
    this.#images += count;
    this.#correct1 += first;
    this.#correct5 += fifth;
  }

  figures(): { loss: number; acc1: number; acc5: number } {
    return {
      loss: this.#loss.average,
      acc1: (100 * this.#correct1) / this.#images,
      acc5: (100 * this.#correct5) / this.#images,
    };
  }
}

/** How one class fares. */
export interface ClassFigures {
  index: number;
  name: string;
  images: number;
  /** Percent of its images that were recognised. */
  acc1: number;
  /** The class that its images are most often taken for; null where none was taken for another. */
  confusedWith: string | null;
}

/** Counts which class each image was taken for, beside what `ClassificationMeter` does. */
export class ConfusionMeter extends ClassificationMeter {
  /** `#counts[label][predicted]`. */
  readonly #counts: number[][];
  readonly #classes: readonly string[];

  constructor(classes: readonly string[], numClasses: number) {
    super();
    this.#classes = classes;
    this.#counts = Array.from({ length: numClasses }, () => new Array<number>(numClasses).fill(0));
  }

  override add(batch: ClassificationBatch, output: Tensor, loss: number): void {
    super.add(batch, output, loss);
    const predicted = output.argmax(1).toTypedArray();
    for (const [i, label] of batch[1].toTypedArray().entries()) {
      const row = this.#counts[Number(label)];
      const column = Number(predicted[i]);
      if (row !== undefined) row[column] = (row[column] ?? 0) + 1;
    }
  }

  /** Classes with images, in the order of their index. */
  classes(): ClassFigures[] {
    return this.#counts.flatMap((row, index) => {
      const images = row.reduce((sum, count) => sum + count, 0);
      if (images === 0) return [];
      const others = row.map((count, column) => (column === index ? 0 : count));
      const most = Math.max(...others);
      return {
        index,
        name: this.#nameOf(index),
        images,
        acc1: (100 * (row[index] ?? 0)) / images,
        confusedWith: most > 0 ? this.#nameOf(others.indexOf(most)) : null,
      };
    });
  }

  #nameOf(index: number): string {
    return this.#classes[index] ?? `class ${index}`;
  }
}
