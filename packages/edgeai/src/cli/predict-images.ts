/** @file `edgeai predict` on images: runs the task of the model and shows what it found, as text or JSON. */

import { FailureError, UsageError } from '../errors.ts';
import type { FailedImage } from '../models/image-inputs.ts';
import type { OpenedModel } from '../models/opened-model.ts';
import { type LabelledFraction, renderBars } from './bars.ts';
import { type CommandContext, columnsOf, print, printJson } from './context.ts';

interface ImageFlags {
  input: readonly string[];
  output?: string;
  device: string;
  json?: boolean;
}

/** Where pictures go unless the user says otherwise. */
const FOLDER = 'predictions';
/** Classes of a segmented image that are shown; its legend has more. */
const SHOWN = 10;

/** What a task finds, image by image, and how it is told to a person. */
interface Findings<T extends object> {
  results: AsyncGenerator<T | FailedImage>;
  describe: (result: T) => Description;
}

export interface Description {
  title: string;
  bars?: readonly LabelledFraction[];
  lines?: readonly string[];
}

/** Throws a UsageError for a model whose task is not to look at images, a FailureError where an image could not be read. */
export async function predictFromImages(
  opened: OpenedModel,
  flags: ImageFlags,
  top: number,
  context: CommandContext,
): Promise<void> {
  const { listImages } = await import('../models/image-inputs.ts');
  const files = listImages(flags.input);
  switch (opened.info.task) {
    case 'classification': {
      const { predictImages } = await import('../tasks/classification/predict.ts');
      const results = predictImages(opened, files, top, flags.device);
      const describe = ({ file, predictions }: { file: string; predictions: { label: string; score: number }[] }) => ({
        title: file,
        bars: predictions.map(({ label, score }) => ({ label, fraction: score })),
      });
      return show({ results, describe }, flags, context, flags.output);
    }
    case 'segmentation': {
      const { segmentImages } = await import('../tasks/segmentation/predict.ts');
      const results = segmentImages(opened, files, folderOf(flags), flags.device);
      return show(
        {
          results,
          describe: ({ file, classes, overlay, index }) => ({
            title: file,
            bars: classes.slice(0, SHOWN).map(({ label, share }) => ({ label, fraction: share })),
            lines: [overlay, index],
          }),
        },
        flags,
        context,
      );
    }
    case 'optical_flow': {
      const { predictFlows } = await import('../tasks/optical-flow/predict.ts');
      const results = predictFlows(opened, files, folderOf(flags), flags.device);
      return show(
        {
          results,
          describe: ({ file, next, mean, longest, picture, flow }) => ({
            title: `${file} → ${next}`,
            lines: [`motion: mean ${mean.toFixed(2)} px, longest ${longest.toFixed(2)} px`, picture, flow],
          }),
        },
        flags,
        context,
      );
    }
    default:
      throw new UsageError(
        `--input: ${opened.name} is a model for ${opened.info.task.replaceAll('_', ' ')}, which takes arrays (.npy) here; images are for classification, segmentation and optical flow`,
      );
  }
}

/** The folder of the pictures. Throws a UsageError for what looks like a file. */
export function folderOf({ output = FOLDER }: Pick<ImageFlags, 'output'>): string {
  if (/\.(png|jpe?g|npy|json)$/i.test(output))
    throw new UsageError(`--output: expected a folder for the pictures but received ${output}`);
  return output;
}

/** Tells what was found, as text or JSON. @param file where all results go as JSON */
export async function show<T extends object>(
  { results, describe }: Findings<T>,
  { json }: Pick<ImageFlags, 'json'>,
  context: CommandContext,
  file?: string,
): Promise<void> {
  const found: T[] = [];
  let failures = 0;
  for await (const result of results) {
    if ('error' in result) {
      failures++;
      context.stderr.write(`${context.style('error', 'error:')} ${result.error}\n`);
      continue;
    }
    found.push(result);
    if (json !== true) print(context, layOut(describe(result), context));
  }
  if (json === true) printJson(context, found);
  if (file !== undefined) {
    const { writeFileAtomic } = await import('@edgeai/torch/files');
    writeFileAtomic(file, `${JSON.stringify(found, null, 2)}\n`);
  }
  if (failures > 0)
    throw new FailureError('BAD_IMAGE', `${failures} of ${failures + found.length} images could not be read`);
}

function layOut({ title, bars = [], lines = [] }: Description, context: CommandContext): string {
  const width = Math.min(columnsOf(context.stdout), 100) - 2;
  const body = [...(bars.length > 0 ? renderBars(bars, width).split('\n') : []), ...lines];
  return [context.style('strong', title), ...body].join('\n  ');
}
