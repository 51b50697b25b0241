/** @file `verifyOnnx`: runs an exported file in onnxruntime and compares it with the network that it came from. */

import { ArgumentError, describeValue, isFloatingPoint, type nn, noGrad, Scope, scope, Tensor } from '@edgeai/torch';
import { namedResults } from './emit-graph.ts';
import { ExportMismatchError } from './errors.ts';
import { writeParts } from './files.ts';
import { inEvaluation } from './prepare.ts';
import { OnnxSession, type RuntimeOptions } from './runtime.ts';

export interface VerifyOptions extends RuntimeOptions {
  /** Largest relative L2 difference of an output. Default 1e-4. */
  tolerance?: number;
  /** Write `<path>.verify.json`. Default `true`. */
  report?: boolean;
  /**
   * For quantised networks, `outputSteps` of the export: outputs are compared by steps, because a value that lies between two may
   * be rounded either way. A step of `null` is 1/255 of the output's range.
   */
  outputSteps?: readonly (number | null)[];
  /** Largest share of elements that may be off by more than one step. Default 0.01. */
  maxOffSteps?: number;
}

/** How far one output is from the network's, over all samples. */
export interface OutputDifference {
  readonly name: string;
  /** Largest absolute difference of an element. */
  readonly maxAbs: number;
  /** ‖onnx − torch‖ / ‖torch‖ of the worst sample; of whole numbers, such as classes, the share that is not the same. */
  readonly relL2: number;
  /** Share of elements that are off by more than one step; only of quantised networks. */
  readonly offSteps?: number;
}

export interface VerifyReport {
  readonly maxAbs: number;
  readonly relL2: number;
  /** Largest share of an output's elements that are off by more than one step; only of quantised networks. */
  readonly offSteps?: number;
  /** Number of inputs that were tried. */
  readonly samples: number;
  readonly passed: boolean;
  readonly tolerance: number;
  readonly outputs: readonly OutputDifference[];
}

/**
 * Runs the file in onnxruntime and the network in evaluation mode on the same inputs, and writes what came out to
 * `<path>.verify.json`.
 *
 * @param samples each an array of forward's arguments: the example of the export, and a few real ones
 * @throws {ExportMismatchError} when an output differs by more than the tolerance, in shape, or is not a number
 * @throws {OnnxRuntimeMissingError} when onnxruntime-node is not installed
 */
export async function verifyOnnx(
  path: string,
  model: nn.AnyModule,
  samples: readonly (readonly unknown[])[],
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  const { tolerance = 1e-4, report = true, outputSteps, maxOffSteps = 0.01 } = options;
  if (!Array.isArray(samples) || samples.length === 0 || !samples.every((sample) => Array.isArray(sample))) {
    throw new ArgumentError(
      'samples',
      `Expected arrays of forward's arguments for samples, at least one, but received ${describeValue(samples)}`,
    );
  }
  const session = await OnnxSession.open(path, options);
  const worst = new Map<string, Difference>();
  const remarks: string[] = [];
  try {
    for (const sample of samples) {
      using made = new Scope();
      const inputs = made.run(() =>
        tensorsOf(sample).map((tensor) => tensor.detach().clone({ memoryFormat: 'contiguous_format' })),
      );
      // The network may write to its input, so each side has its own copy.
      const expected = made.run(() =>
        noGrad(() => inEvaluation(model, () => namedResults(model(...sample.map(copy)), isTensor))),
      );
      const actual = await session.run(inputs);
      for (const tensor of actual) made.adopt(tensor);
      made.run(() => {
        if (actual.length !== expected.length)
          remarks.push(`It has ${actual.length} outputs, the network ${expected.length}.`);
        expected.forEach(({ value }, i) => {
          const name = session.outputNames[i] ?? `output ${i}`;
          const step = outputSteps?.[i];
          const found = difference(name, actual[i], value, remarks, step);
          const before = worst.get(name) ?? { maxAbs: 0, relL2: 0, offSteps: 0 };
          worst.set(name, {
            maxAbs: larger(before.maxAbs, found.maxAbs),
            relL2: larger(before.relL2, found.relL2),
            offSteps: larger(before.offSteps, found.offSteps),
          });
        });
      });
    }
  } finally {
    await session.close();
  }
  const quantized = outputSteps !== undefined;
  const outputs: OutputDifference[] = Array.from(worst, ([name, { maxAbs, relL2, offSteps }]) => ({
    name,
    maxAbs,
    relL2,
    ...(quantized ? { offSteps } : {}),
  }));
  const offSteps = outputs.reduce((max, output) => larger(max, output.offSteps ?? 0), 0);
  const maxAbs = outputs.reduce((max, output) => larger(max, output.maxAbs), 0);
  const relL2 = outputs.reduce((max, output) => larger(max, output.relL2), 0);
  const agrees = (output: { relL2: number; offSteps?: number }) =>
    quantized ? (output.offSteps ?? 1) <= maxOffSteps : output.relL2 <= tolerance;
  const passed = remarks.length === 0 && outputs.every(agrees);
  const common = { maxAbs, relL2, samples: samples.length, passed, tolerance, outputs };
  const result: VerifyReport = quantized ? { ...common, offSteps } : common;
  if (report) writeReport(`${path}.verify.json`, result);
  if (!passed) {
    const bad = outputs.filter((output) => !agrees(output)).map(({ name }) => name);
    if (quantized && bad.length > 0)
      remarks.push(
        `${(100 * offSteps).toFixed(2)} % of the elements are off by more than one step (allowed ${100 * maxOffSteps} %).`,
      );
    const detail = [...new Set(remarks), ...(bad.length > 0 ? [`Outputs that differ: ${bad.join(', ')}.`] : [])].join(
      ' ',
    );
    throw new ExportMismatchError(path, relL2, maxAbs, tolerance, detail);
  }
  return result;
}

