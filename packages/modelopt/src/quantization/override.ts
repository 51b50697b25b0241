/** @file Exceptions from a network's schemes, and the places that they are for. */

import type { SchemeOptions } from './scheme.ts';

/** A rule for some places: those whose path matches `layers` (if given) and whose operator matches `operators` (if given). */
export interface QuantizationOverride {
  /** Globs on the path of a layer or operator in the network (`features.0.*`, `**.fc`); `*` stays within a part, `**` does not. */
  readonly layers?: string | readonly string[];
  /** Globs on names of operators (`conv2d`, `*pool*`, `input`); see `operatorRules`. */
  readonly operators?: string | readonly string[];
  /** Changes to the scheme of weights; `null`: stay float. */
  readonly weight?: SchemeOptions | null;
  /** Changes to the scheme of results; `null`: stay float. */
  readonly activation?: SchemeOptions | null;
}

/** A place in the network that a scheme is for. */
export interface Place {
  readonly path: string;
  readonly operator: string;
}

/** Whether a rule is for a place. */
export function applies(rule: QuantizationOverride, { path, operator }: Place): boolean {
  return matches(rule.layers, path) && matches(rule.operators, operator);
}

function matches(globs: string | readonly string[] | undefined, value: string): boolean {
  if (globs === undefined) return true;
  return (typeof globs === 'string' ? [globs] : globs).some((glob) => matchesGlob(glob, value));
}

/** @internal `*` within a part, `**` across parts, `?` one character. */
export function matchesGlob(glob: string, value: string): boolean {
  return globToRegExp(glob).test(value);
}

const compiled = new Map<string, RegExp>();

function globToRegExp(glob: string): RegExp {
  let found = compiled.get(glob);
  if (found === undefined) {
    const source = glob.replace(/\*\*|[*?]|[.+^${}()|[\]\\]/g, (token) => {
      if (token === '**') return '.*';
      if (token === '*') return '[^.]*';
      return token === '?' ? '[^.]' : `\\${token}`;
    });
    found = new RegExp(`^${source}$`);
    compiled.set(glob, found);
  }
  return found;
}
