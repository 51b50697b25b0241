/** @file Reading a module's state by key, and loading it: what is missing, unexpected or of another shape is reported. */

import { noGrad } from '../autograd/modes.ts';
import { scope } from '../core/scope.ts';
import type { Tensor } from '../core/tensor.ts';
import { EdgeAIError } from '../errors.ts';
import type { AnyModule } from './module.ts';
import { Buffer } from './parameter.ts';

/** Tensors by key. Key order is PyTorch's: a module's parameters, its buffers, then its children. */
export type StateDict = Record<string, Tensor>;

export interface LoadStateDictOptions {
  /** Every key must match on both sides. Default `true`. */
  strict?: boolean;
  /** Leave parameters of another shape as they are and report them, instead of an error. Default `false`. */
  ignoreMismatched?: boolean;
  /** Only report, and change nothing. Default `false`. */
  dryRun?: boolean;
}

export interface MismatchedKey {
  readonly key: string;
  readonly expected: readonly number[];
  readonly received: readonly number[];
}

export interface LoadReport {
  /** Keys of the module that the state does not have. */
  readonly missing: readonly string[];
  /** Keys of the state that the module does not have. */
  readonly unexpected: readonly string[];
  readonly mismatched: readonly MismatchedKey[];
}

/** A state dict does not fit a module; the three lists say how. */
export class StateDictError extends EdgeAIError implements LoadReport {
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
  readonly mismatched: readonly MismatchedKey[];

  constructor(module: string, report: LoadReport) {
    super('STATE_DICT', `The state does not fit ${module}:${describeReport(report)}`);
    this.missing = report.missing;
    this.unexpected = report.unexpected;
    this.mismatched = report.mismatched;
  }
}

const SHOWN = 10;

/** A load report in words, one line a kind of problem. */
export function describeReport(report: LoadReport): string {
  const list = (keys: readonly string[]) =>
    keys.slice(0, SHOWN).join(', ') + (keys.length > SHOWN ? ` and ${keys.length - SHOWN} more` : '');
  const lines: string[] = [];
  if (report.missing.length > 0) lines.push(`missing keys: ${list(report.missing)}`);
  if (report.unexpected.length > 0) lines.push(`unexpected keys: ${list(report.unexpected)}`);
  if (report.mismatched.length > 0) {
    const shown = report.mismatched.map(
      (m) => `${m.key} (expected [${m.expected.join(', ')}], received [${m.received.join(', ')}])`,
    );
    lines.push(`other shapes: ${list(shown)}`);
  }
  return lines.map((line) => `\n  ${line}`).join('');
}

/**
 * For `adaptState`: gives the entries below `prefix` the names that `rename` makes of theirs, without the prefix. In place.
 */
export function renameStateKeys(state: StateDict, prefix: string, rename: (key: string) => string): void {
  for (const [key, tensor] of Object.entries(state)) {
    if (!key.startsWith(prefix)) continue;
    const renamed = prefix + rename(key.slice(prefix.length));
    if (renamed === key) continue;
    delete state[key];
    state[renamed] = tensor;
  }
}

/** @internal */
export function stateDict(module: AnyModule): StateDict {
  const result: StateDict = {};
  collect(module, '', result);
  return result;
}

/** Shared modules and tensors appear under each of their names, as in PyTorch. */
function collect(module: AnyModule, prefix: string, into: StateDict): void {
  for (const [name, parameter] of module.ownParameters()) into[prefix + name] = parameter;
  for (const [name, buffer] of module.ownBuffers()) if (buffer.persistent) into[prefix + name] = buffer;
  for (const [name, child] of module.namedChildren()) collect(child, `${prefix}${name}.`, into);
}

/** @internal */
export function loadStateDict(module: AnyModule, given: StateDict, options: LoadStateDictOptions): LoadReport {
  const { strict = true, ignoreMismatched = false, dryRun = false } = options;
  const state = { ...given };
  for (const [path, child] of module.namedModules()) child.adaptState(state, path === '' ? '' : `${path}.`);
  const own = stateDict(module);
  const absent = Object.keys(own).filter((key) => !Object.hasOwn(state, key));
  const zeroed = absent.filter((key) => isZeroIfMissing(own[key]));
  const missing = absent.filter((key) => !isZeroIfMissing(own[key]));
  const unexpected = Object.keys(state).filter((key) => !Object.hasOwn(own, key));
  const mismatched: MismatchedKey[] = [];
  const matching: [Tensor, Tensor][] = [];
  for (const [key, target] of Object.entries(own)) {
    const source = state[key];
    if (source === undefined) continue;
    const expected = target.shape;
    const received = source.shape;
    // PyTorch 0.4 and older saved scalars as vectors of one element.
    const fits = sameShape(expected, received) || (expected.length === 0 && sameShape(received, [1]));
    if (fits) matching.push([target, source]);
    else mismatched.push({ key, expected, received });
  }
  const report: LoadReport = { missing, unexpected, mismatched };
  // Nothing is changed before everything is known to fit.
  if ((strict && missing.length + unexpected.length > 0) || (mismatched.length > 0 && !ignoreMismatched)) {
    throw new StateDictError(module.constructor.name, report);
  }
  if (dryRun) return report;
  noGrad(() => {
    scope(() => {
      for (const [target, source] of matching) target.copy_(source.reshape(target.shape));
      for (const key of zeroed) own[key]?.zero_();
    });
  });
  return report;
}

function isZeroIfMissing(tensor: Tensor | undefined): boolean {
  return tensor instanceof Buffer && tensor.zeroIfMissing;
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i]);
}
