/** @file What checkpoints written here say about their network, for whoever uses them later: model, classes, preprocessing. */

import { z } from 'zod';

import type { TaskFacts } from '../training/task.ts';

const facts = z.object({
  task: z.string(),
  model: z.string(),
  modelOptions: z.record(z.string(), z.json()),
  inputShapes: z.array(z.array(z.int())),
  classes: z.array(z.string()),
  preprocessing: z.record(z.string(), z.json()),
});

/** The facts in a checkpoint's content; null where it is somebody else's checkpoint. */
export function factsOf(content: unknown): TaskFacts | null {
  if (typeof content !== 'object' || content === null || !('edgeai' in content)) return null;
  const own: unknown = content.edgeai;
  if (typeof own !== 'object' || own === null || !('facts' in own)) return null;
  const parsed = facts.safeParse(own.facts);
  return parsed.success ? parsed.data : null;
}
