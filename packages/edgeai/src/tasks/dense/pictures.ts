/** @file Pictures of a dense network in training: images, what should be found in them, and what was. */

import { keep, scope, type Tensor, tensor } from '@edgeai/torch';
import { datasets, type transforms, visual } from '@edgeai/xvision';

import { drawMaps, LONGEST_FLOW } from './draw.ts';
import { toSizeOf } from './meter.ts';

/** A picture under the name that TensorBoard shows it with. */
export interface NamedPicture {
  readonly tag: string;
  /** uint8 `(3, H, W)`; belongs to whoever asked for it. */
  readonly image: Tensor;
}

/** How images were prepared, to be undone. */
type Preparation = Pick<transforms.DensePipelineOptions, 'mean' | 'imageScale' | 'reverseChannels'>;

/**
 * Pictures of one sample: `input0`, `input1` …, and for each map its truth and the prediction, over the image.
 *
 * @param maps of the network, `(1, C, h, w)`
 * @param slot the number of the sample
 */
export function picturesOf(
  sample: transforms.DenseSample,
  targets: readonly datasets.TargetInfo[],
  maps: readonly Tensor[],
  preparation: Preparation,
  slot: number,
): NamedPicture[] {
  return scope(() => {
    const images = sample.images.map((image) => plainImage(image, preparation));
    const found: NamedPicture[] = images.map((image, i) => ({ tag: `input${i}/${slot}`, image: keep(image) }));
    const [first] = images as [Tensor, ...Tensor[]];
    for (const [i, info] of targets.entries()) {
      const truth = (sample.targets[i] as transforms.DenseMap).map;
      const large = toSizeOf(maps[i] as Tensor, truth, info.kind)
        .select(0, 0)
        .to('cpu');
      const predicted = datasets.isClasses(info) ? large.argmax(0, true).to('uint8') : large.to('float32');
      const ground = sizedLike(first, truth);
      const options = { colourMap: 'rainbow' as const };
      found.push(
        { tag: `${info.kind}_truth/${slot}`, image: keep(drawMaps(ground, [info], [truth], options)) },
        { tag: `${info.kind}_predicted/${slot}`, image: keep(drawMaps(ground, [info], [predicted], options)) },
      );
    }
    return found;
  });
}

/** Flow among the images is drawn in colours. */
function plainImage(
  { kind, map }: transforms.DenseMap,
  { mean = [128], imageScale = [1 / 64], reverseChannels = false }: Preparation,
): Tensor {
  const column = (values: readonly number[]) => tensor([...values], { dtype: 'float32' }).reshape([-1, 1, 1]);
  if (kind === 'flow') {
    const vectors = map.div(column(imageScale)).narrow(0, 0, 2);
    return visual.flowColours(vectors, LONGEST_FLOW).mul(255).round().to('uint8');
  }
  const bytes = map.div(column(imageScale)).add(column(mean)).round().clamp({ min: 0, max: 255 }).to('uint8');
  return reverseChannels ? bytes.flip([0]) : bytes;
}

/** The image in the size of a map. */
function sizedLike(image: Tensor, map: Tensor): Tensor {
  if (image.size(1) === map.size(1) && image.size(2) === map.size(2)) return image;
  const batch = toSizeOf(image.unsqueeze(0).to('float32'), map.unsqueeze(0), 'image');
  return batch.squeeze(0).round().to('uint8');
}
