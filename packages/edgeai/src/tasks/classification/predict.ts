/** @file Classes of image files: the likeliest ones with their probabilities. */

import { readdirSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { inferenceMode, Scope, scope, Tensor } from '@edgeai/torch';
import { io, type models, type transforms } from '@edgeai/vision';
import { z } from 'zod';

import { FailureError } from '../../errors.ts';
import type { OpenedModel } from '../../models/open-model.ts';
import { evaluationTransform, type Preprocessing } from './transforms.ts';

export interface ImagePrediction {
  file: string;
  /** The likeliest classes, best first. */
  predictions: { index: number; label: string; score: number }[];
}

/** An image that could not be read, with the reason, which names the file. */
export interface FailedPrediction {
  file: string;
  error: string;
}

const EXTENSIONS = new Set([
  '.jpg',
  '.jpeg',
  '.png',
  '.webp',
  '.gif',
  '.tif',
  '.tiff',
  '.bmp',
  '.ppm',
  '.pgm',
  '.avif',
]);

/** The images that paths name: files as they are, folders with all images in them and below, sorted. */
export function listImages(paths: readonly string[]): string[] {
  const files = paths.flatMap((path) => {
    if (!statSync(path).isDirectory()) return [path];
    const names = readdirSync(path, { recursive: true, encoding: 'utf8' });
    const images = names.filter((name) => EXTENSIONS.has(extname(name).toLowerCase())).sort();
    if (images.length === 0) throw new FailureError('NO_IMAGES', `--input ${path}: there are no images in the folder`);
    return images.map((name) => join(path, name));
  });
  return files;
}

/** Classifies one image after the other; one that cannot be read does not end the rest. */
export async function* predictImages(
  opened: OpenedModel,
  files: readonly string[],
  top: number,
  device: string,
): AsyncGenerator<ImagePrediction | FailedPrediction> {
  const transform = evaluationTransform(preprocessingFor(opened));
  const classes = opened.facts?.classes ?? opened.entry?.meta.categories ?? [];
  for (const file of files) {
    let image: Tensor;
    try {
      image = await io.readImage(file, 'RGB');
    } catch (error) {
      yield { file, error: error instanceof Error ? error.message : String(error) };
      continue;
    }
    using owner = new Scope();
    owner.adopt(image);
    const likeliest = owner.run(() => classify(opened, transform, image, top, device));
    yield {
      file,
      predictions: likeliest.map(({ index, score }) => ({ index, label: classes[index] ?? `class ${index}`, score })),
    };
  }
}

function classify(
  { model, name }: OpenedModel,
  transform: transforms.Transform,
  image: Tensor,
  top: number,
  device: string,
): { index: number; score: number }[] {
  return inferenceMode(() =>
    scope(() => {
      const output: unknown = model(transform(image).unsqueeze(0).to(device));
      if (!(output instanceof Tensor) || output.ndim !== 2) {
        throw new FailureError(
          'NOT_A_CLASSIFIER',
          `${name} is no classifier: images can be predicted with classifiers only`,
        );
      }
      const [scores, indices] = output
        .softmax(1)
        .select(0, 0)
        .topk(Math.min(Math.max(top, 1), output.size(1)));
      const values = scores.toArray() as number[];
      return (indices.toArray() as number[]).map((index, i) => ({ index, score: values[i] ?? Number.NaN }));
    }),
  );
}

const preprocessing = z.object({
  resizeSize: z.number(),
  cropSize: z.number(),
  interpolation: z.enum(['nearest', 'bilinear', 'bicubic']),
  mean: z.array(z.number()),
  std: z.array(z.number()),
});

/** Of the checkpoint, of the published entry, or of the model's recommended entry, in this order. */
export function preprocessingFor({ facts, entry, info }: Pick<OpenedModel, 'facts' | 'entry' | 'info'>): Preprocessing {
  const own = preprocessing.safeParse(facts?.preprocessing);
  if (own.success) return own.data;
  const published: models.TransformPreset | undefined = (entry ?? info.weights?.DEFAULT)?.transforms;
  if (published?.kind === 'classification') return published;
  return {
    resizeSize: 256,
    cropSize: 224,
    interpolation: 'bilinear',
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
  };
}
