/** @file Rules that put batch norms in the place of norms that compute statistics while the network runs. */

import { nn, noGrad, type Tensor } from '@edgeai/torch';
import { ops } from '@edgeai/vision';
import { ChannelsLastBatchNorm } from '../layers.ts';
import { exactly, likeParametersOf, type Site, type SurgeryRule } from '../rule.ts';

const WEIGHTS = 'scale and shift are kept; running statistics come from the calibration data, or from training';

/** Takes over scale and shift, and leaves the statistics to calibration or training. */
function carry<N extends nn.BatchNorm>(norm: N, old: { weight: Tensor | null; bias: Tensor | null }, site: Site): N {
  noGrad(() => {
    if (old.weight !== null) norm.weight?.copy_(old.weight);
    if (old.bias !== null) norm.bias?.copy_(old.bias);
  });
  site.addNorm(norm, 'normalise');
  return norm;
}

function fromLayerNorm(module: nn.AnyModule, site: Site): nn.AnyModule | string {
  const norm = module as nn.LayerNorm;
  const [channels, ...others] = norm.normalizedShape;
  if (channels === undefined || others.length > 0)
    return 'a norm over several dimensions has no channels to keep statistics of';
  const options = { eps: norm.eps, ...likeParametersOf(norm) };
  const made =
    norm instanceof ops.LayerNorm2d
      ? new nn.BatchNorm2d(channels, options)
      : new ChannelsLastBatchNorm(channels, options);
  return carry(made, norm, site);
}

export const normRules: readonly SurgeryRule[] = [
  {
    id: 'instancenorm_to_batchnorm',
    summary: 'InstanceNorm2d → BatchNorm2d',
    preserves: 'retrain',
    weights: WEIGHTS,
    burden: 'statistics of the image itself cannot be merged into a convolution',
    modules: {
      matches: exactly(nn.InstanceNorm2d),
      replace: (module, site) => {
        const norm = module as nn.InstanceNorm2d;
        const options = { eps: norm.eps, ...likeParametersOf(norm) };
        return carry(new nn.BatchNorm2d(norm.numFeatures, options), norm, site);
      },
    },
  },
  {
    id: 'groupnorm_to_batchnorm',
    summary: 'GroupNorm → BatchNorm2d',
    preserves: 'retrain',
    weights: WEIGHTS,
    burden: 'statistics of the image itself cannot be merged into a convolution',
    modules: {
      matches: exactly(nn.GroupNorm),
      replace: (module, site) => {
        const norm = module as nn.GroupNorm;
        const { inputShape } = site;
        if (inputShape !== undefined && inputShape.length !== 4)
          return `only feature maps (N, C, H, W) are normalised by BatchNorm2d, not ${inputShape.length} dimensions`;
        const options = { eps: norm.eps, ...likeParametersOf(norm) };
        return carry(new nn.BatchNorm2d(norm.numChannels, options), norm, site);
      },
    },
  },
  {
    id: 'layernorm_to_batchnorm',
    summary: 'LayerNorm over channels → batch norm over the same dimension',
    preserves: 'retrain',
    weights: WEIGHTS,
    burden: 'statistics of each place cannot be merged into a convolution',
    modules: { matches: exactly(nn.LayerNorm, ops.LayerNorm2d), replace: fromLayerNorm },
  },
];
