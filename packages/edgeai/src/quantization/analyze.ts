/** @file The analysis of a quantised network as `edgeai quantize --analyze` makes it: figures as JSON, and the report for people. */

import { join } from 'node:path';
import { quantization } from '@edgeai/modelopt';
import { type nn, scope, type Tensor, writeFileAtomic } from '@edgeai/torch';
import { io, transforms } from '@edgeai/vision';
import { formatNumber } from '../cli/format.ts';
import type { TaskLog } from '../tasks/classification/build-model.ts';
import { finiteOrNull, type Quantized, type QuantizeReport } from './quantize.ts';
import type { QuantizationSubject } from './subject.ts';

export interface AnalyzeOptions {
  ptq: quantization.PTQOptions;
  outputDir: string;
  /** Bits a weight that a mixed choice may have on average. */
  averageBits: number;
  /** How many images each layer's sensitivity is found with. Default 4. */
  images?: number;
  log: TaskLog;
}

/** What the analysis found; also in `analysis.json`. */
export interface AnalysisReport {
  readonly noise: readonly quantization.LayerNoise[];
  readonly sensitivity: quantization.Sensitivity;
  readonly precision: quantization.MixedPrecision;
  readonly observers: readonly quantization.ObserverComparison[];
}

/** Observers that take a moment even on large maps. */
const OBSERVERS = ['min-max', 'percentile', 'mse', 'entropy'] as const;

/** Analyses and writes `analysis.json` and `report.html`. */
export async function analyzeQuantized<Batch>(
  subject: QuantizationSubject<Batch>,
  { report, quantized, images }: Quantized,
  { ptq, outputDir, averageBits, images: count = 4, log }: AnalyzeOptions,
): Promise<AnalysisReport> {
  const net = subject.model as unknown as nn.Module<Tensor[], unknown>;
  let last = '';
  const progress = ({ step, total }: quantization.QuantizationProgress): void => {
    if (step !== last) log.info(`analysis: ${step}${total === undefined ? '' : ` (${total})`}`);
    last = step;
  };
  // The same network before rounding was tuned: equalised where the other is, since layers are then compared.
  const equalize = report.steps.includes('equalize');
  const balance = report.steps.includes('balance');
  const absorbBiases = report.steps.includes('absorb-biases');
  const plain = { ...ptq, equalize, balance, absorbBiases, adaRound: false, biasCorrection: false } as const;
  const { model: reference } = await quantization.quantizePTQ(net, images.data, plain);
  try {
    const noise = await quantization.measureNoise(quantized, reference, images.data, { progress });
    const sensitivity = await quantization.measureSensitivity(reference, images.data, { images: count, progress });
    const budget = { averageBits };
    const precision = await quantization.chooseBits(reference, images.data, {
      budget,
      images: Math.ceil(count / 2),
      progress,
    });
    const observers = await quantization.compareObservers(net, firstBatches(images.data, 2), {
      config: ptq.config ?? {},
      observers: OBSERVERS,
      progress,
    });
    const found: AnalysisReport = { noise, sensitivity, precision, observers };
    writeFileAtomic(join(outputDir, 'analysis.json'), `${JSON.stringify(found, finiteOrNull)}\n`);
    const html = quantization.renderReport({
      title: `${report.model}, quantised for ${report.config.target ?? 'its schemes'}`,
      summary: summaryOf(report),
      ...found,
      graph: quantization.drawErrors(quantized, noise),
      images: await thumbnails(subject, report),
    });
    writeFileAtomic(join(outputDir, 'report.html'), html);
    return found;
  } finally {
    reference.dispose();
  }
}

function summaryOf({ comparison, steps, calibrationImages, onnx, speed, peakMiB }: QuantizeReport): [string, string][] {
  const { figures, sameClass, withinOneStep, sqnr } = comparison;
  const lines: [string, string][] = [
    ['calibrated with', `${calibrationImages} images: ${steps.join(', ')}`],
    ['measured on', `${comparison.images} images`],
  ];
  for (const [network, { all, unseen }] of Object.entries(figures)) {
    const texts = Object.entries(all).map(([name, value]) => `${name} ${formatNumber(value)}`);
    const others = Object.entries(unseen ?? {}).map(([name, value]) => `${name} ${formatNumber(value)}`);
    lines.push([
      network,
      `${texts.join(', ')}${others.length === 0 ? '' : `; not calibrated with: ${others.join(', ')}`}`,
    ]);
  }
  lines.push(['results against float', `${sqnr.toFixed(1)} dB${classesTheSame(sameClass.floatQuantized)}`]);
  lines.push([
    'model.onnx in onnxruntime',
    onnx.file === null
      ? `none: ${onnx.reason}`
      : `${withinOneStep?.toFixed(2)} % of values within one step${classesTheSame(sameClass.quantizedOnnx)}`,
  ]);
  if (speed !== null)
    lines.push(['speed', `${speed.ratio.toFixed(2)} times as fast as the float file (${speed.threads} threads)`]);
  lines.push(['peak memory', `${peakMiB} MiB`]);
  return lines;
}

function classesTheSame(percent: number | null): string {
  return percent === null ? '' : `, ${percent.toFixed(2)} % of classes the same`;
}

const THUMBNAIL = 150;

async function thumbnails<Batch>(
  subject: QuantizationSubject<Batch>,
  { comparison }: QuantizeReport,
): Promise<quantization.ReportImage[]> {
  const { classes } = subject.facts;
  const nameOf = (index: number | null) => (index === null ? '' : (classes[index] ?? `class ${index}`));
  const result: quantization.ReportImage[] = [];
  const shrink = new transforms.Compose([new transforms.Resize(THUMBNAIL), new transforms.CenterCrop(THUMBNAIL)]);
  for (const { index, error, float, quantized } of comparison.worst) {
    const file = subject.fileOf(index);
    if (file === null) continue;
    using image = await io.readImage(file, 'RGB');
    const small = scope(() => shrink(image) as Tensor);
    const bytes = await io.encodeJpeg(small);
    small.dispose();
    const change = float === quantized ? nameOf(float) : `${nameOf(float)} → ${nameOf(quantized)}`;
    result.push({
      source: `data:image/jpeg;base64,${Buffer.from(bytes).toString('base64')}`,
      caption: `${(100 * error).toFixed(1)} % off${change === '' ? '' : `: ${change}`}`,
    });
  }
  return result;
}

/** Only the first few batches of calibration data. */
function firstBatches(data: () => AsyncIterable<quantization.CalibrationBatch>, count: number) {
  return async function* (): AsyncGenerator<quantization.CalibrationBatch> {
    let left = count;
    for await (const batch of data()) {
      if (left-- <= 0) return;
      yield batch;
    }
  };
}
