/** @file Draws a graph as SVG: a box for each node, coloured by its kind, shapes beside the lines. */

import { formatTensorMeta } from './format.ts';
import type { Graph } from './graph.ts';
import { layOut, type Placed } from './layout.ts';
import { operatorBaseName } from './names.ts';
import { inputsOf, type Node, tensorMeta } from './node.ts';

export interface DrawOptions {
  /** Colour of a node's box, in any notation of CSS; `undefined` for that of its kind. For maps of errors or costs. */
  colour?: (node: Node) => string | undefined;
  /** Second line in a node's box. Default: the class of a module, the name of an operator. */
  label?: (node: Node) => string | undefined;
  /** Draw parameters and constants too. Default `false`. */
  state?: boolean;
}

const COLOURS: Readonly<Record<Node['kind'], string>> = {
  placeholder: '#cfe8cf',
  output: '#cfe8cf',
  module: '#cfdff2',
  call: '#f5e3c3',
  item: '#eeeeee',
  parameter: '#e6d3ee',
  constant: '#e6d3ee',
};

const CHARACTER = 6.6;
const HEIGHT = 34;
const STEP = 64;

/**
 * The graph from its inputs at the top to its output at the bottom.
 *
 * ```ts
 * writeFileSync('net.svg', fx.drawGraph(graph, { colour: (node) => (errors.get(node) > 0.1 ? '#e06060' : undefined) }));
 * ```
 */
export function drawGraph(graph: Graph, { colour, label, state = false }: DrawOptions = {}): string {
  const nodes = graph.nodes.filter((node) => state || (node.kind !== 'parameter' && node.kind !== 'constant'));
  const positions = new Map(nodes.map((node, i) => [node, i]));
  const texts = nodes.map((node) => [
    node.kind === 'output' ? 'output' : node.path,
    label?.(node) ?? describe(node, graph),
  ]);
  const boxes = nodes.map((node, i) => ({
    width: Math.max(...(texts[i] ?? []).map((text) => text.length)) * CHARACTER + 16,
    inputs: inputsOf(node).flatMap((input) => positions.get(input) ?? []),
  }));
  const layout = layOut(boxes);
  const top = (layer: number) => 12 + layer * STEP;
  const parts: string[] = [];
  for (const { from, through } of layout.lines) {
    parts.push(`<path d="${route(through, top)}" fill="none" stroke="#888888" marker-end="url(#end)"/>`);
    const [start] = through;
    const node = nodes[from];
    const meta = node === undefined ? undefined : tensorMeta(node);
    if (start === undefined || meta === undefined) continue;
    const shape = escapeText(formatTensorMeta(meta));
    parts.push(
      `<text x="${start.x + 4}" y="${top(start.layer) + HEIGHT + 12}" font-size="9" fill="#777777">${shape}</text>`,
    );
  }
  for (const [i, node] of nodes.entries()) {
    const { x = 0, layer = 0 } = layout.boxes[i] ?? {};
    const width = boxes[i]?.width ?? 0;
    const [name = '', what = ''] = texts[i] ?? [];
    const fill = escapeText(colour?.(node) ?? COLOURS[node.kind]);
    const left = round(x - width / 2);
    parts.push(
      `<g id="${node.name}"><rect x="${left}" y="${top(layer)}" width="${round(width)}" height="${HEIGHT}" rx="5" fill="${fill}" stroke="#666666"/>`,
      `<text x="${round(x)}" y="${top(layer) + 14}" text-anchor="middle">${escapeText(name)}</text>`,
      `<text x="${round(x)}" y="${top(layer) + 28}" text-anchor="middle" fill="#555555">${escapeText(what)}</text></g>`,
    );
  }
  const [width, height] = [Math.ceil(layout.width), top(layout.layers) + 4];
  const arrow =
    '<defs><marker id="end" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#888888"/></marker></defs>';
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="monospace" font-size="11">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    arrow,
    // A shape is written once, though several lines begin there.
    ...new Set(parts),
    '</svg>\n',
  ].join('\n');
}

function describe(node: Node, graph: Graph): string {
  switch (node.kind) {
    case 'module':
      return graph.root.getSubmodule(node.target).constructor.name;
    case 'call':
      return operatorBaseName(node.operator.name);
    case 'item':
      return `[${node.key}]`;
    case 'output':
      return '';
    default:
      return node.kind;
  }
}

/** From the bottom of the first box to the top of the last, past what lies between. */
function route(through: readonly Placed[], top: (layer: number) => number): string {
  const points = through.map(({ x, layer }, i) => ({
    x: round(x),
    y: top(layer) + (i === through.length - 1 ? 0 : HEIGHT),
  }));
  const [first, ...rest] = points;
  if (first === undefined) return '';
  let path = `M${first.x} ${first.y}`;
  let last = first;
  for (const [i, point] of rest.entries()) {
    // Through the layer of a box that the line only passes, straight down.
    const entry = i === rest.length - 1 ? point.y : point.y - HEIGHT;
    const middle = (last.y + entry) / 2;
    path += `C${last.x} ${middle} ${point.x} ${middle} ${point.x} ${entry}`;
    if (entry !== point.y) path += `V${point.y}`;
    last = point;
  }
  return path;
}

const round = (value: number): number => Number(value.toFixed(1));

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
