/** @file Finds the names that a misspelt one was probably meant to be, for error messages. */

/** How many insertions, deletions and substitutions of single characters turn `a` into `b` (Levenshtein's distance). */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** Case and separators are not what matters: `MobileNetV2` means `mobilenet_v2`. */
function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
}

function distance(wanted: string, candidate: string): number {
  const name = plain(candidate);
  if (name === wanted) return 0;
  // An unfinished name (`resnext50` of `resnext50_32x4d`) is nearer than any misspelling.
  return wanted.length >= 3 && name.startsWith(wanted) ? 0.5 : editDistance(wanted, name);
}

/** The candidates nearest to `name`, best first; none where nothing is similar. */
export function nearestNames(name: string, candidates: Iterable<string>, limit = 3): string[] {
  const wanted = plain(name);
  const tolerance = Math.max(1, Math.floor(wanted.length / 3));
  return Array.from(candidates, (candidate) => ({ candidate, cost: distance(wanted, candidate) }))
    .filter(({ cost }) => cost <= tolerance)
    .sort((x, y) => x.cost - y.cost || (x.candidate < y.candidate ? -1 : 1))
    .slice(0, limit)
    .map(({ candidate }) => candidate);
}

/** `; did you mean 'a' or 'b'?` to append to a message; empty where nothing is similar. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  const near = nearestNames(name, candidates).map((candidate) => `'${candidate}'`);
  return near.length === 0 ? '' : `; did you mean ${near.join(' or ')}?`;
}
