/** @file Projections of convolution kernels onto smaller ones: the weights that a replacement begins with. */

import { cat, eye, inverse, noGrad, scope, svd, type Tensor, zeros } from '@edgeai/torch';

/**
 * The best product of a grouped spatial convolution and a 1×1 convolution: for each group of inputs the leading singular
 * vectors of its part of the kernel.
 *
 * @param weight `(out, in, kh, kw)`
 * @param groups of the spatial convolution, which keeps the number of channels
 * @returns spatial `(in, in / groups, kh, kw)` and pointwise `(out, in, 1, 1)`
 */
export function separate(weight: Tensor, groups: number): { spatial: Tensor; pointwise: Tensor } {
  return noGrad(() =>
    scope(() => {
      const [outputs = 1, inputs = 1, height = 1, width = 1] = weight.shape;
      const size = inputs / groups;
      const matrices = weight
        .detach()
        .reshape([outputs, groups, size * height * width])
        .permute([1, 0, 2]);
      const [left, values, right] = svd(matrices);
      const rank = Math.min(size, values.size(-1));
      const root = values.narrow(-1, 0, rank).sqrt().unsqueeze(1);
      let columns = left.narrow(-1, 0, rank).mul(root);
      let rows = right.narrow(-1, 0, rank).mul(root);
      // Of the two signs the one for which inputs that are not negative give sums that are not: a ReLU stands behind.
      const sign = rows.sum([1], { keepdim: true }).sign();
      const flip = sign.add(sign.eq(0));
      columns = columns.mul(flip);
      rows = rows.mul(flip);
      if (rank < size) {
        columns = cat([columns, columns.newZeros([groups, outputs, size - rank])], 2);
        rows = cat([rows, rows.newZeros([groups, rows.size(1), size - rank])], 2);
      }
      return {
        spatial: rows.transpose(1, 2).reshape([inputs, size, height, width]),
        pointwise: columns.permute([1, 0, 2]).reshape([outputs, inputs, 1, 1]),
      };
    }),
  );
}

/** Above this size the systems of equations are too large to be worth it. */
const LARGEST_FITTED = 15;
const ROUNDS = 8;
const RIDGE = 1e-9;

/**
 * Splits kernels into two that follow one another, nearest in least squares: one small kernel an input channel, then one a pair of
 * channels (alternating least squares, beginning with a small kernel that passes its centre on).
 *
 * @param weight `(out, in / groups, k, k)`
 * @param size of the first kernels, odd and smaller than `k`
 * @returns first `(in, size, size)`, second `(out, in / groups, k - size + 1, k - size + 1)`
 */
export function splitKernel(weight: Tensor, groups: number, size: number): { first: Tensor; second: Tensor } {
  return noGrad(() =>
    scope(() => {
      const [outputs = 1, perGroup = 1, k = 1] = weight.shape;
      const rest = k - size + 1;
      const inputs = perGroup * groups;
      const perOutput = outputs / groups;
      // Per input channel: one column an output that sees it.
      const targets = weight
        .detach()
        .to({ dtype: 'float64', device: 'cpu' })
        .reshape([groups, perOutput, perGroup, k * k])
        .permute([0, 2, 3, 1])
        .reshape([inputs, k * k, perOutput]);
      const shifts = shiftMatrices(k, size).to({ dtype: 'float64' });
      let first = zeros([inputs, size * size], { dtype: 'float64' });
      first.select(1, (size * size - 1) / 2).fill_(1);
      let second = fitSecond(first, shifts, targets, k <= LARGEST_FITTED);
      for (let round = 0; k <= LARGEST_FITTED && round < ROUNDS; round++) {
        first = fitFirst(second, shifts, targets);
        second = fitSecond(first, shifts, targets, true);
      }
      return {
        first: first.reshape([inputs, size, size]),
        second: second
          .reshape([groups, perGroup, rest * rest, perOutput])
          .permute([0, 3, 1, 2])
          .reshape([outputs, perGroup, rest, rest]),
      };
    }),
  );
}

/** `(size², k², rest²)`: where each tap of the second kernel lands when the first kernel is a single tap. */
function shiftMatrices(k: number, size: number): Tensor {
  const rest = k - size + 1;
  const identity = eye(rest * rest).reshape([rest * rest, rest, rest]);
  const shifted: Tensor[] = [];
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const padded = identity.constantPadNd([x, k - rest - x, y, k - rest - y]);
      shifted.push(
        padded
          .reshape([rest * rest, k * k])
          .t()
          .unsqueeze(0),
      );
    }
  }
  return cat(shifted, 0);
}

function fitSecond(first: Tensor, shifts: Tensor, targets: Tensor, fitted: boolean): Tensor {
  const [taps = 1, full = 1, rest = 1] = shifts.shape;
  const matrix = first.matmul(shifts.reshape([taps, full * rest])).reshape([first.size(0), full, rest]);
  const design = matrix.transpose(1, 2);
  // For a first kernel with one tap, of weight 1, the transpose is the inverse.
  return fitted ? leastSquares(design, targets) : design.matmul(targets);
}

function fitFirst(second: Tensor, shifts: Tensor, targets: Tensor): Tensor {
  const [inputs = 1, rest = 1, outputs = 1] = second.shape;
  const [taps = 1, full = 1] = shifts.shape;
  const flat = second.permute([1, 0, 2]).reshape([rest, inputs * outputs]);
  const design = shifts
    .reshape([taps * full, rest])
    .matmul(flat)
    .reshape([taps, full, inputs, outputs])
    .permute([2, 0, 1, 3])
    .reshape([inputs, taps, full * outputs]);
  const found = leastSquares(design, targets.reshape([inputs, full * outputs, 1])).squeeze(2);
  // The scale may be in either kernel; so it does not wander.
  return found.div(found.norm(2, [1], { keepdim: true }).clamp(1e-12));
}

/** `x` with `designᵀ x` nearest to `targets`, by the normal equations with a ridge that only matters where they are singular. */
function leastSquares(design: Tensor, targets: Tensor): Tensor {
  const size = design.size(1);
  const gram = design.matmul(design.transpose(1, 2));
  const ridge = gram.diagonal({ dim1: 1, dim2: 2 }).mean([1]).mul(RIDGE).clamp(1e-30).reshape([-1, 1, 1]);
  return inverse(gram.add(eye(size, size, { dtype: gram.dtype }).mul(ridge))).matmul(design.matmul(targets));
}

/**
 * A kernel with one tap less a dimension: the taps that go are added to their neighbours, as for an image that is smooth there.
 *
 * @param weight `(out, in, k, k)` to `(out, in, k - 1, k - 1)`
 */
export function mergeLastTaps(weight: Tensor): Tensor {
  return noGrad(() =>
    scope(() => {
      const k = weight.size(-1);
      const merge = cat([eye(k - 1), zeros([k - 1, 1])], 1);
      merge
        .select(0, k - 2)
        .select(0, k - 1)
        .fill_(1);
      const matrix = merge.to({ dtype: weight.dtype, device: weight.device });
      return matrix.matmul(weight.detach()).matmul(matrix.t());
    }),
  );
}
