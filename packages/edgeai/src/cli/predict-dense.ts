/** @file `edgeai predict` with checkpoints of dense tasks: pictures of classes, depths and motion for images, samples or a video. */

import { statSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { visual } from '@edgeai/xvision';

import { UsageError } from '../errors.ts';
import { listImages } from '../models/image-inputs.ts';
import type { OpenedModel } from '../models/opened-model.ts';
import { makeFolder } from '../runs/make-folder.ts';
import type { DenseFacts } from '../tasks/dense/facts.ts';
import {
  type DenseFinding,
  type DensePrediction,
  type DensePredictOptions,
  openShown,
  predictMaps,
  predictSamples,
  predictVideo,
} from '../tasks/dense/predict.ts';
import { type CommandContext, print, printJson } from './context.ts';
import { wholeNumber } from './model-options.ts';
import { type Description, folderOf, show } from './predict-images.ts';

export interface DenseFlags {
  input: readonly string[];
  output?: string;
  device: string;
  json?: boolean;
  samples?: string;
  compare?: boolean;
  dataset?: string;
  dataPath?: string;
  colorMap: string;
}

const VIDEOS = new Set(['.mp4', '.mov', '.avi', '.mkv', '.webm', '.m4v', '.mpg', '.mpeg']);
/** Classes of an image that are shown; its legend has more. */
const SHOWN = 10;

/** True for what is named like a video. */
export function isVideo(path: string): boolean {
  return VIDEOS.has(extname(path).toLowerCase()) && !statSync(path).isDirectory();
}

/** Throws a UsageError for flags that do not go together. */
export async function predictDense(
  opened: OpenedModel,
  facts: DenseFacts,
  flags: DenseFlags,
  context: CommandContext,
): Promise<void> {
  const colourMap = visual.colourMapNames.find((name) => name === flags.colorMap);
  if (colourMap === undefined)
    throw new UsageError(
      `--color-map: expected one of ${visual.colourMapNames.join(', ')} but received ${flags.colorMap}`,
    );
  if (flags.compare === true && flags.samples === undefined)
    throw new UsageError('--compare needs --samples: only samples of a data set come with the truth');
  if (flags.input.some(isVideo)) return predictVideos(opened, facts, flags, colourMap, context);
  const options: DensePredictOptions = { folder: folderOf(flags), device: flags.device, colourMap };
  if (flags.samples !== undefined) {
    if (flags.input.length > 0) throw new UsageError('--samples: expected either samples or --input but received both');
    const count = wholeNumber('--samples', flags.samples);
    const results = predictSamples(opened, facts, openShown(facts, flags), {
      ...options,
      count,
      compare: flags.compare === true,
    });
    return show({ results, describe }, flags, context);
  }
  const files = listImages(flags.input);
  return show({ results: predictMaps(opened, facts, files, options), describe }, flags, context);
}

/** Each video becomes one of the same name in the output folder; a single one may be named itself. */
async function predictVideos(
  opened: OpenedModel,
  facts: DenseFacts,
  flags: DenseFlags,
  colourMap: visual.ColourMapName,
  context: CommandContext,
): Promise<void> {
  if (!flags.input.every(isVideo)) throw new UsageError('--input: expected either videos or images but received both');
  const [only] = flags.input;
  const named = flags.input.length === 1 && VIDEOS.has(extname(flags.output ?? '').toLowerCase());
  const folder = named ? '' : folderOf(flags);
  if (!named) makeFolder(folder);
  const written: { file: string; video: string; frames: number }[] = [];
  for (const file of flags.input) {
    const video =
      named && file === only ? (flags.output as string) : join(folder, `${basename(file, extname(file))}.mp4`);
    const frames = await predictVideo(opened, facts, file, video, { device: flags.device, colourMap });
    written.push({ file, video, frames });
    if (flags.json !== true) print(context, `${file}\n  ${frames} frames: ${video}`);
  }
  if (flags.json === true) printJson(context, written);
}

/** What is said of maps without classes. */
function measuresOf(finding: DenseFinding): string[] {
  if (finding.task === 'depth')
    return [`depth: nearest ${finding.nearest} m, median ${finding.median} m, farthest ${finding.farthest} m`];
  if (finding.task === 'flow') return [`flow: median ${finding.median} pixels, longest ${finding.longest} pixels`];
  return [];
}

function describe({ file, picture, findings }: DensePrediction): Description {
  return {
    title: file,
    bars: findings.flatMap((finding) =>
      'classes' in finding
        ? finding.classes.slice(0, SHOWN).map(({ label, share }) => ({ label, fraction: share }))
        : [],
    ),
    lines: [...findings.flatMap(measuresOf), picture, ...findings.map(({ map }) => map)],
  };
}
