/** @file A bar chart of what the parts of a network cost, as SVG. */

import type { LayerCost } from './complexity.ts';

export interface ChartOptions {
  title: string;
  /** The parts with the most multiply-accumulates are drawn, in the network's order. Default 40. */
  limit?: number;
}

/** The measures drawn side by side, and how their numbers are written. */
const MEASURES = [
  { label: 'MACs', colour: '#3b6ea5', of: (layer: LayerCost) => layer.matmulMacs, text: (n: number) => short(n) },
  { label: 'parameters', colour: '#c26b2d', of: (layer: LayerCost) => layer.params, text: (n: number) => short(n) },
  {
    label: 'activations',
    colour: '#4d8f5b',
    of: (layer: LayerCost) => layer.activationBytes,
    text: (n: number) => `${short(n)}B`,
  },
] as const;

const ROW = 18;
const TOP = 56;
const NAMES = 260;
const BAR = 180;
const GAP = 70;

/** `1.2 M`; three digits. */
export function short(value: number): string {
  const units = ['', ' k', ' M', ' G', ' T'];
  const step = value === 0 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(value) / 3));
  return `${Number((value / 1000 ** step).toPrecision(3))}${units[step]}`;
}

/** Horizontal bars, one row a part, one column a measure; each column has its own scale. */
export function complexityChart(layers: readonly LayerCost[], { title, limit = 40 }: ChartOptions): string {
  const costly = layers.filter((layer) => MEASURES.some(({ of }) => of(layer) > 0));
  const threshold = costly.map((layer) => layer.matmulMacs).sort((a, b) => b - a)[limit - 1] ?? 0;
  const rows = costly.filter((layer) => layer.matmulMacs >= threshold).slice(0, limit);
  const width = NAMES + MEASURES.length * (BAR + GAP) + 10;
  const height = TOP + rows.length * ROW + 14;
  const left = (column: number) => NAMES + column * (BAR + GAP);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="10" y="22" font-size="15" font-weight="bold">${escapeText(title)}</text>`,
    ...MEASURES.map(
      ({ label, colour }, column) =>
        `<text x="${left(column)}" y="46" fill="${colour}" font-weight="bold">${label}</text>`,
    ),
  ];
  const most = MEASURES.map(({ of }) => Math.max(1, ...rows.map(of)));
  for (const [i, layer] of rows.entries()) {
    const y = TOP + i * ROW;
    parts.push(`<text x="${NAMES - 8}" y="${y + 12}" text-anchor="end">${escapeText(shorten(layer.path))}</text>`);
    for (const [column, { of, colour, text }] of MEASURES.entries()) {
      const length = Number(((of(layer) / (most[column] ?? 1)) * BAR).toFixed(1));
      parts.push(
        `<rect x="${left(column)}" y="${y + 3}" width="${length}" height="${ROW - 6}" fill="${colour}"/>`,
        `<text x="${left(column) + length + 4}" y="${y + 12}" fill="#555555">${text(of(layer))}</text>`,
      );
    }
  }
  return `${parts.join('\n')}\n</svg>\n`;
}

function shorten(path: string): string {
  return path.length <= 40 ? path : `…${path.slice(-39)}`;
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
