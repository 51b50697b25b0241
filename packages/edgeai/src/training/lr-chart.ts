/** @file The curve of a learning-rate sweep, as SVG. */

import type { Sweep, SweepPoint } from './lr-sweep.ts';

const [WIDTH, HEIGHT] = [640, 360];
const [LEFT, RIGHT, TOP, BOTTOM] = [56, 16, 34, 44];

/** Loss over the rate, which has a logarithmic axis; the suggested rate is marked. @param sweep with at least two points */
export function sweepChart({ points, suggestion }: Sweep): string {
  const logs = points.map(({ rate }) => Math.log10(rate));
  const [from, to] = [Math.min(...logs), Math.max(...logs)];
  const smoothed = points.map((point) => point.smoothed);
  const [least, most] = [Math.min(...smoothed), Math.max(...smoothed)];
  const margin = (most - least || 1) * 0.08;
  const x = (log: number) => LEFT + ((log - from) / (to - from || 1)) * (WIDTH - LEFT - RIGHT);
  const y = (loss: number) => {
    const share = (loss - least + margin) / (most - least + 2 * margin || 1);
    return HEIGHT - BOTTOM - Math.min(Math.max(share, 0), 1) * (HEIGHT - TOP - BOTTOM);
  };
  const line = (of: (point: SweepPoint) => number, style: string) =>
    `<polyline fill="none" ${style} points="${points.map((point, i) => `${x(logs[i] as number).toFixed(1)},${y(of(point)).toFixed(1)}`).join(' ')}"/>`;
  const decades = Array.from({ length: Math.floor(to) - Math.ceil(from) + 1 }, (_, i) => Math.ceil(from) + i);
  const floor = HEIGHT - BOTTOM;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="11">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    `<text x="${LEFT}" y="20" font-size="14" font-weight="bold">Loss by learning rate</text>`,
    ...decades.map((log) => {
      const at = x(log).toFixed(1);
      return `<line x1="${at}" x2="${at}" y1="${TOP}" y2="${floor}" stroke="#e4e4e4"/><text x="${at}" y="${floor + 16}" text-anchor="middle">1e${log}</text>`;
    }),
    ...[least, (least + most) / 2, most].map((loss) => {
      const at = y(loss).toFixed(1);
      return `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}" stroke="#e4e4e4"/><text x="${LEFT - 6}" y="${Number(at) + 4}" text-anchor="end">${Number(loss.toPrecision(3))}</text>`;
    }),
    `<text x="${WIDTH - RIGHT}" y="${HEIGHT - 10}" text-anchor="end" fill="#666666">learning rate; thin: each batch, thick: smoothed</text>`,
    line(({ loss }) => loss, 'stroke="#b9cbe0" stroke-width="1"'),
    line((point) => point.smoothed, 'stroke="#3b6ea5" stroke-width="2.2"'),
    suggestion === null ? '' : mark(x(Math.log10(suggestion)), suggestion),
    '</svg>',
    '',
  ].join('\n');
}

function mark(at: number, rate: number): string {
  const anchor = at > WIDTH * 0.7 ? 'end' : 'start';
  const text = `suggested: ${Number(rate.toPrecision(2))}`;
  return `<line x1="${at.toFixed(1)}" x2="${at.toFixed(1)}" y1="${TOP}" y2="${HEIGHT - BOTTOM}" stroke="#c22222" stroke-dasharray="4 3"/><text x="${(at + (anchor === 'end' ? -6 : 6)).toFixed(1)}" y="${TOP + 12}" fill="#c22222" text-anchor="${anchor}">${text}</text>`;
}
