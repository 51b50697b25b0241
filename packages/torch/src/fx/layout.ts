/** @file Where the boxes of a drawn graph go: in layers by the longest way from the inputs, ordered so that few lines cross. */

/** A box with its size; `inputs` are positions in the list of boxes, all of them smaller than its own. */
export interface Box {
  readonly width: number;
  readonly inputs: readonly number[];
}

export interface Placed {
  /** Centre of the box. */
  readonly x: number;
  readonly layer: number;
}

export interface Layout {
  readonly boxes: readonly Placed[];
  /** For each line the places through which it goes, first and last included. */
  readonly lines: readonly { readonly from: number; readonly to: number; readonly through: readonly Placed[] }[];
  readonly width: number;
  readonly layers: number;
}

interface Item {
  readonly width: number;
  readonly layer: number;
  readonly above: Item[];
  readonly below: Item[];
  x: number;
  order: number;
}

const GAP = 24;
const SWEEPS = 4;
/** A line that passes a layer takes this much room. */
const LINE = 10;

const mean = (items: readonly Item[], of: (item: Item) => number, otherwise: number) =>
  items.length === 0 ? otherwise : items.reduce((sum, item) => sum + of(item), 0) / items.length;

/** After Sugiyama, Tagawa and Toda 1981, with barycentres for both the order and the place in a layer. */
export function layOut(boxes: readonly Box[]): Layout {
  const depths: number[] = [];
  for (const { inputs } of boxes)
    depths.push(inputs.reduce((deepest, input) => Math.max(deepest, (depths[input] ?? 0) + 1), 0));
  const layers: Item[][] = Array.from({ length: Math.max(-1, ...depths) + 1 }, () => []);
  const place = (width: number, layer: number): Item => {
    const items = layers[layer] ?? [];
    const item = { width, layer, above: [], below: [], x: 0, order: items.length };
    items.push(item);
    return item;
  };
  const items = boxes.map(({ width }, i) => place(width, depths[i] ?? 0));
  const lines: { from: number; to: number; through: Item[] }[] = [];
  for (const [to, { inputs }] of boxes.entries()) {
    for (const from of new Set(inputs)) {
      const through = [items[from] as Item];
      for (let layer = (depths[from] ?? 0) + 1; layer < (depths[to] ?? 0); layer++) through.push(place(LINE, layer));
      through.push(items[to] as Item);
      for (let i = 1; i < through.length; i++) {
        through[i]?.above.push(through[i - 1] as Item);
        through[i - 1]?.below.push(through[i] as Item);
      }
      lines.push({ from, to, through });
    }
  }
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const down = sweep % 2 === 0;
    for (const layer of down ? layers : [...layers].reverse()) {
      const rank = new Map(
        layer.map((item) => [item, mean(down ? item.above : item.below, ({ order }) => order, item.order)]),
      );
      layer.sort((a, b) => (rank.get(a) ?? 0) - (rank.get(b) ?? 0));
      for (const [order, item] of layer.entries()) item.order = order;
    }
  }
  for (const layer of layers) spread(layer, 0);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const down = sweep % 2 === 0;
    for (const layer of down ? layers : [...layers].reverse()) {
      for (const item of layer) item.x = mean(down ? item.above : item.below, ({ x }) => x, item.x);
      spread(
        layer,
        mean(layer, ({ x }) => x, 0),
      );
    }
  }
  const all = layers.flat();
  const left = Math.min(0, ...all.map(({ x, width }) => x - width / 2));
  for (const item of all) item.x += GAP - left;
  const width = Math.max(0, ...all.map((item) => item.x + item.width / 2)) + GAP;
  return { boxes: items, lines, width, layers: layers.length };
}

/** Moves the items of a layer apart where they overlap, and all together so that their mean is `centre`. */
function spread(layer: readonly Item[], centre: number): void {
  let edge = Number.NEGATIVE_INFINITY;
  for (const item of layer) {
    item.x = Math.max(item.x, edge + item.width / 2);
    edge = item.x + item.width / 2 + GAP;
  }
  const shift = centre - mean(layer, ({ x }) => x, centre);
  for (const item of layer) item.x += shift;
}
