/** @file Quantises a trained network, measures what came out, and writes checkpoint, ONNX file and figures. */

import { mkdirSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { quantization } from '@edgeai/modelopt';
import { exportVerified, OnnxSession, type VerifyReport } from '@edgeai/onnx';
import { type nn, noGrad, save, scope, Tensor, writeFileAtomic } from '@edgeai/torch';
import { offSteps } from '../models/export-model.ts';
import { OnnxRunner } from '../models/onnx-runner.ts';
import { quantizationOption } from '../models/quantized.ts';
import type { TaskLog } from '../tasks/classification/build-model.ts';
import type { TaskFacts } from '../training/task.ts';
import { type Comparison, compareNetworks } from './compare.ts';
import { CalibrationImages, type QuantizationSubject } from './subject.ts';

export interface QuantizeOptions {
  ptq: quantization.PTQOptions;
  outputDir: string;
  /** How quantisers are written. Default `qdq`. */
  format?: 'qdq' | 'clip';
  dynamicBatch?: boolean;
  /** Time the exported file beside that of the float network, and the calibration beside plain inference. */
  benchmark?: boolean;
  /** Threads of onnxruntime; null for its choice. */
  threads?: number | null;
  log: TaskLog;
}

/** Seconds an image and their ratio, one image at a time in onnxruntime. */
export interface SpeedReport {
  readonly float: number;
  readonly quantized: number;
  /** How many times as fast as the float file. */
  readonly ratio: number;
  readonly threads: number;
  /** Load of the machine in the minute before: other programs make all figures worse. */
  readonly load: number;
  /** Plain inference on the calibration images, and their calibration, in seconds. */
  readonly inference: number;
  readonly calibration: number;
}

/** What was done and how good it is; also in `result.json`. */
export interface QuantizeReport {
  readonly model: string;
  readonly config: quantization.QuantizationConfig;
  readonly steps: readonly string[];
  readonly calibrationImages: number;
  readonly comparison: Comparison;
  readonly onnx: (VerifyReport & { file: string }) | { file: null; reason: string };
  readonly seconds: Readonly<Record<string, number>>;
  readonly speed: SpeedReport | null;
  readonly peakMiB: number;
  readonly files: readonly string[];
}

/** The report together with the networks, for whoever looks on; the caller disposes `quantized`. */
export interface Quantized {
  readonly report: QuantizeReport;
  readonly quantized: quantization.QuantizedModel<Tensor[], unknown>;
  readonly images: CalibrationImages;
}

/**
 * Calibrates, corrects, exports, verifies and compares. The ONNX file is there under its name only when onnxruntime agrees with the
 * network.
 *
 * @throws onnx's ExportMismatchError where it does not
 */
export async function quantizeNetwork<Batch>(
  subject: QuantizationSubject<Batch>,
  options: QuantizeOptions,
): Promise<Quantized> {
  const { ptq, outputDir, log, format = 'qdq', dynamicBatch = false } = options;
  mkdirSync(outputDir, { recursive: true });
  const clock = new StepClock();
  const images = await CalibrationImages.open(subject);
  clock.done('images');
  log.info(`calibration: ${subject.calibrationImages} images`);
  const inference = options.benchmark === true ? await inferenceSeconds(subject.model, images) : 0;
  clock.restart();
  const { model, steps } = await quantization.quantizePTQ(
    subject.model as unknown as nn.Module<Tensor[], unknown>,
    images.data,
    { ...ptq, progress: ({ step }) => clock.done(step) },
  );
  const facts = {
    ...subject.facts,
    modelOptions: {
      ...subject.facts.modelOptions,
      quantization: quantizationOption(model.config, subject.facts.inputShapes),
    },
  };
  save({ model: model.stateDict(), edgeai: { facts } }, join(outputDir, 'quantized.pth'), { detach: true });
  const files = ['quantized.pth'];
  // What integer kernels compute is what counts, and what a file with integers can be held to.
  const integers = format === 'qdq' ? new quantization.IntegerModel(model) : null;
  const network = (integers ?? model) as unknown as nn.AnyModule;
  clock.restart();
  const exported = await exportQuantized(model as unknown as nn.AnyModule, network, images, facts, {
    outputDir,
    format,
    dynamicBatch,
  });
  clock.done('export');
  log.info(exported.file === null ? `no model.onnx: ${exported.reason}` : 'model.onnx: onnxruntime agrees');
  const path = join(outputDir, 'model.onnx');
  const threads = options.threads == null ? {} : { threads: options.threads };
  const runner = exported.file === null ? null : await OnnxRunner.open(path, threads);
  let comparison: Comparison;
  try {
    comparison = await compareNetworks(subject, {
      quantized: network,
      onnx: runner === null || exported.file === null ? null : { runner, steps: exported.steps },
    });
  } finally {
    await runner?.close();
    integers?.dispose();
  }
  clock.done('evaluation');
  const speed =
    options.benchmark !== true || exported.file === null
      ? null
      : {
          ...(await measureSpeed(subject.model, images, path, outputDir, options.threads ?? null)),
          inference,
          calibration: clock.seconds.calibrate ?? 0,
        };
  if (exported.file !== null) files.push('model.onnx', 'model.onnx.verify.json');
  if (model.config.target?.startsWith('tidl') === true) {
    const { writeTidlFiles } = await import('./tidl.ts');
    files.push(...writeTidlFiles(model, exported.file === null ? null : { file: exported.file, format }, outputDir));
  }
  const { steps: _, ...onnx } = exported;
  const report: QuantizeReport = {
    model: subject.facts.model,
    config: model.config,
    steps,
    calibrationImages: subject.calibrationImages,
    comparison,
    onnx: onnx as QuantizeReport['onnx'],
    seconds: clock.seconds,
    speed,
    peakMiB: Math.round(process.resourceUsage().maxRSS / 1024),
    files: [...files, 'result.json'],
  };
  writeFileAtomic(join(outputDir, 'result.json'), `${JSON.stringify(report, finiteOrNull, 2)}\n`);
  return { report, quantized: model, images };
}

type Exported =
  | (VerifyReport & { file: string; steps: readonly (number | null)[] })
  | { file: null; reason: string; steps: readonly [] };

/** The images on which every export is compared before it gets its name. */
const VERIFIED_IMAGES = 8;

async function exportQuantized(
  model: nn.AnyModule,
  reference: nn.AnyModule,
  images: CalibrationImages,
  facts: TaskFacts,
  { outputDir, format, dynamicBatch }: { outputDir: string; format: 'qdq' | 'clip'; dynamicBatch: boolean },
): Promise<Exported> {
  const wide = model.modules().find((module) => module instanceof quantization.FakeQuantize && module.scheme.bits > 8);
  // ONNX's QuantizeLinear has integers of 8 bits before opset 21.
  if (wide !== undefined && format === 'qdq')
    return { file: null, reason: 'ONNX has no quantisers of more than 8 bits in opset 17', steps: [] };
  const samples = await singleImages(images, VERIFIED_IMAGES);
  try {
    const { report, outputSteps } = await exportVerified(model, samples, {
      path: join(outputDir, 'model.onnx'),
      reference,
      ...(reference instanceof quantization.IntegerModel ? { maxOffSteps: offSteps(reference) } : {}),
      dynamicBatch,
      quantizationFormat: format,
      metadata: { ...facts },
    });
    return { ...report, file: 'model.onnx', steps: outputSteps };
  } finally {
    for (const sample of samples) for (const tensor of sample) tensor.dispose();
  }
}

/** The first images of the calibration, each as a batch of its own. The caller disposes them. */
async function singleImages(images: CalibrationImages, count: number): Promise<Tensor[][]> {
  const result: Tensor[][] = [];
  for await (const batch of images.data()) {
    const inputs = (batch instanceof Tensor ? [batch] : batch) as readonly Tensor[];
    const size = inputs[0]?.size(0) ?? 0;
    for (let i = 0; i < size && result.length < count; i++) {
      result.push(inputs.map((input) => scope(() => input.narrow(0, i, 1).clone())));
    }
    if (result.length >= count) break;
  }
  return result;
}

async function inferenceSeconds(model: nn.AnyModule, images: CalibrationImages): Promise<number> {
  const begin = performance.now();
  for await (const batch of images.data()) scope(() => noGrad(() => model(...(batch as readonly Tensor[]))));
  return (performance.now() - begin) / 1000;
}

const TIMED_IMAGES = 30;

/** Both files in turns on the same images, so that both suffer alike from what else the machine does. */
async function measureSpeed(
  model: nn.AnyModule,
  images: CalibrationImages,
  path: string,
  outputDir: string,
  threads: number | null,
): Promise<Pick<SpeedReport, 'float' | 'quantized' | 'ratio' | 'threads' | 'load'>> {
  const samples = await singleImages(images, TIMED_IMAGES);
  const floatPath = join(outputDir, 'float.onnx');
  await exportVerified(model, samples.slice(0, 1), { path: floatPath, report: false });
  const options = threads === null ? {} : { threads };
  const sessions = [await OnnxSession.open(floatPath, options), await OnnxSession.open(path, options)];
  const times: [number[], number[]] = [[], []];
  try {
    for (const [i, sample] of samples.entries()) {
      for (const [which, session] of sessions.entries()) {
        const begin = performance.now();
        const outputs = await session.run(sample);
        // The first runs set memory up.
        if (i >= 3) times[which]?.push((performance.now() - begin) / 1000);
        for (const output of outputs) output.dispose();
      }
    }
  } finally {
    for (const session of sessions) await session.close();
    for (const sample of samples) for (const tensor of sample) tensor.dispose();
  }
  // What other programs do only ever makes a run longer.
  const [float, quantized] = times.map((all) => Math.min(...all)) as [number, number];
  const load = Number((loadavg()[0] ?? 0).toFixed(1));
  return { float, quantized, ratio: float / quantized, threads: threads ?? availableParallelism(), load };
}

/** Adds the time since the last note to a step's. */
class StepClock {
  readonly seconds: Record<string, number> = {};
  #last = performance.now();

  restart(): void {
    this.#last = performance.now();
  }

  done(step: string): void {
    const now = performance.now();
    this.seconds[step] = (this.seconds[step] ?? 0) + (now - this.#last) / 1000;
    this.#last = now;
  }
}

/** JSON has no NaN and no infinity. */
export function finiteOrNull(_: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? null : value;
}
