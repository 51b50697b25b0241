/** @file What a surgery rule is: a pattern, its replacement, what becomes of the weights, and what the change preserves. */

import type { fx, nn, Tensor } from '@edgeai/torch';

/**
 * What the network computes afterwards: the same (`exact`), nearly the same (`approximate`), or something else, which further
 * training brings near (`retrain`).
 */
export type Preserves = 'exact' | 'approximate' | 'retrain';

/** A value that a rule can be told. */
export type Setting = number | boolean | string;

/** What a setting may be and what it is when nothing is said; `undefined` is for settings that switch something on. */
export interface SettingDefinition {
  readonly default: Setting | undefined;
  readonly describe: string;
  /** For texts: all that are allowed. */
  readonly choices?: readonly string[];
  /** For numbers: the type is that of the default, or this. */
  readonly type?: 'number' | 'boolean' | 'string';
}

export type Settings = Readonly<Record<string, Setting | undefined>>;

/** How a batch norm that surgery puts in is meant: to do what the norm before it did, or nothing until it is trained. */
export type NormRole = 'normalise' | 'neutral';

/** What a replacement may know and use. */
export interface Site {
  /** Place in the module tree. */
  readonly path: string;
  readonly settings: Settings;
  /** Shape of the input, where an example has been run and all calls agree. */
  readonly inputShape: readonly number[] | undefined;
  /** Registers a new batch norm, so that calibration data can settle its statistics. */
  addNorm(norm: nn.BatchNorm, role: NormRole): void;
}

/** A replacement of modules: works in the module tree, which keeps classes and training behaviour, and in graphs. */
export interface ModuleRewrite {
  readonly matches: (module: nn.AnyModule, settings: Settings) => boolean;
  /** The module in its place; a text says why there can be none that keeps the rule's promise. */
  readonly replace: (module: nn.AnyModule, site: Site) => nn.AnyModule | string;
}

/** What a replacement in a graph may know besides. */
export interface GraphSite extends Site {
  readonly target: fx.AnyGraphModule;
  /** A path for a new module that is not taken. */
  freshPath(base: string): string;
}

/** A replacement of operators by data flow: for what forward does without modules. */
export interface GraphRewrite {
  readonly pattern: (settings: Settings) => fx.PatternMatcher;
  /** The node in the place of the match's result; `undefined` where the match is not meant, a text where it must be refused. */
  readonly replace: (match: fx.PatternMatch, before: fx.Node, site: GraphSite) => fx.Node | string | undefined;
}

/** What a rule can look at before anything is changed. */
export interface Preparation {
  readonly model: nn.AnyModule;
  readonly settings: Settings;
  /** Arguments of forward, one array a batch. Empty without calibration data. */
  readonly calibration: readonly (readonly unknown[])[];
  /** Captures the network, with the modules that the rule replaces as one node each. */
  readonly capture: () => fx.Graph;
}

export interface SurgeryRule {
  readonly id: string;
  /** What is replaced by what. */
  readonly summary: string;
  readonly preserves: Preserves;
  /** What becomes of the weights, as a sentence. */
  readonly weights: string;
  /** Why what the rule replaces is a burden on an embedded device; `null` where it is none. */
  readonly burden: string | null;
  readonly settings?: Readonly<Record<string, SettingDefinition>>;
  readonly modules?: ModuleRewrite;
  readonly graph?: readonly GraphRewrite[];
  /** Changes weights that stay, or notes figures, while the network is still whole. */
  readonly prepare?: (preparation: Preparation) => void;
}

/** True for modules of one of these very classes. */
export function exactly(...types: readonly fx.ModuleClass[]): (module: nn.AnyModule) => boolean {
  return (module) => types.includes(module.constructor as fx.ModuleClass);
}

/** Where new parameters live and how they are stored: as the old module's first floating-point tensor. */
export function likeParametersOf(module: nn.AnyModule): { dtype?: Tensor['dtype']; device?: Tensor['device'] } {
  const [first] = module.parameters();
  return first === undefined ? {} : { dtype: first.dtype, device: first.device };
}
