/** @file The analysis as one HTML file that needs nothing else: no scripts, no fonts, no pictures from elsewhere. */

import { fx } from '@edgeai/torch';
import type { QuantizedModel } from '../quantized-model.ts';
import { escapeText, histogramChart, rankingChart, ratioBar, ratioColour, text } from './charts.ts';
import { analysedLayers } from './layers.ts';
import type { MixedPrecision } from './mixed-precision.ts';
import type { LayerNoise } from './noise.ts';
import type { ObserverComparison } from './observers.ts';
import type { Sensitivity } from './sensitivity.ts';

/** A picture with what is to be said of it. */
export interface ReportImage {
  /** A `data:` address. */
  readonly source: string;
  readonly caption: string;
}

export interface ReportContent {
  readonly title: string;
  /** Lines of the summary: what, and its value. */
  readonly summary: readonly (readonly [what: string, value: string])[];
  readonly noise: readonly LayerNoise[];
  readonly sensitivity?: Sensitivity | undefined;
  readonly precision?: MixedPrecision | undefined;
  readonly observers?: readonly ObserverComparison[] | undefined;
  /** The network as a drawing; `drawErrors` makes one. */
  readonly graph?: string | undefined;
  readonly images?: readonly ReportImage[] | undefined;
}

const STYLE = `body{font:14px/1.45 system-ui,sans-serif;margin:2em auto;max-width:1180px;padding:0 1em;color:#222}
h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em;border-bottom:1px solid #ddd}
table{border-collapse:collapse}th,td{padding:3px 9px;text-align:left;vertical-align:middle;border-bottom:1px solid #eee}
td.n{text-align:right;font-variant-numeric:tabular-nums}th{position:sticky;top:0;background:#fff}
.scroll{overflow:auto;max-height:900px;border:1px solid #ddd}.images{display:flex;flex-wrap:wrap;gap:12px}
figure{margin:0;width:150px}figure img{width:150px;height:150px;object-fit:cover}figcaption{font-size:12px;color:#555}
p.note{color:#666;max-width:75ch}`;

/** The whole file. */
export function renderReport(content: ReportContent): string {
  const { title, summary, noise, sensitivity, precision, observers, graph, images = [] } = content;
  const sections = [
    `<h1>${escapeText(title)}</h1>`,
    table(
      ['', ''],
      summary.map(([what, value]) => [escapeText(what), escapeText(value)]),
    ),
    section(
      'Layers',
      'Signal-to-noise ratios in dB: 6 dB are one bit. <i>Alone</i> is what the rounding of the weight or result does by itself; <i>so far</i> compares the result with the float network when everything before it is rounded too. Red lines in the histograms are the ends of the integers.',
      layerTable(noise),
    ),
    ...(sensitivity === undefined ? [] : [sensitivitySection(sensitivity)]),
    ...(precision === undefined ? [] : [precisionSection(precision)]),
    ...(observers === undefined || observers.length === 0 ? [] : [observerSection(observers)]),
    ...(images.length === 0 ? [] : [imageSection(images)]),
    ...(graph === undefined
      ? []
      : [
          section(
            'Network',
            'Coloured by the ratio of each result so far: green from 40 dB, red below 10 dB.',
            `<div class="scroll">${graph}</div>`,
          ),
        ]),
  ];
  return `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>${escapeText(title)}</title><style>${STYLE}</style></head>\n<body>\n${sections.join('\n')}\n</body></html>\n`;
}

/** The graph of a quantised network, each rounded result coloured by its ratio. Quantisers themselves are left out of the drawing's colours. */
export function drawErrors<Args extends unknown[], Out>(
  model: QuantizedModel<Args, Out>,
  noise: readonly LayerNoise[],
): string {
  const ratios = new Map(noise.map(({ node, activation }) => [node, activation?.cumulative ?? null]));
  const quantizers = new Map(analysedLayers(model).map(({ activation, node }) => [activation, node]));
  const ratioOf = (node: fx.Node): number | null => {
    const own = ratios.get(node.name);
    if (own !== undefined) return own;
    if (node.kind !== 'module') return null;
    const module = model.getSubmodule(node.target);
    for (const [quantizer, source] of quantizers) if (quantizer === module) return ratios.get(source) ?? null;
    return null;
  };
  return fx.drawGraph(model.graph, {
    colour: (node) => {
      const ratio = ratioOf(node);
      return ratio === null ? undefined : ratioColour(ratio);
    },
    label: (node) => {
      const ratio = ratioOf(node);
      return ratio === null ? undefined : `${text(ratio)} dB`;
    },
  });
}

