/** @file The drawings of the report, as SVG: bars of ratios, histograms with ranges, colours for errors. */

import type { RoundingNoise } from './noise.ts';

/** From this ratio on a layer is as good as exact, and down to this one it is lost, in dB. */
const GOOD = 40;
const BAD = 10;

/** Green through yellow to red, in CSS's notation. */
export function ratioColour(ratio: number): string {
  const share = Math.min(Math.max((ratio - BAD) / (GOOD - BAD), 0), 1);
  return `hsl(${Math.round(share * 120)} 70% 72%)`;
}

/** A bar of a ratio, 0 … 60 dB. */
export function ratioBar(ratio: number | null): string {
  if (ratio === null) return '';
  const width = Math.round(Math.min(Math.max(ratio, 0), 60) * 1.5);
  return `<svg width="92" height="12" role="img" aria-label="${text(ratio)} dB"><rect width="92" height="12" fill="#eee"/><rect width="${width}" height="12" fill="${ratioColour(ratio)}"/></svg>`;
}

const WIDTH = 220;
const HEIGHT = 46;

/** The distribution of values, its counts on a root scale so that tails are seen, and the ends of the integers in red. */
export function histogramChart({ histogram, range }: RoundingNoise): string {
  const { counts, low, high } = histogram;
  const from = Math.min(low, range[0]);
  const to = Math.max(high, range[1]);
  const x = (value: number) => ((value - from) / (to - from || 1)) * WIDTH;
  const tallest = Math.max(...counts, 1);
  const step = (high - low) / counts.length;
  const bars = counts
    .map((count, i) => {
      if (count === 0) return '';
      const height = Math.max(Math.sqrt(count / tallest) * HEIGHT, 0.5);
      return `M${x(low + i * step).toFixed(1)} ${HEIGHT}v-${height.toFixed(1)}h${Math.max(x(low + step) - x(low), 0.5).toFixed(1)}V${HEIGHT}z`;
    })
    .join('');
  const mark = (value: number) =>
    `<line x1="${x(value).toFixed(1)}" x2="${x(value).toFixed(1)}" y1="0" y2="${HEIGHT}" stroke="#c22" stroke-dasharray="3 2"/>`;
  const zero =
    from < 0 && to > 0
      ? `<line x1="${x(0).toFixed(1)}" x2="${x(0).toFixed(1)}" y1="0" y2="${HEIGHT}" stroke="#bbb"/>`
      : '';
  return [
    `<svg width="${WIDTH}" height="${HEIGHT + 13}" viewBox="-1 0 ${WIDTH + 2} ${HEIGHT + 13}" role="img">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#f6f6f6"/>${zero}<path d="${bars}" fill="#3b6ea5"/>${range.map(mark).join('')}`,
    `<text y="${HEIGHT + 11}" font-size="10" fill="#666">${text(from)}</text>`,
    `<text x="${WIDTH}" y="${HEIGHT + 11}" font-size="10" fill="#666" text-anchor="end">${text(to)}</text></svg>`,
  ].join('');
}

/** Bars side by side for named values, such as sensitivities: the lowest first. */
export function rankingChart(rows: readonly { readonly name: string; readonly value: number }[]): string {
  const row = 16;
  const finite = rows.map(({ value }) => value).filter(Number.isFinite);
  const most = Math.max(...finite, 1);
  const least = Math.min(...finite, 0);
  const parts = rows.map(({ name, value }, i) => {
    const width = Number.isFinite(value) ? ((value - least) / (most - least || 1)) * 300 : 300;
    const y = i * row;
    return `<text x="238" y="${y + 12}" text-anchor="end">${escapeText(name)}</text><rect x="246" y="${y + 2}" width="${width.toFixed(1)}" height="11" fill="${ratioColour(value)}"/><text x="${(252 + width).toFixed(1)}" y="${y + 12}" fill="#666">${text(value)}</text>`;
  });
  const height = rows.length * row + 4;
  return `<svg width="620" height="${height}" font-size="11" role="img">${parts.join('')}</svg>`;
}

/** Three significant digits. */
export function text(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '∞';
  return Number.isFinite(value) ? String(Number(value.toPrecision(3))) : '–';
}

export function escapeText(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
