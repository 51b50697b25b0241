/** @file The errors of this package. */

import { EdgeAIError } from '@edgeai/torch';

/** ONNX has no operator for what a network does, or this exporter does not know it. */
export class UnsupportedOperatorError extends EdgeAIError {
  /** libtorch's name, `aten::fft_fft`. */
  readonly operator: string;
  /** Path of the module that called it; `''` for the network itself. */
  readonly modulePath: string;

  constructor(operator: string, modulePath: string, inputs: readonly string[], reason: string) {
    const place = modulePath === '' ? 'in the network itself' : `in module '${modulePath}'`;
    super(
      'UNSUPPORTED_OPERATOR',
      `${operator} ${place} cannot be exported to ONNX: ${reason}. Its inputs: ${inputs.join(', ') || 'none'}`,
    );
    this.operator = operator;
    this.modulePath = modulePath;
  }
}

/** An exported file does not compute what its network does. */
export class ExportMismatchError extends EdgeAIError {
  readonly path: string;
  /** Relative L2 difference of the worst output. */
  readonly relL2: number;
  readonly maxAbs: number;

  constructor(path: string, relL2: number, maxAbs: number, tolerance: number, detail: string) {
    super(
      'EXPORT_MISMATCH',
      `${path}: onnxruntime does not agree with the network: relative L2 difference ${relL2.toExponential(2)} (allowed ${tolerance.toExponential(2)}), largest difference ${maxAbs.toExponential(2)}. ${detail}`,
    );
    this.path = path;
    this.relL2 = relL2;
    this.maxAbs = maxAbs;
  }
}

/** A node of a file that cannot become part of a network, and why. */
export interface UnsupportedNode {
  readonly node: string;
  readonly opType: string;
  readonly reason: string;
}

/** A file cannot be imported: it has operators, or forms of operators, without a counterpart here. */
export class OnnxImportError extends EdgeAIError {
  readonly problems: readonly UnsupportedNode[];

  constructor(problems: readonly UnsupportedNode[], options: { cause?: unknown } = {}) {
    const lines = problems.map(({ node, opType, reason }) => `${opType} '${node}': ${reason}`);
    super(
      'ONNX_IMPORT',
      lines.length === 1
        ? `Cannot import ${lines[0]}`
        : `Cannot import ${lines.length} nodes:\n  ${lines.join('\n  ')}`,
      options,
    );
    this.problems = problems;
  }
}

/** A value decides about shapes or attributes and would have to be known when the file is imported. */
export class DynamicValueError extends OnnxImportError {
  /** Name of the value in the file; an input of this name can be fixed with `fixedInputs`. */
  readonly value: string;

  constructor(node: string, opType: string, value: string) {
    super([
      {
        node,
        opType,
        reason: `'${value}' must be known when the file is imported, but it depends on the inputs; if it is an input, give its value in fixedInputs`,
      },
    ]);
    this.value = value;
  }
}

/** onnxruntime-node is not installed, or could not be loaded. */
export class OnnxRuntimeMissingError extends EdgeAIError {
  constructor(cause: unknown) {
    super(
      'ONNXRUNTIME_MISSING',
      `onnxruntime-node could not be loaded (${cause instanceof Error ? cause.message.split('\n')[0] : String(cause)}). An export is verified with it: npm install onnxruntime-node`,
      { cause },
    );
  }
}

/** The model that was put together is not well formed: a bug of the exporter, or a damaged file. */
export class InvalidModelError extends EdgeAIError {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super('INVALID_MODEL', `The model is not well formed:\n  ${problems.join('\n  ')}`);
    this.problems = problems;
  }
}
