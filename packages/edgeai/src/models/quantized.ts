/** @file Networks with quantisers as checkpoints remember them: the model's option `quantization` says how they came about. */

import { quantization } from '@edgeai/modelopt';
import { ArgumentError, type nn, scope, zeros } from '@edgeai/torch';
import { z } from 'zod';

import { UsageError } from '../errors.ts';
import type { Json } from '../recipes/kinds.ts';

const option = z.object({
  config: z.record(z.string(), z.json()),
  inputShapes: z.array(z.array(z.int().positive())).min(1),
});

/** The option `quantization` of a model whose quantisers were put in with `config`, for inputs of these shapes. */
export function quantizationOption(
  config: quantization.QuantizationConfig,
  inputShapes: readonly (readonly number[])[],
): Json {
  // The config is plain JSON by its definition.
  return JSON.parse(JSON.stringify({ config, inputShapes })) as Json;
}

/**
 * Puts the quantisers in that the option says. They round and do not observe: what they need comes with the state dict. The network that is
 * given is disposed.
 *
 * @throws {UsageError} for an option of another form
 */
export function withQuantizers(model: nn.AnyModule, value: unknown): nn.AnyModule {
  const read = option.safeParse(value);
  if (!read.success)
    throw new UsageError(
      `quantization: expected { config, inputShapes } as checkpoints have it but received ${JSON.stringify(value)}`,
    );
  const { config, inputShapes } = read.data;
  try {
    const made = scope(() =>
      quantization.prepareQuantization(
        model,
        inputShapes.map((shape) => zeros(shape)),
        config as quantization.QuantizationConfig,
      ),
    );
    made.setQuantizers({ observing: false, quantizing: true });
    model.dispose();
    return made as unknown as nn.AnyModule;
  } catch (error) {
    if (error instanceof ArgumentError) throw new UsageError(`quantization: ${error.message}`, { cause: error });
    throw error;
  }
}
