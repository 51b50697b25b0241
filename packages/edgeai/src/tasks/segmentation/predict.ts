/** @file Classes of the pixels of image files: as pictures with a legend, as class indices, and as shares of the image. */

import { join } from 'node:path';
import { inferenceMode, noGrad, Scope, stack, Tensor, writeFileAtomic } from '@edgeai/torch';
import { io, type models, transforms, utils } from '@edgeai/vision';

import { FailureError } from '../../errors.ts';
import { type FailedImage, outputNames, readImage } from '../../models/image-inputs.ts';
import type { OpenedModel } from '../../models/opened-model.ts';
import { makeFolder } from '../../runs/make-folder.ts';

/** What one image shows. */
export interface SegmentedImage {
  file: string;
  /** PNG: the image under the colours of its classes, with a legend. */
  overlay: string;
  /** PNG of one channel: the class of each pixel. */
  index: string;
  /** The classes that are there, the largest first; `share` is that of the pixels. */
  classes: { index: number; label: string; share: number }[];
}

/** How much of a pixel's colour is that of its class. */
const ALPHA = 0.55;
/** Classes that a legend lists. */
const LISTED = 30;
/** Class indices are written as bytes. */
const MOST_CLASSES = 256;

/** Segments one image after the other and writes the pictures to `folder`; one that cannot be read does not end the rest. */
export async function* segmentImages(
  opened: OpenedModel,
  files: readonly string[],
  folder: string,
  device: string,
): AsyncGenerator<SegmentedImage | FailedImage> {
  const transform = new transforms.SemanticSegmentation(presetOf(opened));
  const names = outputNames(files);
  makeFolder(folder);
  for (const [i, file] of files.entries()) {
    const image = await readImage(file);
    if ('error' in image) {
      yield image;
      continue;
    }
    using owner = new Scope();
    owner.adopt(image);
    const { index, classes } = owner.run(() => segment(opened, transform, image, device));
    const overlay = await drawClasses(image, index, classes);
    owner.adopt(overlay);
    const paths = { overlay: join(folder, `${names[i]}.overlay.png`), index: join(folder, `${names[i]}.index.png`) };
    writeFileAtomic(paths.overlay, await io.encodePng(overlay));
    writeFileAtomic(paths.index, await io.encodePng(index));
    yield { file, ...paths, classes };
  }
}

function presetOf({ entry, info }: OpenedModel): transforms.SemanticSegmentationOptions {
  const published: models.TransformPreset | undefined = (entry ?? info.weights?.DEFAULT)?.transforms;
  return published?.kind === 'segmentation' ? published : { resizeSize: 520 };
}

/** The class of each pixel, uint8 `(1, H, W)` of the image's size, and what there is of each. */
function segment(
  { model, name, facts, entry, info }: OpenedModel,
  transform: transforms.SemanticSegmentation,
  image: Tensor,
  device: string,
): Pick<SegmentedImage, 'classes'> & { index: Tensor } {
  const labels = facts?.classes ?? (entry ?? info.weights?.DEFAULT)?.meta.categories ?? [];
  return inferenceMode(() => {
    const scores = scoresOf(model(transform(image).unsqueeze(0).to(device)), name);
    const count = scores.size(1);
    const small = scores.argmax(1).to('uint8').to('cpu');
    const size: [number, number] = [image.size(1), image.size(2)];
    const index = transforms.functional.resize(small, size, { interpolation: 'nearest' });
    const pixels = index.flatten().to('int64').bincount(null, count).toArray() as number[];
    const total = size[0] * size[1];
    const classes = pixels
      .map((of, i) => ({
        index: i,
        label: labels.length === count ? (labels[i] ?? '') : `class ${i}`,
        share: Number(of) / total,
      }))
      .filter(({ share }) => share > 0)
      .sort((a, b) => b.share - a.share);
    return { index, classes };
  });
}

/** `(1, classes, H, W)` of what a network returns: a map, or several by name of which `out` is the one. */
function scoresOf(output: unknown, name: string): Tensor {
  const found = output instanceof Tensor ? output : (output as { out?: unknown } | null)?.out;
  if (!(found instanceof Tensor) || found.ndim !== 4 || found.size(1) > MOST_CLASSES) {
    throw new FailureError(
      'NOT_A_SEGMENTER',
      `${name} does not return scores of up to ${MOST_CLASSES} classes for each pixel, as networks for segmentation do`,
    );
  }
  return found;
}

/** The picture with its legend. The background of data sets that have one stays as it is. */
export async function drawClasses(image: Tensor, index: Tensor, classes: SegmentedImage['classes']): Promise<Tensor> {
  const shown = classes.filter(({ label }) => !/^_*background_*$/.test(label));
  const colours = utils.classColours(Math.max(0, ...shown.map((found) => found.index)) + 1);
  const entries = shown.map((found) => ({
    colour: colours[found.index] ?? [0, 0, 0],
    text: `${found.label}  ${(100 * found.share).toFixed(1)} %`,
  }));
  const listed = entries.slice(0, LISTED);
  const more = entries.length - listed.length;
  if (more > 0) listed.push({ colour: [255, 255, 255], text: `and ${more} more` });
  if (listed.length === 0) listed.push({ colour: [255, 255, 255], text: 'nothing but background' });
  using owner = new Scope();
  const painted = owner.run(() =>
    noGrad(() => {
      if (shown.length === 0) return image;
      const masks = stack(shown.map((found) => index.select(0, 0).eq(found.index)));
      return utils.drawSegmentationMasks(image, masks, { alpha: ALPHA, colors: entries.map(({ colour }) => colour) });
    }),
  );
  // The painted image must outlive the wait.
  return await utils.addLegend(painted, listed);
}
