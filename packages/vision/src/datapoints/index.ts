/** @file The `datapoints` namespace: tensors that say what they are, for transforms of pictures together with their targets. */

export { BoundingBoxFormat, clampBoxes, convertFormat } from './boxes.ts';
export {
  BoundingBox,
  Datapoint,
  type DatapointKind,
  Image,
  Keypoints,
  type KeypointsOptions,
  Label,
  Mask,
  OneHotLabel,
  type SpatialSize,
  Video,
} from './datapoint.ts';
