/** @file Pictures of dense maps: classes in their colours over the image, depths by a colour map, the truth beside, a legend below. */

import { cat, full, scope, type Tensor, tensor, where } from '@edgeai/torch';
import { utils } from '@edgeai/vision';
import { datasets, visual } from '@edgeai/xvision';

/** How much of a pixel's colour is that of its class. */
const ALPHA = 0.55;
/** Pixels between panels. */
const GAP = 4;
/** Panels that are narrower are enlarged where a whole factor fits. */
const LEAST_WIDTH = 384;
/** Entries that a legend has for depths. */
const DEPTHS = 6;
/** Pixels of the flow that counts as the longest: colours are full from an eighth of it on. */
export const LONGEST_FLOW = 80;
/** Classes that a legend lists. */
const LISTED = 30;

export interface DrawOptions {
  /** For depths. */
  colourMap: visual.ColourMapName;
  /** The maps that should have been found, drawn to the right of those that were. */
  truth?: readonly Tensor[] | null;
}

/** What is left as it is: class 0 of what moves, and backgrounds. */
function isPlain(info: datasets.ClassTarget, index: number): boolean {
  return (info.kind === 'motion' && index === 0) || /^_*background_*$/.test(info.classes[index] ?? '');
}

/** One map as a picture. @param map uint8 classes (255 for none) or float32 metres, `(1, H, W)`; float32 flow `(2, H, W)` */
function drawMap(
  image: Tensor,
  info: datasets.TargetInfo,
  map: Tensor,
  { colourMap, isTruth }: { colourMap: visual.ColourMapName; isTruth: boolean },
): Tensor {
  if (info.kind === 'depth') {
    const coloured = visual.colourValues(map, info.max, colourMap);
    return isTruth ? coloured.maskedFill(map.le(0), 0) : coloured;
  }
  if (!datasets.isClasses(info)) return visual.flowColours(map, LONGEST_FLOW).mul(255).round().to('uint8');
  const [height = 0, width = 0] = map.shape.slice(-2);
  const entries = Array.from({ length: 256 }, (_, index) => ({
    colour: info.palette[index] ?? [0, 0, 0],
    painted: index < info.classes.length && !isPlain(info, index),
  }));
  const index = map.reshape([-1]).to('int64');
  const pick = (table: Tensor, channels: number) =>
    table.indexSelect(0, index).reshape([height, width, channels]).permute([2, 0, 1]);
  const colours = pick(
    tensor(
      entries.map(({ colour }) => [...colour]),
      { dtype: 'float32' },
    ),
    3,
  );
  const painted = pick(
    tensor(
      entries.map((entry) => [entry.painted]),
      { dtype: 'bool' },
    ),
    1,
  );
  const mixed = image
    .mul(1 - ALPHA)
    .add(colours.mul(ALPHA))
    .round()
    .to('uint8');
  return where(painted, mixed, image);
}

/** Small pictures by a whole factor, so that their legend does not dwarf them. */
function enlarge(panel: Tensor): Tensor {
  const factor = Math.max(1, Math.floor(LEAST_WIDTH / panel.size(2)));
  return factor === 1 ? panel : panel.repeatInterleave(factor, { dim: 1 }).repeatInterleave(factor, { dim: 2 });
}

/** Panels side by side (`dimension` 2) or one below the other (1). */
function join(panels: readonly Tensor[], dimension: 1 | 2): Tensor {
  const [first, ...rest] = panels as [Tensor, ...Tensor[]];
  const [height = 0, width = 0] = first.shape.slice(-2);
  const gap = full([3, dimension === 1 ? GAP : height, dimension === 2 ? GAP : width], 255, { dtype: 'uint8' });
  return cat([first, ...rest.flatMap((panel) => [gap, panel])], dimension);
}

/**
 * The maps of one image: side by side, or with the truth one below the other, prediction and truth beside each other.
 *
 * @param image uint8 `(3, H, W)`
 * @returns uint8, without a legend
 */
export function drawMaps(
  image: Tensor,
  targets: readonly datasets.TargetInfo[],
  maps: readonly Tensor[],
  options: DrawOptions,
): Tensor {
  return scope(() => {
    const { colourMap } = options;
    const draw = (found: readonly Tensor[], isTruth: boolean) =>
      targets.map((info, i) => enlarge(drawMap(image, info, found[i] as Tensor, { colourMap, isTruth })));
    const predicted = draw(maps, false);
    if (options.truth === undefined || options.truth === null) return join(predicted, 2);
    const truth = draw(options.truth, true);
    return join(
      predicted.map((panel, i) => join([panel, truth[i] as Tensor], 2)),
      1,
    );
  });
}

/** What colours mean. @param found only classes that are in one of these maps, by target; without it, all */
export function legendOf(
  targets: readonly datasets.TargetInfo[],
  { colourMap, truth }: DrawOptions,
  found?: readonly ReadonlySet<number>[],
): utils.LegendEntry[] {
  const entries = targets.flatMap((info, i): utils.LegendEntry[] => {
    if (info.kind === 'depth') return depthEntries(info.max, colourMap);
    if (!datasets.isClasses(info)) return flowEntries();
    const listed = info.classes
      .map((text, index) => ({ text, index, colour: info.palette[index] ?? [0, 0, 0] }))
      .filter(({ index }) => !isPlain(info, index) && (found?.[i]?.has(index) ?? true));
    const shown = listed.slice(0, LISTED).map(({ text, colour }) => ({ text, colour }));
    const more = listed.length - shown.length;
    return more > 0 ? [...shown, { text: `and ${more} more`, colour: [255, 255, 255] }] : shown;
  });
  if (truth !== undefined && truth !== null) entries.push({ text: 'left: predicted, right: true', colour: null });
  return entries;
}

function depthEntries(max: number, colourMap: visual.ColourMapName): utils.LegendEntry[] {
  return scope(() => {
    const colours = visual.colourMap(colourMap).toArray() as number[][];
    return Array.from({ length: DEPTHS }, (_, i) => {
      const metres = (max * i) / (DEPTHS - 1);
      const [red = 0, green = 0, blue = 0] = colours[Math.min(255, Math.floor((255 * metres) / max))] ?? [];
      return { text: `${Number(metres.toFixed(1))} m`, colour: [red, green, blue] };
    });
  });
}

/** Where flow of these colours leads to. */
function flowEntries(): utils.LegendEntry[] {
  const directions = { right: [1, 0], down: [0, 1], left: [-1, 0], up: [0, -1] };
  return Object.entries(directions).map(([text, vector]) =>
    scope(() => {
      const flow = tensor(vector, { dtype: 'float32' }).mul(LONGEST_FLOW).reshape([2, 1, 1]);
      const colour = visual.flowColours(flow, LONGEST_FLOW).mul(255).round().flatten().toArray() as number[];
      return { text, colour: [colour[0] ?? 0, colour[1] ?? 0, colour[2] ?? 0] };
    }),
  );
}

/** The picture with its legend; nothing is added where there is nothing to say. */
export async function withLegend(picture: Tensor, entries: readonly utils.LegendEntry[]): Promise<Tensor> {
  return entries.length === 0 ? picture.clone() : utils.addLegend(picture, entries);
}
