/**
 * @file Builds a model by name, operates on it where its options ask for surgery and puts quantisers in where they ask for those: `surgery`
 * and `quantization` are options of every model.
 */

import { applySurgery, convertToLiteModel } from '@edgeai/modelopt';
import { type nn, scope, zeros } from '@edgeai/torch';

import { UsageError } from '../errors.ts';
import type { Json } from '../recipes/kinds.ts';
import { models } from './all-models.ts';
import { withQuantizers } from './quantized.ts';

/**
 * `v1` and `lite` change the module tree, `v2` the graph. Kept among the model's options, so that checkpoints say how their
 * network came about.
 */
export const surgeries = ['v1', 'v2', 'lite'] as const;
export type SurgeryName = (typeof surgeries)[number];

/**
 * The model of this name with these options. `beforeSurgery` gets the network as torchvision has it: the place to load weights that
 * were published for it. Throws a UsageError for a surgery that does not exist, else what the registry throws.
 */
export function buildModel(
  name: string,
  { surgery = null, quantization = null, ...options }: Readonly<Record<string, unknown>>,
  beforeSurgery: (model: nn.AnyModule) => void = () => {},
): nn.AnyModule {
  if (surgery !== null && !isSurgery(surgery))
    throw new UsageError(`surgery: expected ${surgeries.join(', ')} but received ${JSON.stringify(surgery)}`);
  const model = models.getModel<nn.AnyModule>(name, options);
  beforeSurgery(model);
  const operated = surgery === null ? model : operate(model, name, surgery);
  return quantization === null ? operated : withQuantizers(operated, quantization);
}

function operate(model: nn.AnyModule, name: string, surgery: SurgeryName): nn.AnyModule {
  if (surgery !== 'v2') {
    convertToLiteModel(model, { preset: 'v1' });
    return model;
  }
  const { inputShapes } = models.getModelInfo(name);
  const result = scope(() =>
    applySurgery(
      model,
      inputShapes.map((shape) => zeros([...shape])),
      { preset: 'v2' },
    ),
  );
  model.dispose();
  return result.model;
}

function isSurgery(value: unknown): value is SurgeryName {
  return surgeries.some((known) => known === value);
}

/** The options of a model with the surgery that a recipe asks for. */
export function withSurgery(
  options: Readonly<Record<string, Json>>,
  surgery: SurgeryName | null,
): Record<string, Json> {
  return surgery === null ? { ...options } : { ...options, surgery };
}
