/** @file Loads checkpoints whose keys differ from the network's: other names, an encoder alone, one part for several. What happened is told. */

import { ArgumentError, dispose, type nn, scope, type Tensor, unwrapStateDict } from '@edgeai/torch';
import { models, type WeightsOption } from '@edgeai/vision';

/**
 * What keys of other origin are called here. The first pattern that matches a key counts; each replacement gives one entry, so that
 * one source can fill several places. Keys that no pattern matches keep their names.
 */
export type RenameRules = readonly (readonly [pattern: RegExp, replacements: readonly string[]])[];

export interface RenamedLoadOptions {
  renames?: RenameRules;
  /** Parts of the network that a checkpoint may lack. */
  mayLack?: readonly RegExp[];
  /** Entries of a checkpoint that the network may have no place for, by their own names. */
  mayDrop?: readonly RegExp[];
}

/** What became of each entry. */
export interface RenamedLoadReport extends nn.LoadReport {
  /** Keys of the network that were loaded. */
  readonly loaded: readonly string[];
}

const NAMES = ['state_dict', 'model', 'model_state'];

/** Entries under the names that the rules give them; a target that has an entry already keeps it. */
export function renameState(state: nn.StateDict, rules: RenameRules): Map<string, { from: string; tensor: Tensor }> {
  const result = new Map<string, { from: string; tensor: Tensor }>();
  for (const [key, tensor] of Object.entries(state)) {
    const rule = rules.find(([pattern]) => pattern.test(key));
    const targets = rule === undefined ? [key] : rule[1].map((replacement) => key.replace(rule[0], replacement));
    for (const target of targets) if (!result.has(target)) result.set(target, { from: key, tensor });
  }
  return result;
}

/**
 * Loads what fits of a checkpoint and reports the rest.
 *
 * @param checkpoint a file, or what was loaded from one
 * @throws {ArgumentError} when nothing fits
 */
export function loadWhatFits(model: nn.AnyModule, checkpoint: unknown, rules: RenameRules = []): RenamedLoadReport {
  return withState(checkpoint, (state) => {
    const { report, named } = match(model, state, rules);
    if (report.loaded.length === 0) {
      const sample = Object.keys(state).slice(0, 3).join(', ');
      throw new ArgumentError(
        'checkpoint',
        `Nothing in the checkpoint fits the network; its keys begin with ${sample}`,
      );
    }
    model.loadStateDict(pick(named, report.loaded), { strict: false });
    return report;
  });
}

/**
 * Loads `weights`, a checkpoint file, into a network that was just made, and returns it. All must fit but what the options let go.
 *
 * @throws {ArgumentError} when it does not; the message lists the entries
 */
export function loadRenamed<M extends nn.AnyModule>(
  model: M,
  weights: WeightsOption,
  options: RenamedLoadOptions | RenameRules = {},
): M {
  if (weights === undefined || weights === null) return model;
  const { renames = [], mayLack = [], mayDrop = [] } = isRules(options) ? { renames: options } : options;
  try {
    if (typeof weights !== 'string') {
      throw ArgumentError.expected('weights', 'a checkpoint file, as this network has no published weights', weights);
    }
    return withState(weights, (state) => {
      const { report, named } = match(model, state, renames);
      const lacking = report.missing.filter((key) => !mayLack.some((pattern) => pattern.test(key)));
      const from = new Map([...named].map(([target, entry]) => [target, entry.from]));
      const dropped = report.unexpected.filter((key) => !mayDrop.some((pattern) => pattern.test(from.get(key) ?? key)));
      if (lacking.length + dropped.length + report.mismatched.length > 0) {
        throw new ArgumentError('weights', `${weights} does not fit: ${describe(lacking, dropped, report.mismatched)}`);
      }
      model.loadStateDict(pick(named, report.loaded), { strict: false });
      return model;
    });
  } catch (error) {
    model.dispose();
    throw error;
  }
}

function isRules(options: RenamedLoadOptions | RenameRules): options is RenameRules {
  return Array.isArray(options);
}

function withState<T>(checkpoint: unknown, use: (state: nn.StateDict) => T): T {
  return scope(() => {
    if (typeof checkpoint !== 'string') return use(unwrapStateDict(checkpoint, { names: NAMES }).state);
    const state = models.readStateDict(checkpoint, { names: NAMES });
    try {
      return use(state);
    } finally {
      // Old checkpoints hold parameters, which no scope owns.
      dispose(state);
    }
  });
}

function match(model: nn.AnyModule, state: nn.StateDict, rules: RenameRules) {
  const named = renameState(state, rules);
  const whole = Object.fromEntries([...named].map(([key, { tensor }]) => [key, tensor]));
  const found = model.loadStateDict(whole, { strict: false, ignoreMismatched: true, dryRun: true });
  const counters = (keys: readonly string[]) => keys.filter((key) => !key.endsWith('.num_batches_tracked'));
  const mismatched = new Set(found.mismatched.map(({ key }) => key));
  const loaded = Object.keys(model.stateDict()).filter((key) => named.has(key) && !mismatched.has(key));
  const report: RenamedLoadReport = {
    loaded,
    missing: counters(found.missing),
    unexpected: counters(found.unexpected),
    mismatched: found.mismatched,
  };
  return { report, named };
}

function pick(named: ReadonlyMap<string, { tensor: Tensor }>, keys: readonly string[]): nn.StateDict {
  const chosen: nn.StateDict = {};
  for (const key of keys) {
    const entry = named.get(key);
    if (entry !== undefined) chosen[key] = entry.tensor;
  }
  return chosen;
}

function describe(
  missing: readonly string[],
  unexpected: readonly string[],
  mismatched: readonly nn.MismatchedKey[],
): string {
  const some = (keys: readonly string[]) =>
    keys.slice(0, 5).join(', ') + (keys.length > 5 ? ` and ${keys.length - 5} more` : '');
  return [
    missing.length > 0 ? `missing ${some(missing)}` : '',
    unexpected.length > 0 ? `no place for ${some(unexpected)}` : '',
    mismatched.length > 0
      ? `other shapes: ${some(mismatched.map(({ key, expected, received }) => `${key} ([${expected}] here, [${received}] there)`))}`
      : '',
  ]
    .filter((part) => part !== '')
    .join('; ');
}
