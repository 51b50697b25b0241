/** @file The models of the zoo as rows of figures, and choosing among them: names, comparisons, order. */

import { didYouMean } from '@edgeai/torch/suggest';
import { UsageError } from '../errors.ts';
import { models } from './all-models.ts';

/** One model; the figures are those of its recommended weights, null where there are none. */
export interface ZooRow {
  name: string;
  task: models.ModelTask;
  /** Parameters. */
  params: number | null;
  /** 10⁹ multiply-accumulates of one input. */
  gmacs: number | null;
  /** MB of the file. */
  fileSize: number | null;
  /** Published results by data set. */
  results: models.WeightsMeta['metrics'];
  /** The results on the first data set. */
  metrics: Readonly<Record<string, number>>;
  /** Full names of the entries. */
  weights: string[];
}

/** All models, or those for one task, by name. Throws a UsageError for a task without models. */
export function zooRows(task?: string): ZooRow[] {
  const all = models.listModels().map((name) => rowOf(name));
  if (task === undefined) return all;
  const tasks = [...new Set(all.map((row) => row.task))].sort();
  if (!tasks.some((own) => own === task)) {
    const hint = didYouMean(task, tasks) || `; there are: ${tasks.join(', ')}`;
    throw new UsageError(`--task: there are no models for '${task}'${hint}`);
  }
  return all.filter((row) => row.task === task);
}

function rowOf(name: string): ZooRow {
  const { task, weights, figures } = models.getModelInfo(name);
  const meta = weights?.DEFAULT.meta;
  const results = meta?.metrics ?? {};
  return {
    name,
    task,
    params: meta?.numParams ?? figures?.numParams ?? null,
    gmacs: meta?.ops ?? figures?.gmacs ?? null,
    fileSize: meta?.fileSize ?? null,
    results,
    metrics: Object.values(results)[0] ?? {},
    weights: weights?.entries().map((entry) => entry.name) ?? [],
  };
}

/** Figures of every kind of model. */
type Figure = 'params' | 'macs' | 'acc' | 'size';

/** What rows can be sorted by. */
export type SortKey = 'name' | Figure;

/** How figures are found and in which units they may be given. */
const FIGURES: Readonly<
  Record<Figure, { of: (row: ZooRow) => number | null; units: Readonly<Record<string, number>> }>
> = {
  params: {
    of: ({ params }) => (params === null ? null : params / 1e6),
    units: { '': 1, k: 1e-3, m: 1, g: 1e3, b: 1e3 },
  },
  macs: { of: ({ gmacs }) => gmacs, units: { '': 1, m: 1e-3, g: 1, t: 1e3 } },
  acc: { of: ({ metrics }) => Object.values(metrics)[0] ?? null, units: { '': 1, '%': 1 } },
  size: { of: ({ fileSize }) => fileSize, units: { '': 1, kb: 1 / 1024, mb: 1, gb: 1024 } },
};

const NO_UNITS: Readonly<Record<string, number>> = { '': 1, '%': 1 };

/** `acc@1` is written `acc1`, `pixel_acc` may be `pixelacc`. */
function plainName(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
}

function resultNames(rows: readonly ZooRow[]): string[] {
  const names = rows.flatMap(({ results }) => Object.values(results).flatMap((figures) => Object.keys(figures)));
  return [...new Set(names.map(plainName))];
}

function resultOf(row: ZooRow, name: string): number | null {
  for (const figures of Object.values(row.results))
    for (const [figure, value] of Object.entries(figures)) if (plainName(figure) === name) return value;
  return null;
}

type Test = (row: ZooRow) => boolean;

/**
 * The rows that a filter leaves: patterns for names, of which one must match, and comparisons, which must all hold, separated by
 * commas: `resnet*,regnet*,params<30,acc1>=80`. Parameters count in millions, MACs in 10⁹, sizes in MB, unless a unit follows.
 * A row without the figure is left out. Throws a UsageError.
 */
export function filterRows(rows: readonly ZooRow[], filter: string): ZooRow[] {
  const items = filter
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  const comparisons: Test[] = [];
  const names = new Set<string>();
  for (const item of items) {
    if (/[<>=]/.test(item)) comparisons.push(comparison(item, rows));
    else for (const name of models.listModels({ include: item })) names.add(name);
  }
  const anyName = items.every((item) => /[<>=]/.test(item));
  return rows.filter((row) => (anyName || names.has(row.name)) && comparisons.every((test) => test(row)));
}

const HOLDS: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  '=': (a, b) => a === b,
  '==': (a, b) => a === b,
};

function comparison(text: string, rows: readonly ZooRow[]): Test {
  const [, given = '', sign = '', value = '', unit = ''] =
    /^([\w@]+)\s*(<=|>=|==|<|>|=)\s*(-?\d+(?:\.\d+)?)\s*([a-z%]*)$/i.exec(text) ?? [];
  const holds = HOLDS[sign];
  if (holds === undefined)
    throw new UsageError(`--filter: expected a comparison such as params<5 or acc1>75 but received '${text}'`);
  const name = plainName(given);
  const figure = Object.hasOwn(FIGURES, name) ? FIGURES[name as Figure] : undefined;
  const known = resultNames(rows);
  if (figure === undefined && !known.includes(name)) {
    const all = [...Object.keys(FIGURES), ...known];
    const hint = didYouMean(name, all) || `; there are: ${all.join(', ')}`;
    throw new UsageError(`--filter: there is no figure '${given}'${hint}`);
  }
  const units = figure?.units ?? NO_UNITS;
  const factor = units[unit.toLowerCase()];
  if (factor === undefined) {
    const allowed = Object.keys(units)
      .filter((own) => own !== '')
      .join(', ');
    throw new UsageError(`--filter: the unit of ${given} must be one of ${allowed} but is '${unit}'`);
  }
  const limit = Number(value) * factor;
  return (row) => {
    const found = figure === undefined ? resultOf(row, name) : figure.of(row);
    return found !== null && holds(found, limit);
  };
}

/** The rows in the order of a figure, the smallest first; those without it come last either way. */
export function sortRows(rows: readonly ZooRow[], by: SortKey, descending = false): ZooRow[] {
  const sign = descending ? -1 : 1;
  if (by === 'name') {
    const byName = (a: ZooRow, b: ZooRow) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
    return rows.toSorted((a, b) => sign * byName(a, b));
  }
  const figure = FIGURES[by].of;
  return rows.toSorted((a, b) => {
    const [left, right] = [figure(a), figure(b)];
    if (left === null || right === null) return Number(left === null) - Number(right === null);
    return sign * (left - right);
  });
}
