/** @file `verifyOnnx`: runs an exported file in onnxruntime and compares it with the network that it came from. */

import { ArgumentError, describeValue, type nn, noGrad, Scope, scope, Tensor } from '@edgeai/torch';
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
}

/** How far one output is from the network's, over all samples. */
export interface OutputDifference {
  readonly name: string;
  /** Largest absolute difference of an element. */
  readonly maxAbs: number;
  /** ‖onnx − torch‖ / ‖torch‖ of the worst sample. */
  readonly relL2: number;
}

export interface VerifyReport {
  readonly maxAbs: number;
  readonly relL2: number;
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
  const { tolerance = 1e-4, report = true } = options;
  if (!Array.isArray(samples) || samples.length === 0 || !samples.every((sample) => Array.isArray(sample))) {
    throw new ArgumentError(
      'samples',
      `Expected arrays of forward's arguments for samples, at least one, but received ${describeValue(samples)}`,
    );
  }
  const session = await OnnxSession.open(path, options);
  const worst = new Map<string, { maxAbs: number; relL2: number }>();
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
          const found = difference(name, actual[i], value, remarks);
          const before = worst.get(name) ?? { maxAbs: 0, relL2: 0 };
          worst.set(name, { maxAbs: larger(before.maxAbs, found.maxAbs), relL2: larger(before.relL2, found.relL2) });
        });
      });
    }
  } finally {
    await session.close();
  }
  const outputs = Array.from(worst, ([name, found]) => ({ name, ...found }));
  const maxAbs = outputs.reduce((max, output) => larger(max, output.maxAbs), 0);
  const relL2 = outputs.reduce((max, output) => larger(max, output.relL2), 0);
  const passed = remarks.length === 0 && relL2 <= tolerance;
  const result: VerifyReport = { maxAbs, relL2, samples: samples.length, passed, tolerance, outputs };
  if (report) writeReport(`${path}.verify.json`, result);
  if (!passed) {
    const bad = outputs.filter((output) => !(output.relL2 <= tolerance)).map(({ name }) => name);
    const detail = [...new Set(remarks), ...(bad.length > 0 ? [`Outputs that differ: ${bad.join(', ')}.`] : [])].join(
      ' ',
    );
    throw new ExportMismatchError(path, relL2, maxAbs, tolerance, detail);
  }
  return result;
}

function difference(
  name: string,
  actual: Tensor | undefined,
  expected: Tensor,
  remarks: string[],
): { maxAbs: number; relL2: number } {
  return scope(() => {
    if (actual === undefined) return { maxAbs: Number.NaN, relL2: Number.NaN };
    if (actual.shape.join() !== expected.shape.join() || actual.dtype !== expected.dtype) {
      remarks.push(
        `${name} is ${actual.dtype}[${actual.shape.join(', ')}], the network gives ${expected.dtype}[${expected.shape.join(', ')}].`,
      );
      return { maxAbs: Number.NaN, relL2: Number.NaN };
    }
    if (expected.numel() === 0) return { maxAbs: 0, relL2: 0 };
    const reference = expected.cpu().double();
    const distance = actual.double().sub(reference);
    const norm = (values: Tensor) => Math.sqrt(values.mul(values).sum().item());
    const [size, off] = [norm(reference), norm(distance)];
    return { maxAbs: distance.abs().max().item(), relL2: off === 0 ? 0 : off / size };
  });
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
