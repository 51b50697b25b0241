/** @file Motion between image files: as numbers, and as a picture whose colours a wheel explains. */

import { join } from 'node:path';
import { inferenceMode, nn, Scope, saveNpy, Tensor, writeFileAtomic } from '@edgeai/torch';
import { io, transforms, utils } from '@edgeai/vision';

import { FailureError, UsageError } from '../../errors.ts';
import { type FailedImage, outputNames, readImage } from '../../models/image-inputs.ts';
import type { OpenedModel } from '../../models/opened-model.ts';
import { makeFolder } from '../../runs/make-folder.ts';

/** What moved from one image to the next. */
export interface PredictedFlow {
  /** The first image. */
  file: string;
  next: string;
  /** `.npy`, float32 `(2, H, W)`: how far each pixel moves to the right and down. */
  flow: string;
  /** PNG. */
  picture: string;
  /** Mean and largest length of the motion, in pixels. */
  mean: number;
  longest: number;
}

/** Sides must be multiples of this, and have at least so many pixels. */
const STRIDE = 8;
const SHORTEST = 128;

/** The flow from each image to the next; results go to `folder`. Throws a UsageError for fewer than two images. */
export async function* predictFlows(
  opened: OpenedModel,
  files: readonly string[],
  folder: string,
  device: string,
): AsyncGenerator<PredictedFlow | FailedImage> {
  if (files.length < 2)
    throw new UsageError('--input: optical flow needs two images (repeat --input, or name a folder)');
  makeFolder(folder);
  const names = outputNames(files);
  for (const [i, next] of files.entries()) {
    const file = files[i - 1];
    if (file === undefined) continue;
    using owner = new Scope();
    const pair = [await readImage(file), await readImage(next)] as const;
    for (const image of pair) if (image instanceof Tensor) owner.adopt(image);
    const [first, second] = pair;
    if ('error' in first || 'error' in second) {
      yield 'error' in first ? first : (second as FailedImage);
      continue;
    }
    if (first.shape.join() !== second.shape.join()) {
      const sizes = [first, second].map(({ shape }) => `${shape[2]}×${shape[1]}`).join(' and ');
      yield { file: next, error: `${next}: images must have the same size but ${file} and this one have ${sizes}` };
      continue;
    }
    const flow = owner.run(() => flowBetween(opened, first, second, device));
    const { picture, mean, longest } = await drawFlow(flow);
    owner.adopt(picture);
    const paths = { flow: join(folder, `${names[i - 1]}.flow.npy`), picture: join(folder, `${names[i - 1]}.flow.png`) };
    saveNpy(flow, paths.flow);
    writeFileAtomic(paths.picture, await io.encodePng(picture));
    yield { file, next, ...paths, mean, longest };
  }
}

function flowBetween({ model, name }: OpenedModel, first: Tensor, second: Tensor, device: string): Tensor {
  return inferenceMode(() => {
    const [height, width] = [first.size(1), first.size(2)];
    const padded = (side: number) => Math.max(SHORTEST, Math.ceil(side / STRIDE) * STRIDE) - side;
    // The edge repeated: what is added moves with the edge, and is cut off again.
    const fill = (image: Tensor) =>
      nn.functional.pad(image.unsqueeze(0), [0, padded(width), 0, padded(height)], { mode: 'replicate' }).to(device);
    const inputs = new transforms.OpticalFlow()(first, second).map(fill);
    const output: unknown = model(...inputs);
    const last: unknown = Array.isArray(output) ? output.at(-1) : output;
    if (!(last instanceof Tensor) || last.ndim !== 4 || last.size(1) !== 2)
      throw new FailureError(
        'NOT_A_FLOW',
        `${name} does not return a flow of two channels, as networks for optical flow do`,
      );
    return last.select(0, 0).narrow(1, 0, height).narrow(2, 0, width).to('cpu').contiguous();
  });
}

/** The picture with its wheel. */
export async function drawFlow(flow: Tensor): Promise<{ picture: Tensor; mean: number; longest: number }> {
  using owner = new Scope();
  const { image, mean, longest } = owner.run(() => {
    const length = flow.pow(2).sum([0]).sqrt();
    return { image: utils.flowToImage(flow), mean: Number(length.mean().item()), longest: Number(length.max().item()) };
  });
  return { picture: await utils.addFlowLegend(image, longest), mean, longest };
}
