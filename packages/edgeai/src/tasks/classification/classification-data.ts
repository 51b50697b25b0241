/** @file What all sources of labelled images give: samples, and the names of their classes. */

import type { data } from '@edgeai/torch';
import type { ClassificationSample } from './mix.ts';

/** Images with their classes. */
export type ClassificationData = data.Dataset<ClassificationSample> & {
  /** Names by class index. */
  readonly classes: readonly string[];
};
