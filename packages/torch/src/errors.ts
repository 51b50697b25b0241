/** @file The errors of this package: each class has a stable `code`, each message says what was expected and what came. */

/** Base of every error that the library throws on purpose. */
export class EdgeAIError extends Error {
  /** Stable identifier for programs; messages may be reworded, codes are not. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** An argument has the wrong type or value. */
export class ArgumentError extends EdgeAIError {
  readonly argument: string;

  constructor(argument: string, message: string, options?: ErrorOptions) {
    super('INVALID_ARGUMENT', message, options);
    this.argument = argument;
  }

  /** `Expected <what> for <argument> but received <value> of type <type>`. */
  static expected(argument: string, what: string, actual: unknown): ArgumentError {
    return new ArgumentError(argument, `Expected ${what} for ${argument} but received ${describeValue(actual)}`);
  }
}

/** libtorch refused an operation. `operator` is its schema name; `arguments` describes each tensor that went in. */
export class TorchError extends EdgeAIError {
  readonly operator: string | undefined;
  readonly arguments: readonly string[];

  constructor(message: string, operator?: string, args: readonly string[] = []) {
    super('TORCH_ERROR', args.length > 0 ? `${message}\n  ${args.join('\n  ')}` : message);
    this.operator = operator;
    this.arguments = args;
  }
}

/** A tensor was used after it had been released. */
export class TensorDisposedError extends EdgeAIError {
  constructor(message: string) {
    super('TENSOR_DISPOSED', message);
  }
}

/** A file is not what it should be: truncated, corrupt, or of another format. `path` says which one. */
export class FileFormatError extends EdgeAIError {
  readonly path: string | undefined;

  constructor(message: string, path?: string, options?: ErrorOptions) {
    super('BAD_FILE', path === undefined ? message : `${path}: ${message}`, options);
    this.path = path;
  }
}

/** A short description of any value for an error message. */
export function describeValue(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'string')
    return `${JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value)} of type string`;
  if (typeof value === 'number' || typeof value === 'boolean') return `${value} of type ${typeof value}`;
  if (typeof value === 'bigint') return `${value}n of type bigint`;
  if (Array.isArray(value)) return `an array of length ${value.length}`;
  if (typeof value === 'object') return `an object of type ${value.constructor?.name ?? 'Object'}`;
  return `a ${typeof value}`;
}
