/** @file Patterns for names: `*` stands for any characters, `?` for one. */

/** The source of a regular expression, without anchors, for a pattern. */
export function globSource(glob: string): string {
  return glob
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
}

/** Matches whole names; case does not matter. */
export function globPattern(glob: string): RegExp {
  return new RegExp(`^${globSource(glob)}$`, 'i');
}
