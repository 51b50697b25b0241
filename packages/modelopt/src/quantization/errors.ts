/** @file The error of quantisation: what is wrong with which layer. */

import { EdgeAIError } from '@edgeai/torch';

/** A network, its data or a scheme cannot be quantised as asked. `layer` names the place, where there is one. */
export class QuantizationError extends EdgeAIError {
  readonly layer: string | undefined;

  constructor(message: string, layer?: string) {
    super('QUANTIZATION', layer === undefined ? message : `${layer}: ${message}`);
    this.layer = layer;
  }
}
