/** @file Draws what a program printed as an SVG picture for the documentation: `node scripts/terminal-figure.mjs < output.txt > figure.svg`. */

import { readFileSync } from 'node:fs';

const CHARACTER = 7.8;
const LINE = 17;
const MARGIN = 16;

const escapeXml = (/** @type {string} */ text) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const lines = readFileSync(0, 'utf8').trimEnd().split('\n');
const width = Math.ceil(Math.max(...lines.map((line) => [...line].length)) * CHARACTER + 2 * MARGIN);
const height = lines.length * LINE + 2 * MARGIN;
const rows = lines.map((line, i) => {
  const colour = line.startsWith('$') ? '#7fd1b9' : line.startsWith('──') ? '#f2c572' : '#d8dee9';
  return `<text x="${MARGIN}" y="${MARGIN + LINE * (i + 0.75)}" fill="${colour}" xml:space="preserve">${escapeXml(line)}</text>`;
});
process.stdout.write(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">
<title>${escapeXml(lines[0] ?? '')}</title>
<rect width="${width}" height="${height}" rx="8" fill="#1f2430"/>
<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="13">
${rows.join('\n')}
</g>
</svg>
`);
