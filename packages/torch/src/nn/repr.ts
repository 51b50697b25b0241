/** @file How values look in a module's printed form: as Python prints them, so that printed networks can be compared. */

/** A number as Python prints a float: `1.0`, `1e-05`. */
export function float(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e16) return `${value}.0`;
  if (!Number.isFinite(value)) return String(value).replace('Infinity', 'inf').toLowerCase();
  // Python changes to exponents below 1e-4, JavaScript below 1e-6.
  const text = Math.abs(value) < 1e-4 ? value.toExponential() : String(value);
  return text.replace(/e([+-])(\d)$/, 'e$10$2');
}

/** Booleans, whole numbers, strings, `null` and lists as Python prints them. */
export function repr(value: unknown): string {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : float(value);
  if (Array.isArray(value)) return value.length === 1 ? `(${repr(value[0])},)` : `(${value.map(repr).join(', ')})`;
  return String(value);
}
