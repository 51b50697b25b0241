/** @file Classes of image files: the likeliest ones with their probabilities. */

import { inferenceMode, Scope, scope, Tensor } from '@edgeai/torch';
import type { models, transforms } from '@edgeai/vision';
import { z } from 'zod';

import { FailureError } from '../../errors.ts';
import { type FailedImage, readImage } from '../../models/image-inputs.ts';
import type { OpenedModel } from '../../models/opened-model.ts';
import { evaluationTransform, type Preprocessing } from './transforms.ts';

export interface ImagePrediction {
  file: string;
  /** The likeliest classes, best first. */
  predictions: { index: number; label: string; score: number }[];
}

/** Classifies one image after the other; one that cannot be read does not end the rest. */
export async function* predictImages(
  opened: OpenedModel,
  files: readonly string[],
  top: number,
  device: string,
): AsyncGenerator<ImagePrediction | FailedImage> {
  const transform = evaluationTransform(preprocessingFor(opened));
  const classes = opened.facts?.classes ?? opened.entry?.meta.categories ?? [];
  for (const file of files) {
    const image = await readImage(file);
    if ('error' in image) {
      yield image;
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
          `${name} does not return one row of scores an image, as classifiers do`,
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
  backend: z.enum(['pil', 'tensor']).optional(),
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
