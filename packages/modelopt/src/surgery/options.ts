/** @file The options of surgery, checked as a whole: unknown names and values of the wrong kind are refused, with suggestions. */

import { ArgumentError, describeValue } from '@edgeai/torch';
import { didYouMean } from '@edgeai/torch/suggest';
import type { Batches } from './calibration.ts';
import type { Preserves, Setting, SettingDefinition, Settings, SurgeryRule } from './rule.ts';
import { defaultSettings, type SurgeryPreset, surgeryPresets, surgeryRules } from './rules/index.ts';

/** Switches a rule on or off, or switches it on with settings. */
export type RuleChoice = boolean | Readonly<Record<string, Setting>>;

export interface SurgeryOptions {
  /** The set of rules to begin with. Default `v2`; `none` where `rules` is a list. */
  preset?: SurgeryPreset;
  /** Rules by name, on top of the preset; or a list of those to use and no others. */
  rules?: Readonly<Record<string, RuleChoice>> | readonly string[];
  /** `false` leaves out the rules after which a network must be trained further. Default `true`. */
  canRetrain?: boolean;
  /** Seeds the weights that nothing is known of. Default 0. */
  seed?: number;
  /**
   * Batches of forward's arguments from real data. New batch norms take their statistics from them, and squeeze-and-excite gates
   * their means. Default: none.
   */
  calibration?: Batches;
  /** Rules of your own; they are tried before the others and are on unless `rules` says otherwise. */
  customRules?: readonly SurgeryRule[];
}

/** A rule that is on, with all of its settings. */
export interface ActiveRule {
  readonly rule: SurgeryRule;
  readonly settings: Settings;
}

export interface ResolvedSurgery {
  readonly active: readonly ActiveRule[];
  readonly seed: number;
  readonly calibration: Batches;
}

const OPTIONS = ['preset', 'rules', 'canRetrain', 'seed', 'calibration', 'customRules'] as const;
const RETRAIN: Preserves = 'retrain';

/** @throws {ArgumentError} for a name that does not exist, suggesting the nearest, and for a value of the wrong kind */
export function resolveSurgery(options: SurgeryOptions = {}): ResolvedSurgery {
  for (const name of Object.keys(options)) requireKnown('options', name, OPTIONS, 'option of surgery');
  const { rules = {}, canRetrain = true, seed = 0, calibration = [], customRules = [] } = options;
  const preset = options.preset ?? (Array.isArray(rules) ? 'none' : 'v2');
  requireKnown('preset', preset, Object.keys(surgeryPresets), 'preset');
  if (!Number.isSafeInteger(seed)) throw ArgumentError.expected('seed', 'a whole number', seed);
  if (typeof canRetrain !== 'boolean') throw ArgumentError.expected('canRetrain', 'true or false', canRetrain);
  const all = [...customRules, ...surgeryRules];
  const known = all.map(({ id }) => id);
  const choices = new Map<string, RuleChoice>(
    [...customRules.map(({ id }) => id), ...surgeryPresets[preset]].map((id) => [id, true]),
  );
  const chosen: [string, RuleChoice][] = Array.isArray(rules)
    ? rules.map((id) => [String(id), true])
    : Object.entries(rules as Readonly<Record<string, RuleChoice>>);
  for (const [id, choice] of chosen) {
    requireKnown('rules', id, known, 'surgery rule');
    choices.set(id, choice);
  }
  const active = all.flatMap((rule) => {
    const choice = choices.get(rule.id) ?? false;
    if (choice === false || (!canRetrain && rule.preserves === RETRAIN)) return [];
    return [{ rule, settings: settingsOf(rule, choice) }];
  });
  return { active, seed, calibration };
}

function settingsOf(rule: SurgeryRule, choice: RuleChoice): Settings {
  const settings = { ...defaultSettings(rule) };
  if (choice === true) return settings;
  if (typeof choice !== 'object' || choice === null || Array.isArray(choice))
    throw ArgumentError.expected(`rules.${rule.id}`, 'true, false or an object of settings', choice);
  const definitions = rule.settings ?? {};
  for (const [name, value] of Object.entries(choice)) {
    requireKnown(`rules.${rule.id}`, name, Object.keys(definitions), `setting of ${rule.id}`);
    checkSetting(`rules.${rule.id}.${name}`, value, definitions[name] as SettingDefinition);
    settings[name] = value;
  }
  return settings;
}

function checkSetting(place: string, value: unknown, definition: SettingDefinition): void {
  const { choices, type = typeof definition.default } = definition;
  if (choices !== undefined && !choices.includes(String(value)))
    throw ArgumentError.expected(place, choices.map((choice) => `'${choice}'`).join(' or '), value);
  if (choices === undefined && typeof value !== type) throw ArgumentError.expected(place, `a ${type}`, value);
}

function requireKnown(argument: string, name: unknown, known: readonly string[], what: string): void {
  if (typeof name === 'string' && known.includes(name)) return;
  const given = typeof name === 'string' ? `'${name}'` : describeValue(name);
  const hint = typeof name === 'string' ? didYouMean(name, known) : '';
  const list = known.length === 0 ? 'it has none' : `expected one of ${known.join(', ')}`;
  throw new ArgumentError(argument, `There is no ${what} ${given}${hint === '' ? `; ${list}` : hint}`);
}
