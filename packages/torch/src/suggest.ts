/** @file Finds the name that a misspelt one was probably meant to be, for "did you mean …?" in messages. */

/**
 * Damerau-Levenshtein distance: how many insertions, deletions, substitutions and swaps of neighbours turn `a` into `b`
 * (no part is edited twice).
 */
export function editDistance(a: string, b: string): number {
  const left = [...a];
  const right = [...b];
  // Three rows of the usual table are enough: a swap looks two rows back.
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: right.length + 1 }, (_, j) => j);
  for (let i = 1; i <= left.length; i++) {
    const current = [i];
    for (let j = 1; j <= right.length; j++) {
      const same = left[i - 1] === right[j - 1];
      let best = Math.min(at(previous, j) + 1, at(current, j - 1) + 1, at(previous, j - 1) + (same ? 0 : 1));
      if (i > 1 && j > 1 && left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1]) {
        best = Math.min(best, at(beforePrevious, j - 2) + 1);
      }
      current.push(best);
    }
    beforePrevious = previous;
    previous = current;
  }
  return at(previous, right.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}

/** Case and the choice between `-`, `_` and spaces are not what people get wrong; compare without them. */
function normalise(name: string): string {
  return name.toLowerCase().replaceAll(/[-_\s.]+/g, '_');
}

interface Ranked {
  candidate: string;
  distance: number;
}

/**
 * How far a candidate is from what was written, both normalised. Leaving off the end of a name (`resnext50` for
 * `resnext50_32x4d`) is nearer than any misspelling.
 */
function distanceTo(wanted: string, candidate: string): number {
  const name = normalise(candidate);
  if (name === wanted) return 0;
  return wanted.length >= 3 && name.startsWith(wanted) ? 0.5 : editDistance(wanted, name);
}

/** Only names within a third of the length count (at least one edit), so that a name like none of them finds nothing. */
function rank(name: string, candidates: Iterable<string>): Ranked[] {
  const wanted = normalise(name);
  const tolerance = Math.max(1, Math.floor(wanted.length / 3));
  return [...new Set(candidates)]
    .map((candidate) => ({ candidate, distance: distanceTo(wanted, candidate) }))
    .filter(({ candidate, distance }) => distance <= tolerance && distance < candidate.length)
    .sort((x, y) => x.distance - y.distance || (x.candidate < y.candidate ? -1 : 1));
}

/** The candidates nearest to `name`, best first, at most `limit`; none where nothing is near. */
export function suggest(name: string, candidates: Iterable<string>, limit = 3): string[] {
  return rank(name, candidates)
    .slice(0, limit)
    .map(({ candidate }) => candidate);
}

/** `; did you mean 'mobilenet_v2'?`, or an empty string where nothing is near: append it to a message. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  const near = rank(name, candidates);
  // Several names are worth showing only where none is clearly the best.
  const best = near.filter(({ distance }) => distance === near[0]?.distance).slice(0, 3);
  return best.length === 0 ? '' : `; did you mean ${best.map(({ candidate }) => `'${candidate}'`).join(' or ')}?`;
}
