/** @file Smooth activations, gates, and the softmax layers. */

import type { Tensor } from '../core/tensor.ts';
import { ArgumentError } from '../errors.ts';
import { InplaceActivation } from './activation.ts';
import {
  celu,
  elu,
  type GeluOptions,
  gelu,
  glu,
  type InplaceOptions,
  logsigmoid,
  mish,
  type SoftplusOptions,
  selu,
  sigmoid,
  silu,
  softplus,
  softsign,
  tanh,
  tanhshrink,
} from './functional/activation.ts';
import { logSoftmax, softmax, softmin } from './functional/softmax.ts';
import { Module } from './module.ts';
import { float, repr } from './repr.ts';

/** `1 / (1 + exp(−x))` */
export class Sigmoid extends Module {
  forward(input: Tensor): Tensor {
    return sigmoid(input);
  }
}

/** The hyperbolic tangent. */
export class Tanh extends Module {
  forward(input: Tensor): Tensor {
    return tanh(input);
  }
}

/** `x · sigmoid(x)`, also called swish. */
export class SiLU extends InplaceActivation {
  forward(input: Tensor): Tensor {
    return silu(input, this);
  }
}

/** `x · tanh(softplus(x))` */
export class Mish extends InplaceActivation {
  forward(input: Tensor): Tensor {
    return mish(input, this);
  }
}

/** ELU with the scale and alpha that keep mean and variance. */
export class SELU extends InplaceActivation {
  forward(input: Tensor): Tensor {
    return selu(input, this);
  }
}

abstract class ExponentialUnit extends InplaceActivation {
  alpha: number;

  constructor(alpha = 1, options: InplaceOptions = {}) {
    super(options);
    this.alpha = alpha;
  }

  override extraRepr(): string {
    return this.reprWith(`alpha=${float(this.alpha)}`);
  }
}

/** `x` above zero, `alpha · (exp(x) − 1)` below. */
export class ELU extends ExponentialUnit {
  forward(input: Tensor): Tensor {
    return elu(input, this.alpha, this);
  }
}

/** `x` above zero, `alpha · (exp(x / alpha) − 1)` below. */
export class CELU extends ExponentialUnit {
  forward(input: Tensor): Tensor {
    return celu(input, this.alpha, this);
  }
}

/** `x · Φ(x)`, with the distribution function of the normal distribution. */
export class GELU extends Module {
  approximate: 'none' | 'tanh';

  constructor(options: GeluOptions = {}) {
    super();
    this.approximate = options.approximate ?? 'none';
  }

  forward(input: Tensor): Tensor {
    return gelu(input, this);
  }

  override extraRepr(): string {
    return `approximate='${this.approximate}'`;
  }
}

/** `log(1 + exp(beta · x)) / beta`: a smooth ReLU. */
export class Softplus extends Module {
  beta: number;
  threshold: number;

  constructor(options: SoftplusOptions = {}) {
    super();
    this.beta = options.beta ?? 1;
    this.threshold = options.threshold ?? 20;
  }

  forward(input: Tensor): Tensor {
    return softplus(input, this);
  }

  override extraRepr(): string {
    return `beta=${repr(this.beta)}, threshold=${repr(this.threshold)}`;
  }
}

/** `x / (1 + |x|)` */
export class Softsign extends Module {
  forward(input: Tensor): Tensor {
    return softsign(input);
  }
}

/** `x − tanh(x)` */
export class Tanhshrink extends Module {
  forward(input: Tensor): Tensor {
    return tanhshrink(input);
  }
}

/** `log(sigmoid(x))` */
export class LogSigmoid extends Module {
  forward(input: Tensor): Tensor {
    return logsigmoid(input);
  }
}

abstract class AlongDimension extends Module {
  dim: number;

  constructor(dim: number) {
    super();
    if (!Number.isInteger(dim)) throw ArgumentError.expected('dim', 'a whole number', dim);
    this.dim = dim;
  }

  override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

/** `a · sigmoid(b)`, with `a` and `b` the two halves of the input along `dim` (default: the last). */
export class GLU extends AlongDimension {
  constructor(dim = -1) {
    super(dim);
  }

  forward(input: Tensor): Tensor {
    return glu(input, this.dim);
  }
}

/** `exp(x) / Σ exp(x)` along a dimension. */
export class Softmax extends AlongDimension {
  forward(input: Tensor): Tensor {
    return softmax(input, this.dim);
  }
}

/** The logarithm of softmax. */
export class LogSoftmax extends AlongDimension {
  forward(input: Tensor): Tensor {
    return logSoftmax(input, this.dim);
  }
}

/** Softmax of the negated input. */
export class Softmin extends AlongDimension {
  forward(input: Tensor): Tensor {
    return softmin(input, this.dim);
  }
}

/** Softmax over the channels of `(N, C, H, W)` or `(C, H, W)`. */
export class Softmax2d extends Module {
  forward(input: Tensor): Tensor {
    if (input.ndim !== 3 && input.ndim !== 4) {
      throw new ArgumentError(
        'input',
        `Softmax2d expected an input of 3 or 4 dimensions but received shape [${input.shape.join(', ')}]`,
      );
    }
    return softmax(input, -3);
  }
}
