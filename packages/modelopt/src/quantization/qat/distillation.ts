/** @file Distillation: the quantised network learns from what the float network answers (Hinton et al., 2015, arXiv:1503.02531). */

import { ArgumentError, dispose, keep, nn, noGrad, type Tensor } from '@edgeai/torch';
import { matchesGlob } from '../override.ts';
import type { QuantizedModel } from '../quantized-model.ts';

export interface DistillationOptions {
  /** Factor of the loss between outputs. Default 1. */
  weight?: number;
  /** Softens the classes' probabilities. Default 1: the answers as they are. */
  temperature?: number;
  /**
   * Globs on names of quantisers of results (`activation_fake_quant.<name>`): what these give is compared too, as the float network has it.
   * Default: none.
   */
  features?: string | readonly string[];
  /** Factor of the loss between features. Default 1. */
  featureWeight?: number;
}

/** What a step gave, and what the teacher says to it. */
export interface Distilled<T> {
  readonly result: T;
  /** A number, to be added to the loss of the labels. */
  readonly loss: Tensor;
}

/**
 * Holds the float network beside the quantised one. It is in no module tree, so neither optimisers nor state dicts see it.
 *
 * ```ts
 * using distillation = new Distillation(quantized, { temperature: 4 });
 * const { result, loss } = distillation.run((net) => net(images), (logits) => [logits]);
 * nn.functional.crossEntropy(result, labels).add(loss).backward();
 * ```
 */
export class Distillation<Args extends unknown[], Out> implements Disposable {
  readonly #student: QuantizedModel<Args, Out>;
  readonly #teacher: QuantizedModel<Args, Out>;
  readonly #options: Required<Omit<DistillationOptions, 'features'>>;
  readonly #taps: readonly Tap[];

  /**
   * @param student in its place on the device, with the weights of the float network: what it is now without rounding is the teacher for good
   * @throws {ArgumentError} for a glob in `features` that names no quantiser
   */
  constructor(student: QuantizedModel<Args, Out>, options: DistillationOptions = {}) {
    const { weight = 1, temperature = 1, featureWeight = 1 } = options;
    if (!(temperature > 0)) throw ArgumentError.expected('temperature', 'a number > 0', temperature);
    this.#options = { weight, temperature, featureWeight };
    this.#student = student;
    this.#teacher = nn.cloneModule(student);
    this.#teacher.eval();
    this.#teacher.setQuantizers({ observing: false, quantizing: false });
    const theirs = this.#teacher.quantizers('activation');
    this.#taps = chosen(student, options.features ?? []).map(([path, module]) => {
      const teacher = theirs.get(path);
      if (teacher === undefined) throw new Error(`internal: the teacher has no ${path}`);
      return new Tap(module, teacher);
    });
  }

  /** The float network, in evaluation mode. */
  get teacher(): QuantizedModel<Args, Out> {
    return this.#teacher;
  }

  /**
   * Runs `step` with the quantised network and, without gradients, with the float one.
   *
   * @param outputsOf the tensors to compare: scores with classes in dimension 1 by their probabilities, single channels by value
   */
  run<T>(step: (network: QuantizedModel<Args, Out>) => T, outputsOf: (result: T) => readonly Tensor[]): Distilled<T> {
    try {
      for (const tap of this.#taps) tap.open();
      const result = step(this.#student);
      const answer = noGrad(() => outputsOf(step(this.#teacher)));
      return { result, loss: this.#compare(outputsOf(result), answer) };
    } finally {
      for (const tap of this.#taps) tap.close();
    }
  }

  [Symbol.dispose](): void {
    for (const tap of this.#taps) tap.remove();
    this.#teacher.dispose();
  }

  #compare(outputs: readonly Tensor[], answers: readonly Tensor[]): Tensor {
    const { weight, temperature, featureWeight } = this.#options;
    const losses = outputs.map((output, i) => {
      const answer = answers[i];
      if (answer === undefined) throw ArgumentError.expected('outputsOf', 'as many tensors of both networks', i);
      return outputLoss(output, answer, temperature).mul(weight);
    });
    for (const tap of this.#taps) losses.push(tap.loss().mul(featureWeight));
    const [first, ...rest] = losses;
    if (first === undefined) throw ArgumentError.expected('outputsOf', 'at least one tensor', 'none');
    return rest.reduce((sum, loss) => sum.add(loss), first);
  }
}

/**
 * How far the student's output is from the teacher's: T² · KL(teacher ‖ student) of the softmax over dimension 1, on average over all
 * else; the mean squared difference, relative to the teacher's mean square, where there is one channel.
 */
export function outputLoss(student: Tensor, teacher: Tensor, temperature: number): Tensor {
  const [own, wanted] = [student.float(), teacher.float()];
  if (own.ndim < 2 || own.size(1) === 1) return relativeError(own, wanted);
  const logP = wanted.div(temperature).logSoftmax(1);
  const logQ = own.div(temperature).logSoftmax(1);
  return logP
    .exp()
    .mul(logP.sub(logQ))
    .sum(1)
    .mean()
    .mul(temperature ** 2);
}

function relativeError(own: Tensor, wanted: Tensor): Tensor {
  const difference = own.sub(wanted);
  return difference.mul(difference).mean().div(wanted.mul(wanted).mean().add(1e-12));
}

/** One place where features are compared. */
class Tap {
  readonly #hooks: readonly (() => void)[];
  #open = false;
  #student: Tensor[] = [];
  #teacher: Tensor[] = [];

  constructor(student: nn.AnyModule, teacher: nn.AnyModule) {
    const listen = (module: nn.AnyModule, take: (value: Tensor) => void) =>
      module.registerForwardHook((_module, _inputs, output) => {
        // The value itself goes with the scope of the network's forward, or is the caller's.
        if (this.#open) take(keep((output as Tensor).viewAs(output as Tensor)));
      });
    this.#hooks = [
      listen(student, (value) => this.#student.push(value)),
      listen(teacher, (value) => this.#teacher.push(value)),
    ];
  }

  open(): void {
    this.#open = true;
  }

  loss(): Tensor {
    // A place that is called several times gives as many features.
    const losses = this.#student.map((own, i) => {
      const wanted = this.#teacher[i];
      if (wanted === undefined) throw new Error('internal: the two networks differ');
      return relativeError(own.float(), wanted.float());
    });
    const [first, ...rest] = losses;
    if (first === undefined) throw new Error('internal: a feature was never computed');
    return rest.reduce((sum, loss) => sum.add(loss), first).div(losses.length);
  }

  close(): void {
    this.#open = false;
    dispose(this.#student);
    dispose(this.#teacher);
    this.#student = [];
    this.#teacher = [];
  }

  remove(): void {
    for (const remove of this.#hooks) remove();
  }
}

function chosen<Args extends unknown[], Out>(
  model: QuantizedModel<Args, Out>,
  features: string | readonly string[],
): [string, nn.AnyModule][] {
  const all = [...model.quantizers('activation')];
  const nameOf = (path: string) => path.slice(path.indexOf('.') + 1);
  const result = new Map<string, nn.AnyModule>();
  for (const glob of typeof features === 'string' ? [features] : features) {
    const found = all.filter(([path]) => matchesGlob(glob, nameOf(path)));
    if (found.length === 0) {
      const names = all.map(([path]) => nameOf(path)).join(', ');
      throw ArgumentError.expected('features', `globs on ${names}`, glob);
    }
    for (const [path, module] of found) result.set(path, module as nn.AnyModule);
  }
  return [...result];
}
