/** @file The pass over all layers with which most classifiers end their construction. It draws in the order of the layers. */

import { nn } from '@edgeai/torch';

export interface LayerInitialisation {
  /** Fills the weight of a convolution. Default: convolutions stay as constructed. */
  conv?: (weight: nn.Parameter, layer: nn.Conv2d) => void;
  /** What becomes of the biases of those convolutions. Default `zero`. */
  convBias?: 'zero' | 'keep';
  /** Fills the weight of a linear layer; its bias becomes zero. Default: linear layers stay as constructed. */
  linear?: (weight: nn.Parameter, layer: nn.Linear) => void;
}

/** He's normal distribution for ReLUs, by the number of outputs. */
export function kaimingFanOut(weight: nn.Parameter): void {
  nn.init.kaimingNormal_(weight, { mode: 'fan_out', nonlinearity: 'relu' });
}

/** Normal with mean 0. */
export function normalWith(std: number): (weight: nn.Parameter) => void {
  return (weight) => nn.init.normal_(weight, 0, std);
}

/** Initialises convolutions and linear layers as told, and lets batch and group norms start as the identity. */
export function initialiseLayers(model: nn.AnyModule, { conv, convBias = 'zero', linear }: LayerInitialisation): void {
  for (const layer of model.modules()) {
    if (layer instanceof nn.Conv2d) {
      if (conv === undefined) continue;
      conv(layer.weight, layer);
      if (layer.bias !== null && convBias === 'zero') nn.init.zeros_(layer.bias);
    } else if (layer instanceof nn.BatchNorm2d || layer instanceof nn.GroupNorm) {
      if (layer.weight !== null) nn.init.ones_(layer.weight);
      if (layer.bias !== null) nn.init.zeros_(layer.bias);
    } else if (layer instanceof nn.Linear) {
      if (linear === undefined) continue;
      linear(layer.weight, layer);
      if (layer.bias !== null) nn.init.zeros_(layer.bias);
    }
  }
}
