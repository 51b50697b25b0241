/** @file Makes the optimiser that a recipe asks for, with parameters in groups by how much their weights decay. */

import { quantization } from '@edgeai/modelopt';
import { nn, optim, type Tensor } from '@edgeai/torch';

import type { TrainingConfig } from '../recipes/training-options.ts';

/** The settings that are looked at here. */
export type OptimizerConfig = Pick<
  TrainingConfig,
  'opt' | 'lr' | 'momentum' | 'weightDecay' | 'normWeightDecay' | 'biasWeightDecay' | 'transformerEmbeddingDecay'
>;

/** Parameters that decay alike. */
export interface DecayGroup {
  name: string;
  params: Tensor[];
  weightDecay: number;
}

const NORMS = [
  nn.BatchNorm,
  nn.SyncBatchNorm,
  nn.InstanceNorm1d,
  nn.InstanceNorm2d,
  nn.InstanceNorm3d,
  nn.LayerNorm,
  nn.GroupNorm,
  nn.LocalResponseNorm,
] as const;

/** Parameters of transformers that are looked up rather than multiplied with. */
const EMBEDDINGS = ['class_token', 'position_embedding', 'relative_position_bias_table'];

/**
 * The trainable parameters in groups: those with a decay of their own by name (biases, embeddings) first, then those of
 * normalisation layers, then the others. A kind without a decay of its own counts as other; empty groups are left out.
 * What quantisers train of their ranges is in none of them. The groups come in the order other, norm, bias, embeddings, as in the original, so that its checkpoints fit.
 */
export function decayGroups(model: nn.AnyModule, config: OptimizerConfig): DecayGroup[] {
  const group = (name: string, weightDecay: number): DecayGroup => ({ name, params: [], weightDecay });
  const other = group('other', config.weightDecay);
  const norm = group('norm', config.normWeightDecay ?? config.weightDecay);
  const byName = new Map<string, DecayGroup>();
  if (config.biasWeightDecay !== null) byName.set('bias', group('bias', config.biasWeightDecay));
  if (config.transformerEmbeddingDecay !== null) {
    for (const name of EMBEDDINGS) byName.set(name, group(name, config.transformerEmbeddingDecay));
  }
  const seen = new Set<Tensor>();
  for (const module of model.modules()) {
    if (module instanceof quantization.FakeQuantize) continue;
    const isNorm = config.normWeightDecay !== null && NORMS.some((type) => module instanceof type);
    for (const [name, parameter] of module.ownParameters()) {
      if (!parameter.requiresGrad || seen.has(parameter)) continue;
      seen.add(parameter);
      (byName.get(name) ?? (isNorm ? norm : other)).params.push(parameter);
    }
  }
  return [other, norm, ...byName.values()].filter(({ params }) => params.length > 0);
}

/** The optimiser of a run, over all trainable parameters of `model`. */
export function makeOptimizer(model: nn.AnyModule, config: OptimizerConfig): optim.Optimizer {
  const groups = decayGroups(model, config);
  const { lr, momentum, weightDecay } = config;
  switch (config.opt) {
    case 'sgd':
    case 'sgd_nesterov':
      return new optim.SGD(groups, { lr, momentum, weightDecay, nesterov: config.opt === 'sgd_nesterov' });
    case 'rmsprop':
      // The values with which TensorFlow's MobileNets were trained, as in the original.
      return new optim.RMSprop(groups, { lr, momentum, weightDecay, eps: 0.0316, alpha: 0.9 });
    case 'adam':
      return new optim.Adam(groups, { lr, betas: [momentum, 0.999], weightDecay });
    case 'adamw':
      return new optim.AdamW(groups, { lr, weightDecay });
  }
}
