/** @file Fine-tuning: loads a checkpoint into a network with another head, and freezes parts of it. What does not fit is always told. */

import { ArgumentError, dispose, nn, scope, type UnwrapOptions, unwrapStateDict } from '@edgeai/torch';
import { globSource } from '../glob.ts';
import { readStateDict } from './weights-loading.ts';

/**
 * Names of parameters: a regular expression, or a text in which `*` stands for any characters and `?` for one. A text also
 * covers all that is below: `features` stands for `features.0.weight` too.
 */
export type NamePattern = string | RegExp;

export interface FineTuningOptions extends UnwrapOptions {
  /**
   * The part of the network that starts anew. `true`, the default, finds it: entries whose shapes differ in the first dimension
   * only, all by the same numbers of classes. Patterns name it instead; what they match on either side is not loaded, whether it would fit
   * or not. `false`: everything must fit.
   */
  replaceHead?: boolean | NamePattern | readonly NamePattern[];
  /** Whether it is an error when anything else does not fit. Default `true`. */
  strict?: boolean;
}

/** What became of each entry. */
export interface FineTuningReport extends nn.LoadReport {
  /** Keys of the network that were loaded. */
  readonly loaded: readonly string[];
  /** Keys of the network that keep the values that they had: a new head, and with `strict: false` what did not fit. */
  readonly initial: readonly string[];
}

/**
 * Loads a checkpoint into a network that has other classes. Nothing is changed unless all but the head fits.
 *
 * ```ts
 * const model = getModel('mobilenet_v2', { numClasses: 10 });
 * const { initial } = loadForFineTuning(model, await downloadWeights('MobileNet_V2_Weights.IMAGENET1K_V2'));
 * // initial: ['classifier.1.weight', 'classifier.1.bias']
 * ```
 *
 * @param checkpoint a file, or what was loaded from one: a state dict, or one under `model` or `state_dict`
 * @throws {StateDictError} for entries that do not fit and are not part of the head
 * @throws {ArgumentError} when there is no state dict, or a pattern matches nothing
 */
export function loadForFineTuning(
  model: nn.AnyModule,
  checkpoint: unknown,
  options: FineTuningOptions = {},
): FineTuningReport {
  const { replaceHead = true, strict = true, ...unwrap } = options;
  return scope(() => {
    if (typeof checkpoint !== 'string')
      return loadState(model, unwrapStateDict(checkpoint, unwrap).state, replaceHead, strict);
    const state = readStateDict(checkpoint, unwrap);
    try {
      return loadState(model, state, replaceHead, strict);
    } finally {
      // Old checkpoints hold parameters, which no scope owns.
      dispose(state);
    }
  });
}

function loadState(
  model: nn.AnyModule,
  given: nn.StateDict,
  replaceHead: NonNullable<FineTuningOptions['replaceHead']>,
  strict: boolean,
): FineTuningReport {
  const own = Object.keys(model.stateDict());
  const patterns = typeof replaceHead === 'boolean' ? [] : listOf(replaceHead);
  const matches = patterns.map(matcherOf);
  const isHead = (key: string) => matches.some((match) => match(key));
  requireMatches('replaceHead', patterns, [...own, ...Object.keys(given)]);
  const state = Object.fromEntries(Object.entries(given).filter(([key]) => !isHead(key)));
  const lenient = { strict: false, ignoreMismatched: true };
  const report = model.loadStateDict(state, { ...lenient, dryRun: true });
  const problems: nn.LoadReport = {
    missing: report.missing.filter((key) => !isHead(key)),
    unexpected: report.unexpected,
    mismatched: replaceHead === true && differInClasses(report.mismatched) ? [] : report.mismatched,
  };
  if (strict && Object.values(problems).some((list) => list.length > 0))
    throw new nn.StateDictError(model.constructor.name, problems);
  model.loadStateDict(state, lenient);
  const left = new Set([...report.missing, ...report.mismatched.map(({ key }) => key)]);
  // Entries of the head that are nobody's fault: named by the caller, so neither missing nor unexpected.
  return {
    loaded: own.filter((key) => !left.has(key)),
    initial: own.filter((key) => left.has(key)),
    ...report,
    missing: problems.missing,
  };
}

/** Whether all differ in the first dimension only, and by the same numbers. */
function differInClasses(entries: readonly nn.MismatchedKey[]): boolean {
  const [first] = entries;
  return entries.every(
    ({ expected, received }) =>
      expected.length === received.length &&
      expected[0] === first?.expected[0] &&
      received[0] === first?.received[0] &&
      expected.slice(1).join() === received.slice(1).join(),
  );
}

/**
 * Keeps parameters from being trained. Batch norms go on collecting statistics as long as they are in training mode.
 *
 * @returns the names of the parameters that match, in the network's order
 * @throws {ArgumentError} when a pattern matches no parameter
 */
export function freeze(model: nn.AnyModule, patterns: NamePattern | readonly NamePattern[]): string[] {
  return setTrainable(model, listOf(patterns), false);
}

/** The opposite of {@link freeze}. */
export function unfreeze(model: nn.AnyModule, patterns: NamePattern | readonly NamePattern[]): string[] {
  return setTrainable(model, listOf(patterns), true);
}

function setTrainable(model: nn.AnyModule, patterns: readonly NamePattern[], trainable: boolean): string[] {
  const parameters = Array.from(model.namedParameters());
  requireMatches(
    'patterns',
    patterns,
    parameters.map(([name]) => name),
  );
  const matches = patterns.map(matcherOf);
  const chosen = parameters.filter(([name]) => matches.some((match) => match(name)));
  for (const [, parameter] of chosen) parameter.requiresGrad = trainable;
  return chosen.map(([name]) => name);
}

function listOf(patterns: NamePattern | readonly NamePattern[]): readonly NamePattern[] {
  return typeof patterns === 'string' || patterns instanceof RegExp ? [patterns] : patterns;
}

function matcherOf(pattern: NamePattern): (name: string) => boolean {
  if (pattern instanceof RegExp) return (name) => name.search(pattern) >= 0;
  const regExp = new RegExp(`^${globSource(pattern)}(\\..*)?$`);
  return (name) => regExp.test(name);
}

/** A pattern that matches nothing is a mistake. */
function requireMatches(argument: string, patterns: readonly NamePattern[], names: readonly string[]): void {
  for (const pattern of patterns) {
    if (names.some(matcherOf(pattern))) continue;
    const parts = [...new Set(names.map((name) => name.split('.')[0]))];
    const shown = parts.slice(0, 12).join(', ') + (parts.length > 12 ? ' …' : '');
    throw new ArgumentError(
      argument,
      `No parameter matches '${String(pattern)}'; the network's parts: ${shown || 'none'}`,
    );
  }
}