interface Difference {
  readonly maxAbs: number;
  readonly relL2: number;
  /** Share of elements off by more than one step; 0 where steps are not looked at. */
  readonly offSteps: number;
}

const NOT_COMPARABLE: Difference = { maxAbs: Number.NaN, relL2: Number.NaN, offSteps: 1 };

function difference(
  name: string,
  actual: Tensor | undefined,
  expected: Tensor,
  remarks: string[],
  step: number | null | undefined,
): Difference {
  return scope(() => {
    if (actual === undefined) return NOT_COMPARABLE;
    if (actual.shape.join() !== expected.shape.join() || actual.dtype !== expected.dtype) {
      remarks.push(
        `${name} is ${actual.dtype}[${actual.shape.join(', ')}], the network gives ${expected.dtype}[${expected.shape.join(', ')}].`,
      );
      return NOT_COMPARABLE;
    }
    if (expected.numel() === 0) return { maxAbs: 0, relL2: 0, offSteps: 0 };
    const reference = expected.cpu().double();
    const distance = actual.double().sub(reference);
    const norm = (values: Tensor) => Math.sqrt(values.mul(values).sum().item());
    const [size, off] = isFloatingPoint(expected.dtype)
      ? [norm(reference), norm(distance)]
      : // Of two classes that are nearly equal either may come out.
        [distance.numel(), distance.ne(0).sum().item()];
    return {
      maxAbs: distance.abs().max().item(),
      relL2: off === 0 ? 0 : off / size,
      offSteps: step === undefined ? 0 : shareOff(distance, reference, step),
    };
  });
}

/** Share of elements off by more than one step; half a step more allows for what float32 makes of sums of steps. */
function shareOff(distance: Tensor, reference: Tensor, step: number | null): number {
  const size = step ?? reference.max().sub(reference.min()).item() / 255;
  const within = distance
    .abs()
    .le(1.5 * size)
    .logicalAnd(distance.isfinite());
  return 1 - within.double().mean().item();
}

/** The larger of the two; not a number wins, so that it is never overlooked. */
function larger(a: number, b: number): number {
  return Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : Math.max(a, b);
}

function isTensor(value: unknown): value is Tensor {
  return value instanceof Tensor;
}

function tensorsOf(value: unknown): Tensor[] {
  if (value instanceof Tensor) return [value];
  if (Array.isArray(value)) return value.flatMap(tensorsOf);
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(tensorsOf) : [];
}

function copy(value: unknown): unknown {
  if (value instanceof Tensor) return value.detach().clone();
  if (Array.isArray(value)) return value.map(copy);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copy(item)]));
}

function writeReport(path: string, report: VerifyReport): void {
  // JSON has no NaN; null says that there was no number.
  const text = `${JSON.stringify(report, (_, value) => (typeof value === 'number' && !Number.isFinite(value) ? null : value), 2)}\n`;
  writeParts(path, [new TextEncoder().encode(text)]);
}
