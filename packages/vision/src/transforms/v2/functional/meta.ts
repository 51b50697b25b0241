/** @file What datapoints say of themselves, and operations on what they say: sizes, formats of boxes, frames. */

import { ArgumentError, linspace, scope, type Tensor } from '@edgeai/torch';
import { type BoundingBoxFormat, clampBoxes, convertFormat } from '../../../datapoints/boxes.ts';
import { BoundingBox, Datapoint, Keypoints, type SpatialSize, Video } from '../../../datapoints/datapoint.ts';
import { getDimensions } from '../../size.ts';
import type { Operand } from './operation.ts';

/** Height and width of an image, a video or a mask, or of the image that boxes or points lie in. */
export function getSpatialSize(input: Operand): SpatialSize {
  if (input instanceof BoundingBox || input instanceof Keypoints) return input.spatialSize;
  const { height, width } = getDimensions(input instanceof Datapoint ? input.data : input);
  return [height, width];
}

/** Number of channels of an image or a video. */
export function getNumChannels(input: Operand): number {
  return getDimensions(input instanceof Datapoint ? input.data : input).channels;
}

/** Number of frames of a video […, time, channels, height, width]. */
export function getNumFrames(input: Video | Tensor): number {
  const data = input instanceof Video ? input.data : input;
  return data.size(-4);
}

/** The boxes in another format. */
export function convertFormatBoundingBox(boxes: BoundingBox, newFormat: BoundingBoxFormat): BoundingBox {
  return new BoundingBox(convertFormat(boxes.data, boxes.format, newFormat), newFormat, boxes.spatialSize);
}

/** The boxes cut at the borders of their image. */
export function clampBoundingBox(boxes: BoundingBox): BoundingBox {
  return boxes.with(clampBoxes(boxes.data, boxes.format, boxes.spatialSize));
}

/**
 * `numSamples` frames at equal distances, the first and the last among them; repeated where there are fewer.
 *
 * @param video […, time, channels, height, width]
 */
export function uniformTemporalSubsample<T extends Video | Tensor>(video: T, numSamples: number): T {
  if (!Number.isInteger(numSamples) || numSamples < 1)
    throw ArgumentError.expected('numSamples', 'a whole number above 0', numSamples);
  const data = video instanceof Video ? video.data : (video as Tensor);
  const chosen = scope(() => {
    const places = linspace(0, data.size(-4) - 1, numSamples, { device: data.device }).to('int64');
    return data.indexSelect(-4, places);
  });
  return (video instanceof Video ? video.with(chosen) : chosen) as T;
}
