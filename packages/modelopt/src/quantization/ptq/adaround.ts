/**
 * @file AdaRound (Nagel et al., "Up or Down? Adaptive Rounding for Post-Training Quantization", 2020, arXiv:2004.10568): decides for every
 * weight whether it is rounded up or down so that the layer's result changes least, which is not to the nearest.
 *
 * The squared error of a linear layer's result is a quadratic form in the error of its weights, ΔᵀE[xxᵀ]Δ, so the paper's objective is
 * evaluated on the second moments of the inputs: every sample counts in every step and none is stored. The soft rounding of the paper
 * (rectified sigmoid, annealed regulariser) finds a solution, and flips of single weights then lower the error as far as they can.
 */

import { noGrad, scope, type Tensor, zerosLike } from '@edgeai/torch';
import type { QuantizedLayer } from '../quantized-layer.ts';
import type { QuantizedModel } from '../quantized-model.ts';
import type { CalibrationData, ProgressCallback } from './batches.ts';
import { collectMoments, hasColumns, momentBytes, type SecondMoments } from './second-moments.ts';

export interface AdaRoundOptions {
  /** Steps of the soft rounding for each layer. Default 300. */
  iterations?: number;
  /** Weight of the regulariser that pushes soft roundings to 0 or 1. Default 0.01. */
  regularization?: number;
  /** Step size. Default 0.05. */
  learningRate?: number;
  /** Memory for second moments at a time, in bytes; the network runs over the data once for each share of layers that fits. Default 512 MiB. */
  memory?: number;
  /** The biases will be corrected for the change of the mean, so only the deviation from it counts. Default `true`. */
  centred?: boolean;
}

/** What the rounding of a layer came to: squared error of its results against nearest rounding. */
export interface AdaRoundReport {
  readonly layer: string;
  readonly nearest: number;
  readonly adaptive: number;
}

/**
 * Replaces the weights of all layers with quantised weights by their rounded values: the quantisers then leave them as they are. Ranges of
 * weights and activations must be known; the network runs with both.
 */
export async function adaRound<Args extends unknown[], Out>(
  model: QuantizedModel<Args, Out>,
  data: CalibrationData,
  options: AdaRoundOptions = {},
  progress?: ProgressCallback,
): Promise<AdaRoundReport[]> {
  const { memory = 512 * 2 ** 20 } = options;
  const todo = [...model.quantizedLayers()].filter(
    ([, layer]) => layer.weight_fake_quant !== null && hasColumns(layer),
  );
  const reports: AdaRoundReport[] = [];
  for (const share of sharesOf(todo, memory)) {
    const layers = share.map(([, layer]) => layer);
    const moments = await collectMoments(model, layers, data, progress);
    for (const [path, layer] of share) {
      const found = moments.get(layer);
      if (found === undefined) continue;
      const errors = noGrad(() => scope(() => roundLayer(layer, found, options)));
      found.square.dispose();
      found.mean.dispose();
      reports.push({ layer: path, ...errors });
      progress?.({ step: 'adaround', done: reports.length, total: todo.length, layer: path });
    }
  }
  return reports;
}

/** Consecutive layers whose moments fit into memory together. */
function sharesOf<T extends readonly [string, QuantizedLayer]>(layers: readonly T[], memory: number): T[][] {
  const shares: T[][] = [];
  let used = Number.POSITIVE_INFINITY;
  for (const entry of layers) {
    const bytes = momentBytes(entry[1]);
    if (used + bytes > memory) {
      shares.push([]);
      used = 0;
    }
    shares.at(-1)?.push(entry);
    used += bytes;
  }
  return shares;
}

const ZETA = 1.1;
const GAMMA = -0.1;
/** Share of the steps before the regulariser sets in. */
const WARM_UP = 0.2;
const BETA_START = 20;
const BETA_END = 2;

/** Everything in units of rows: `(groups, outputs per group, d)`. */
interface RoundingProblem {
  readonly weight: Tensor;
  readonly scale: Tensor;
  /** Integers rounded down. */
  readonly floor: Tensor;
  readonly low: Tensor;
  readonly high: Tensor;
  /** `(groups, d, d)` */
  readonly form: Tensor;
}

function roundLayer(
  layer: QuantizedLayer,
  moments: SecondMoments,
  options: AdaRoundOptions,
): Omit<AdaRoundReport, 'layer'> {
  const quantizer = layer.weight_fake_quant;
  if (quantizer === null) return { nearest: 0, adaptive: 0 };
  const { centred = true } = options;
  const { groups } = layer.geometry;
  const rows = (x: Tensor) => x.reshape([groups, layer.outputs / groups, -1]);
  const { quantMin, quantMax } = quantizer.limits;
  const scale = rows(quantizer.scaleFor(layer.weight).expand(layer.weight.shape));
  const weight = rows(layer.weight.detach());
  const zeroPoint = rows(quantizer.zeroPointFor(layer.weight).expand(layer.weight.shape));
  const steps = weight.div(scale);
  const low = zeroPoint.neg().add(quantMin);
  const high = zeroPoint.neg().add(quantMax);
  const { square, mean } = moments;
  const outer = mean.unsqueeze(2).matmul(mean.unsqueeze(1));
  const form = centred ? square.sub(outer) : square;
  // A little of the identity keeps weights of inputs that were always the same near where they are.
  const damping = form.diagonal({ dim1: 1, dim2: 2 }).mean().item() * 1e-4 + 1e-12;
  form.diagonal({ dim1: 1, dim2: 2 }).add_(damping);
  const problem: RoundingProblem = { weight, scale, floor: steps.floor(), low, high, form };
  const nearest = steps.round().sub(steps.floor());
  const before = errorOf(problem, nearest);
  const soft = softRounding(problem, options);
  const found = flip(problem, soft);
  const fromNearest = flip(problem, nearest);
  const better = errorOf(problem, fromNearest) < errorOf(problem, found) ? fromNearest : found;
  const after = errorOf(problem, better);
  layer.weight.copy_(roundedWeight(problem, better).reshape(layer.weight.shape));
  return { nearest: before, adaptive: after };
}

