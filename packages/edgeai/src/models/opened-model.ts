/** @file What opening a model gives: the network with all that is known of it. */

import type { nn } from '@edgeai/torch';
import type { Json } from '../recipes/kinds.ts';
import type { TaskFacts } from '../training/task.ts';
import type { models } from './all-models.ts';

/** A network that is ready to be run, from the zoo, a checkpoint or an ONNX file. */
export interface OpenedModel {
  name: string;
  options: Readonly<Record<string, Json>>;
  model: nn.AnyModule;
  info: models.ModelInfo;
  /** Shapes of the inputs that the model is usually given; those that the checkpoint was trained for, where it says. */
  inputShapes: number[][];
  /** What the checkpoint says of itself; null without one, or where somebody else wrote it. */
  facts: TaskFacts | null;
  /** The published entry, where one was named. */
  entry: models.Weights | null;
}
