/** @file Batch normalisation with fixed statistics, scale and shift: what detectors put into backbones that they do not train. */

import { nn, ones, scope, type Tensor, zeros } from '@edgeai/torch';

/** Normalises each channel of `(N, numFeatures, H, W)` by numbers that are loaded and never change; they are buffers, not parameters. */
export class FrozenBatchNorm2d extends nn.Module {
  readonly numFeatures: number;
  readonly eps: number;
  readonly weight: nn.Buffer;
  readonly bias: nn.Buffer;
  readonly running_mean: nn.Buffer;
  readonly running_var: nn.Buffer;

  constructor(numFeatures: number, { eps = 1e-5 }: { eps?: number } = {}) {
    super();
    this.numFeatures = numFeatures;
    this.eps = eps;
    this.weight = nn.Buffer.from(ones([numFeatures]));
    this.bias = nn.Buffer.from(zeros([numFeatures]));
    this.running_mean = nn.Buffer.from(zeros([numFeatures]));
    this.running_var = nn.Buffer.from(ones([numFeatures]));
  }

  forward(x: Tensor): Tensor {
    return scope(() => {
      const scale = this.weight.mul(this.running_var.add(this.eps).rsqrt());
      const shift = this.bias.sub(this.running_mean.mul(scale));
      return x.mul(scale.reshape([1, -1, 1, 1])).add(shift.reshape([1, -1, 1, 1]));
    });
  }

  /** Statistics of a layer that counted its batches are welcome without the count. */
  override adaptState(state: nn.StateDict, prefix: string): void {
    delete state[`${prefix}num_batches_tracked`];
  }

  override extraRepr(): string {
    return `${this.numFeatures}, eps=${this.eps}`;
  }
}
