/** @file Brings the classes of a data set into the order of a network's outputs, where both have names. */

import { FailureError } from '../../errors.ts';

/** For each class of the data the index of the same class of the network; null where the order is taken to be the same. */
export function classMapping(
  dataClasses: readonly string[],
  modelClasses: readonly string[],
  source: string,
): number[] | null {
  if (modelClasses.length === 0) return null;
  if (dataClasses.every((name, index) => modelClasses[index] === name)) return null;
  const indices = dataClasses.map((name) => modelClasses.indexOf(name));
  const unknown = dataClasses.filter((_, i) => indices[i] === -1);
  if (unknown.length === 0) return indices;
  // Names of another kind altogether, such as ImageNet's folder names: only their order can be meant.
  if (unknown.length === dataClasses.length && dataClasses.length === modelClasses.length) return null;
  const known = modelClasses.slice(0, 10).join(', ') + (modelClasses.length > 10 ? ', …' : '');
  throw new FailureError(
    'UNKNOWN_CLASS',
    `${source}: the network knows no class ${unknown.slice(0, 5).join(', ')}; its classes: ${known}`,
  );
}