function layerTable(noise: readonly LayerNoise[]): string {
  const rows = noise.map(({ name, operation, weight, activation }) => [
    escapeText(name),
    escapeText(operation),
    weight === null ? '' : escapeText(weight.scheme),
    number(weight?.isolated ?? null),
    weight === null ? '' : histogramChart(weight),
    activation === null ? '' : escapeText(activation.scheme),
    number(activation?.isolated ?? null),
    number(activation?.cumulative ?? null),
    ratioBar(activation?.cumulative ?? null),
    activation === null ? '' : histogramChart(activation),
  ]);
  const head = ['layer', 'operation', 'weight', 'alone', '', 'result', 'alone', 'so far', '', ''];
  return `<div class="scroll">${table(head, rows)}</div>`;
}

function sensitivitySection({ all, layers }: Sensitivity): string {
  const worst = [...layers].sort((a, b) => a.alone - b.alone).slice(0, 30);
  const gains = [...layers].sort((a, b) => b.without - a.without).slice(0, 10);
  return section(
    'Sensitivity',
    `Ratio of the network's results when only one layer is rounded, the 30 most sensitive layers. With all of them rounded it is ${text(all)} dB.`,
    `${rankingChart(worst.map(({ name, alone }) => ({ name, value: alone })))}<p class="note">The results gain most when these layers stay float:</p>${table(
      ['layer', 'ratio without it', 'gain'],
      gains.map(({ name, without }) => [escapeText(name), number(without), number(without - all)]),
    )}`,
  );
}

function precisionSection({ layers, averageBits, bytes, ratio }: MixedPrecision): string {
  const widths = Object.keys(layers[0]?.ratios ?? {}).map(Number);
  return section(
    'Bits for each layer',
    `${text(averageBits)} bits a weight on average, ${(bytes / 2 ** 20).toFixed(2)} MiB of weights; expected ratio of the results from weights ${text(ratio)} dB. The columns of bits show the ratio of the results with only this layer's weight rounded.`,
    `<div class="scroll">${table(
      ['layer', 'weights', ...widths.map((width) => `${width} bits`), 'chosen'],
      layers.map(({ name, weights, ratios, bits }) => [
        escapeText(name),
        number(weights, String(weights)),
        ...widths.map((width) => number(ratios[width] ?? null)),
        `<b>${bits}</b>`,
      ]),
    )}</div>`,
  );
}

function observerSection(observers: readonly ObserverComparison[]): string {
  return section(
    'Ways to find ranges',
    "Ratio of the network's results with each of them, without corrections.",
    table(
      ['observer', 'ratio (dB)', 'seconds'],
      observers.map(({ observer, ratio, seconds }) => [observer, number(ratio), number(seconds)]),
    ),
  );
}

function imageSection(images: readonly ReportImage[]): string {
  const figures = images.map(
    ({ source, caption }) =>
      `<figure><img src="${escapeText(source)}" alt=""><figcaption>${escapeText(caption)}</figcaption></figure>`,
  );
  return section(
    'Images that changed most',
    'Distance of the results from those of the float network, relative to their size.',
    `<div class="images">${figures.join('')}</div>`,
  );
}

function section(title: string, note: string, body: string): string {
  return `<h2>${title}</h2>\n<p class="note">${note}</p>\n${body}`;
}

interface NumberCell {
  readonly numeric: string;
}

function number(value: number | null, shown?: string): NumberCell {
  return { numeric: value === null ? '' : (shown ?? text(value)) };
}

function table(head: readonly string[], rows: readonly (readonly (string | NumberCell)[])[]): string {
  const cell = (value: string | NumberCell) =>
    typeof value === 'string' ? `<td>${value}</td>` : `<td class="n">${value.numeric}</td>`;
  const header = head.some((name) => name !== '') ? `<tr>${head.map((name) => `<th>${name}</th>`).join('')}</tr>` : '';
  return `<table>${header}${rows.map((row) => `<tr>${row.map(cell).join('')}</tr>`).join('\n')}</table>`;
}