/** Weights with the fractions `up` rounded up. */
function roundedWeight({ scale, floor, low, high }: RoundingProblem, up: Tensor): Tensor {
  return floor.add(up).clamp(low, high).mul(scale);
}

/** Sum over rows of Δᵀ E[xxᵀ] Δ. */
function errorOf(problem: RoundingProblem, up: Tensor): number {
  return scope(() => {
    const delta = roundedWeight(problem, up).sub(problem.weight);
    return delta.mul(delta.matmul(problem.form)).sum().item();
  });
}

/** The paper's relaxation, with its gradient by hand and Adam. Returns 0 or 1 for each weight. */
function softRounding(problem: RoundingProblem, options: AdaRoundOptions): Tensor {
  const { iterations = 300, regularization = 0.01, learningRate = 0.05 } = options;
  const { weight, scale, floor, low, high, form } = problem;
  const fraction = weight
    .div(scale)
    .sub(floor)
    .clamp({ min: 1e-4, max: 1 - 1e-4 });
  const v = fraction
    .sub(GAMMA)
    .div(ZETA - GAMMA)
    .logit();
  const first = zerosLike(v);
  const second = zerosLike(v);
  // The error in units of nearest rounding's, for each row, so that one regulariser suits all layers.
  const start = weight.div(scale).round().clamp(low, high).mul(scale).sub(weight);
  const reference = start.mul(start.matmul(form)).sum(2, { keepdim: true }).clamp({ min: 1e-20 });
  const d = weight.size(2);
  for (let step = 1; step <= iterations; step++) {
    scope(() => {
      const sigmoid = v.sigmoid();
      const stretched = sigmoid.mul(ZETA - GAMMA).add(GAMMA);
      const h = stretched.clamp({ min: 0, max: 1 });
      const moving = stretched.gt(0).logicalAnd(stretched.lt(1));
      const integer = floor.add(h);
      const inside = integer.ge(low).logicalAnd(integer.le(high));
      const delta = integer.clamp(low, high).mul(scale).sub(weight);
      let gradient = delta.matmul(form).mul(2).div(reference).mul(scale).mul(inside);
      const t = step / iterations;
      if (t > WARM_UP) {
        const beta =
          BETA_END + 0.5 * (BETA_START - BETA_END) * (1 + Math.cos(((t - WARM_UP) / (1 - WARM_UP)) * Math.PI));
        const centred = h.mul(2).sub(1);
        // d(1 − |2h − 1|^β)/dh
        const push = centred
          .abs()
          .pow(beta - 1)
          .mul(centred.sign())
          .mul(-2 * beta * regularization * (100 / d));
        gradient = gradient.add(push);
      }
      gradient = gradient.mul(sigmoid.mul(sigmoid.neg().add(1)).mul(ZETA - GAMMA)).mul(moving);
      first.mul_(0.9).add_(gradient.mul(0.1));
      second.mul_(0.999).add_(gradient.square().mul(0.001));
      const rate = (learningRate * Math.sqrt(1 - 0.999 ** step)) / (1 - 0.9 ** step);
      v.sub_(first.div(second.sqrt().add(1e-12)).mul(rate));
    });
  }
  return v.ge(0).float();
}

/**
 * Flips the rounding of single weights, in each row the one that lowers the error most, until no flip does. Changes of the error follow
 * from the product of the form with the current error, which a flip updates by one column.
 */
function flip(problem: RoundingProblem, start: Tensor): Tensor {
  const { weight, form } = problem;
  const up = start.clone();
  const [groups = 1, rows = 1, d = 1] = weight.shape;
  const product = roundedWeight(problem, up).sub(weight).matmul(form);
  const diagonal = form.diagonal({ dim1: 1, dim2: 2 }).unsqueeze(1);
  const delta = roundedWeight(problem, up).sub(weight);
  // Gains that small are noise of float32.
  const worthwhile = delta.mul(product).sum(2, { keepdim: true }).abs().mul(-1e-6);
  const most = Math.min(2 * d, 2000);
  for (let step = 0; step < most; step++) {
    const done = scope(() => {
      const other = up.neg().add(1);
      // At the limits a flip may change nothing.
      const change = roundedWeight(problem, other).sub(roundedWeight(problem, up));
      const gain = change.mul(product.mul(2).add(change.mul(diagonal)));
      const [least, at] = gain.min(2, { keepdim: true }) as [Tensor, Tensor];
      const useful = least.lt(worthwhile);
      if (!useful.any().item()) return true;
      const chosen = change.gather(2, at).mul(useful);
      const columns = form.gather(1, at.expand([groups, rows, d]));
      product.add_(columns.mul(chosen));
      const flipped = other.gather(2, at).mul(useful).add(up.gather(2, at).mul(useful.logicalNot()));
      up.scatter_(2, at, flipped);
      return false;
    });
    if (done) break;
  }
  return up;
}
