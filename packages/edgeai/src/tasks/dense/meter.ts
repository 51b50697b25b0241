/** @file Figures of the dense tasks over a pass: mean IoU of classes, F1 of what moves, errors of depths and of flow. */

import { nn, type Tensor, tensor } from '@edgeai/torch';
import { datasets, metrics } from '@edgeai/xvision';

import { SmoothedValue } from '../../training/smoothed-value.ts';
import type { Meter, MeterDetail } from '../../training/task.ts';

/** Brings a prediction to the size of its target: scores and depths are interpolated, as the network itself would; flow grows with its map. */
export function toSizeOf(prediction: Tensor, target: Tensor, kind: datasets.DenseTaskKind | 'image'): Tensor {
  const [height = 0, width = 0] = target.shape.slice(-2);
  const [oldHeight, oldWidth] = [prediction.size(-2), prediction.size(-1)];
  if (oldHeight === height && oldWidth === width) return prediction;
  const sized = nn.functional.interpolate(prediction, { size: [height, width], mode: 'bilinear' });
  if (kind !== 'flow') return sized;
  const factors = tensor([width / oldWidth, height / oldHeight], { dtype: 'float32', device: prediction.device });
  return sized.mul(factors.reshape([2, 1, 1]));
}

/** Figures by class. */
export interface DenseClassFigures {
  task: string;
  index: number;
  name: string;
  /** Percent. */
  iou: number;
  accuracy: number;
  precision: number;
  f1: number;
}

type Accumulator =
  | { kind: 'classes'; info: datasets.ClassTarget; matrix: metrics.ConfusionMatrix }
  | { kind: 'depth'; meter: metrics.DepthMeter }
  | { kind: 'flow'; meter: metrics.FlowMeter };

function accumulatorOf(info: datasets.TargetInfo): Accumulator {
  if (datasets.isClasses(info))
    return { kind: 'classes', info, matrix: new metrics.ConfusionMatrix(info.classes.length) };
  if (info.kind === 'flow') return { kind: 'flow', meter: new metrics.FlowMeter() };
  return { kind: 'depth', meter: new metrics.DepthMeter({ max: info.max }) };
}

/** Accumulates; predictions are not kept. */
export class DenseMeter implements Meter<datasets.DenseBatch, readonly Tensor[]> {
  readonly #loss = new SmoothedValue();
  readonly #accumulators: readonly Accumulator[];

  constructor(targets: readonly datasets.TargetInfo[]) {
    this.#accumulators = targets.map(accumulatorOf);
  }

  add(batch: datasets.DenseBatch, output: readonly Tensor[], loss: number): void {
    this.#loss.add(loss, batch.targets[0]?.size(0) ?? 1);
    for (const [i, accumulator] of this.#accumulators.entries()) {
      const target = batch.targets[i] as Tensor;
      const kind = accumulator.kind === 'classes' ? accumulator.info.kind : accumulator.kind;
      const prediction = toSizeOf((output[i] as Tensor).detach(), target, kind);
      if (accumulator.kind === 'classes') accumulator.matrix.add(prediction, target);
      else accumulator.meter.add(prediction, target);
    }
  }

  figures(): Record<string, number> {
    const figures: Record<string, number> = { loss: this.#loss.average };
    for (const accumulator of this.#accumulators) {
      if (accumulator.kind === 'depth') {
        const { absRel, sqRel, rmse, delta1, delta2, delta3 } = accumulator.meter.figures();
        Object.assign(figures, {
          absRel: 100 * absRel,
          sqRel,
          rmse,
          delta1: 100 * delta1,
          delta2: 100 * delta2,
          delta3: 100 * delta3,
        });
        continue;
      }
      if (accumulator.kind === 'flow') {
        const { endPointError, outliers } = accumulator.meter.figures();
        Object.assign(figures, { endPointError, flowOutliers: 100 * outliers });
        continue;
      }
      const { meanIoU, overallAccuracy, iou, f1 } = accumulator.matrix.figures();
      if (accumulator.info.kind === 'motion') {
        Object.assign(figures, { motionIoU: meanIoU, movingIoU: iou[1] ?? Number.NaN, movingF1: f1[1] ?? Number.NaN });
      } else Object.assign(figures, { mIoU: meanIoU, pixelAcc: overallAccuracy });
    }
    return figures;
  }

  /** Classes without a pixel, and tasks without a label: nothing is learned, or measured, of them. */
  remarks(): string[] {
    return this.#accumulators.flatMap((accumulator) => {
      if (accumulator.kind === 'depth')
        return Number.isNaN(accumulator.meter.figures().absRel) ? ['no pixel has a known depth'] : [];
      if (accumulator.kind === 'flow')
        return Number.isNaN(accumulator.meter.figures().endPointError) ? ['no pixel has a known flow'] : [];
      const { info, matrix } = accumulator;
      const absent = matrix.absentClasses().map((index) => info.classes[index]);
      if (absent.length === info.classes.length) return [`${info.kind}: no pixel has a class`];
      return absent.length === 0 ? [] : [`${info.kind}: no pixel is of the class ${absent.join(', ')}`];
    });
  }

  /** Every class by itself. */
  classes(): DenseClassFigures[] {
    return this.#accumulators.flatMap((accumulator) => {
      if (accumulator.kind !== 'classes') return [];
      const { iou, accuracy, precision, f1 } = accumulator.matrix.figures();
      return accumulator.info.classes.map((name, index) => ({
        task: accumulator.info.kind,
        index,
        name,
        iou: iou[index] ?? Number.NaN,
        accuracy: accuracy[index] ?? Number.NaN,
        precision: precision[index] ?? Number.NaN,
        f1: f1[index] ?? Number.NaN,
      }));
    });
  }

  /** For each map of classes its table and its confusion matrix. */
  details(): MeterDetail[] {
    const percent = (value: number) => (Number.isNaN(value) ? '–' : value.toFixed(2));
    const rows = this.classes();
    return Object.entries(this.confusion()).flatMap(([task, matrix]) => {
      const lines = rows
        .filter((row) => row.task === task)
        .map(({ name, ...row }) =>
          [name, ...[row.iou, row.accuracy, row.precision, row.f1].map(percent)].map((cell) => ` ${cell} |`).join(''),
        );
      const head = ' class | IoU | recall | precision | F1 |';
      const markdown = [head, ' --- | ---: | ---: | ---: | ---: |', ...lines].map((line) => `|${line}`).join('\n');
      return [
        { tag: `${task}_classes`, markdown },
        { tag: `${task}_confusion`, matrix },
      ];
    });
  }

  /** Row by row, how often pixels of each true class were taken for each class; by task. */
  confusion(): Record<string, number[][]> {
    return Object.fromEntries(
      this.#accumulators.flatMap((accumulator): [string, number[][]][] => {
        if (accumulator.kind !== 'classes') return [];
        const { numClasses, counts } = accumulator.matrix;
        const rows = Array.from({ length: numClasses }, (_, row) =>
          Array.from(counts.slice(row * numClasses, (row + 1) * numClasses)),
        );
        return [[accumulator.info.kind, rows]];
      }),
    );
  }
}

/** The figure that decides, by task. */
export const DECISIVE = {
  segmentation: { figure: 'mIoU', better: 'higher' },
  motion: { figure: 'motionIoU', better: 'higher' },
  depth: { figure: 'absRel', better: 'lower' },
  flow: { figure: 'endPointError', better: 'lower' },
} as const;
