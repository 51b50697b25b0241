/**
 * @file How much each task of a multi-task network counts: fixed factors, or factors that follow the losses or their gradients at the
 * features that all decoders share.
 */

import { ArgumentError, customFunction, nn, scope, type Tensor, tensor, zeros } from '@edgeai/torch';
import { didYouMean } from '@edgeai/torch/suggest';

/** The loss of each task; `null` where the batch has no labels for it. */
export type TaskLosses = readonly (Tensor | null)[];

export interface TaskWeightingOptions {
  /** Factors to begin with. Default 1 for each task. */
  factors?: readonly number[] | null;
}

/** One number to minimise from the losses of several tasks. State is in buffers, so a checkpoint carries it. */
export abstract class TaskWeighting extends nn.Module<[TaskLosses]> {
  readonly tasks: number;
  /** Row 0: the factors; further rows belong to the method. */
  readonly state: nn.Buffer;
  #norms: (number | null)[] = [];
  /** Gradients that backward has yet to bring. */
  #awaited = 0;

  /** @param rows numbers that the method keeps for each task besides its factor */
  constructor(tasks: number, rows: number, { factors }: TaskWeightingOptions) {
    super();
    if (!Number.isInteger(tasks) || tasks < 1)
      throw ArgumentError.expected('tasks', 'a whole number of at least 1', tasks);
    if (factors !== undefined && factors !== null && factors.length !== tasks)
      throw ArgumentError.expected('factors', `${tasks} numbers, one a task`, factors);
    this.tasks = tasks;
    this.state = new nn.Buffer(zeros([rows + 1, tasks], { dtype: 'float64' }));
    this.write(0, factors ?? Array.from({ length: tasks }, () => 1));
  }

  /** The factors that the next batch will be weighed by. */
  get factors(): number[] {
    return this.read(0);
  }

  /**
   * What each decoder gets of the shared features: give it to the network as `splitFeatures`. Methods that follow gradients measure
   * them here.
   */
  split(features: Tensor, decoders: number): Tensor[] {
    const copies = Array.from({ length: decoders }, () => features.viewAs(features));
    if (!features.requiresGrad) return copies;
    this.#norms = copies.map(() => null);
    for (const [i, copy] of copies.entries()) {
      copy.registerHook((gradient) => {
        this.#norms[i] = Number(gradient.norm().item());
        if (--this.#awaited === 0) this.follow(this.#norms);
        return undefined;
      });
    }
    return copies;
  }

  /** The weighted sum. @throws {ArgumentError} unless there is one entry a task, and at least one loss */
  forward(losses: TaskLosses): Tensor {
    if (losses.length !== this.tasks)
      throw ArgumentError.expected('losses', `${this.tasks} losses, one a task`, losses.length);
    this.#awaited = losses.filter((loss) => loss !== null).length;
    const values = losses.map((loss) => (loss === null ? null : Number(loss.item())));
    this.observe(values);
    const terms = losses.flatMap((loss, i) => (loss === null ? [] : [this.term(loss, i)]));
    const [first, ...rest] = terms;
    if (first === undefined) throw new ArgumentError('losses', 'No task has labels in this batch');
    return rest.reduce((sum, term) => sum.add(term), first);
  }

  /** What a task adds to the sum. */
  protected term(loss: Tensor, task: number): Tensor {
    return loss.mul(this.read(0)[task] ?? 1);
  }

  /** Sees the losses of each batch before they are summed. */
  protected observe(_losses: readonly (number | null)[]): void {}

  /** Sees the lengths of the gradients at the shared features once backward has run; only with {@link split}. */
  protected follow(_norms: readonly (number | null)[]): void {}

  /** Told after each epoch. */
  endEpoch(): void {}

  protected read(row: number): number[] {
    return scope(() => this.state.select(0, row).toArray() as number[]);
  }

  protected write(row: number, values: readonly number[]): void {
    scope(() => void this.state.select(0, row).copy_(tensor([...values], { dtype: 'float64' })));
  }

  override extraRepr(): string {
    return `tasks=${this.tasks}`;
  }
}

class Fixed extends TaskWeighting {
  constructor(tasks: number, options: TaskWeightingOptions) {
    super(tasks, 0, options);
  }
}

function normalised(values: readonly number[], total: number): number[] {
  const sum = values.reduce((all, value) => all + value, 0);
  return values.map((value) => (total * value) / sum);
}

const EPSILON = 1e-6;

const RATE = 1e-4;
const ALPHA = 0.75;

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** How much of the mean gradient each task should have, by how far its loss is behind: short over long average. */
type Shares = (ratios: readonly number[]) => number[];

const SHARES = {
  /** edgeailite's default. */
  relative: (ratios) => normalised(ratios, 1).map((ratio) => ratio ** ALPHA),
  plain: (ratios) => [...ratios],
  softmax: (ratios) => normalised(ratios.map(Math.exp), 1).map((ratio) => ratio ** ALPHA),
} as const satisfies Record<string, Shares>;

/**
 * Brings the gradients of slow tasks up and of fast ones down in small steps, without second derivatives. Rows 1 to 5: short and
 * long averages of losses, averages of gradients, whether the losses and the gradients have begun.
 */
class Following extends TaskWeighting {
  static readonly short = 1e-3;
  static readonly long = 1e-6;
  readonly #shares: Shares;

  constructor(tasks: number, options: TaskWeightingOptions, shares: Shares) {
    super(tasks, 5, options);
    this.#shares = shares;
  }

  protected override observe(losses: readonly (number | null)[]): void {
    this.#average(1, 4, losses, Following.short);
    this.#average(2, 4, losses, Following.long, true);
  }

  protected override follow(norms: readonly (number | null)[]): void {
    this.#average(3, 5, norms, Following.short, true);
    const [short, long, smooth] = [this.read(1), this.read(2), this.read(3)];
    if (this.read(5).includes(0)) return;
    const ratios = short.map((value, i) => value / ((long[i] ?? 0) + EPSILON));
    const shares = this.#shares(ratios);
    const factors = this.read(0).map((factor, i) => {
      const target = mean(smooth) * (shares[i] ?? 0);
      return factor * (1 + RATE * (target / ((smooth[i] ?? 0) + EPSILON) - 1));
    });
    this.write(0, normalised(factors, this.tasks));
  }

  /** @param begun row that says whether a task has an average yet @param last writes that down */
  #average(row: number, begun: number, values: readonly (number | null)[], rate: number, last = false): void {
    const averages = this.read(row);
    const known = this.read(begun);
    values.forEach((value, i) => {
      if (value === null || !Number.isFinite(value)) return;
      averages[i] = known[i] === 0 ? value : (averages[i] ?? 0) * (1 - rate) + value * rate;
      if (last) known[i] = 1;
    });
    this.write(row, averages);
    if (last) this.write(begun, known);
  }
}

/**
 * GradNorm (Chen et al. 2018, arXiv:1711.02257): factors descend on Σ |G_i − mean(G) · r_i^α|, where G_i is the length of a task's
 * weighted gradient at the shared features and r_i how far its loss is behind the others. The derivative of G_i by its factor is
 * G_i divided by the factor, so no second backward pass is needed.
 */
class GradNorm extends TaskWeighting {
  static readonly rate = 0.025;
  static readonly alpha = 1.5;

  /** Row 1: the first losses, row 2: the last. */
  constructor(tasks: number, options: TaskWeightingOptions) {
    super(tasks, 2, options);
  }

  protected override observe(losses: readonly (number | null)[]): void {
    const first = this.read(1);
    const last = this.read(2);
    losses.forEach((loss, i) => {
      if (loss === null) return;
      if (first[i] === 0) first[i] = loss;
      last[i] = loss;
    });
    this.write(1, first);
    this.write(2, last);
  }

  protected override follow(norms: readonly (number | null)[]): void {
    if (norms.length < this.tasks || norms.includes(null)) return;
    const lengths = norms as readonly number[];
    const first = this.read(1);
    const progress = this.read(2).map((loss, i) => loss / Math.max(first[i] ?? 0, EPSILON));
    const behind = progress.map((ratio) => ratio / mean(progress));
    const factors = this.read(0).map((factor, i) => {
      const length = lengths[i] ?? 0;
      const target = mean(lengths) * (behind[i] ?? 1) ** GradNorm.alpha;
      const slope = (Math.sign(length - target) * length) / Math.max(factor, EPSILON);
      return Math.max(factor - (GradNorm.rate * slope) / Math.max(mean(lengths), EPSILON), 1e-3);
    });
    this.write(0, normalised(factors, this.tasks));
  }
}

/** Dynamic weight average (Liu et al. 2019, arXiv:1803.10704): tasks whose loss fell least in the last epoch count most. */
class DynamicWeightAverage extends TaskWeighting {
  static readonly temperature = 2;

  /** Rows 1 and 2: sums and counts of this epoch; 3 and 4: means of the two before. */
  constructor(tasks: number, options: TaskWeightingOptions) {
    super(tasks, 4, options);
  }

  protected override observe(losses: readonly (number | null)[]): void {
    this.write(
      1,
      this.read(1).map((sum, i) => sum + (losses[i] ?? 0)),
    );
    this.write(
      2,
      this.read(2).map((count, i) => count + (losses[i] === null ? 0 : 1)),
    );
  }

  override endEpoch(): void {
    const counts = this.read(2);
    const now = this.read(1).map((sum, i) => ((counts[i] ?? 0) > 0 ? sum / (counts[i] ?? 1) : 0));
    const before = this.read(3);
    const none = Array.from({ length: this.tasks }, () => 0);
    this.write(4, before);
    this.write(3, now);
    this.write(1, none);
    this.write(2, none);
    if (before.includes(0) || now.includes(0)) return;
    const weights = now.map((loss, i) => Math.exp(loss / (before[i] ?? 1) / DynamicWeightAverage.temperature));
    this.write(0, normalised(weights, this.tasks));
  }
}

/**
 * Homoscedastic uncertainty (Kendall et al. 2018, arXiv:1705.07115): `exp(−s) · L + s / 2` with one learned s a task, the logarithm
 * of its noise. The parameter must be given to the optimiser; it is without weight decay by nature.
 */
class Uncertainty extends TaskWeighting {
  readonly log_variance: nn.Parameter;

  constructor(tasks: number, options: TaskWeightingOptions) {
    super(tasks, 0, options);
    const start = options.factors ?? Array.from({ length: tasks }, () => 1);
    this.log_variance = new nn.Parameter(
      tensor(
        start.map((factor) => -Math.log(factor)),
        { dtype: 'float32' },
      ),
    );
  }

  override get factors(): number[] {
    return (this.log_variance.detach().neg().exp().toArray() as number[]).map(Number);
  }

  protected override term(loss: Tensor, task: number): Tensor {
    const s = this.log_variance.select(0, task);
    return loss.mul(s.neg().exp()).add(s.mul(0.5));
  }
}

/** Where the gradients of two tasks point against each other, each loses what opposes the other (Yu et al. 2020, arXiv:2001.06782). */
const projectConflicts = customFunction({
  name: 'ProjectConflicts',
  forward(_ctx, features: Tensor, decoders: number): Tensor[] {
    return Array.from({ length: decoders }, () => features.viewAs(features));
  },
  backward(_ctx, ...gradients: (Tensor | null)[]): Tensor | null {
    const given = gradients.filter((gradient): gradient is Tensor => gradient !== null);
    const [first, ...rest] = given.map((gradient) => {
      let projected = gradient;
      for (const other of given) {
        if (other === gradient) continue;
        const along = Number(projected.mul(other).sum().item());
        if (along < 0) projected = projected.sub(other.mul(along / Number(other.square().sum().item())));
      }
      return projected;
    });
    return first === undefined ? null : rest.reduce((sum, gradient) => sum.add(gradient), first);
  },
});

class ProjectedGradients extends Fixed {
  override split(features: Tensor, decoders: number): Tensor[] {
    return projectConflicts(features, decoders);
  }
}

type Maker = (tasks: number, options: TaskWeightingOptions) => TaskWeighting;

const METHODS: Readonly<Record<string, Maker>> = {
  fixed: (tasks, options) => new Fixed(tasks, options),
  learned: (tasks, options) => new Following(tasks, options, SHARES.relative),
  pseudo_grad_norm: (tasks, options) => new Following(tasks, options, SHARES.relative),
  naive_grad_norm: (tasks, options) => new Following(tasks, options, SHARES.plain),
  grad_norm: (tasks, options) => new GradNorm(tasks, options),
  dwa: (tasks, options) => new DynamicWeightAverage(tasks, options),
  dwa_grad_norm: (tasks, options) => new Following(tasks, options, SHARES.softmax),
  uncertainty: (tasks, options) => new Uncertainty(tasks, options),
  pcgrad: (tasks, options) => new ProjectedGradients(tasks, options),
};

/** The names that {@link makeTaskWeighting} takes. */
export function taskWeightingNames(): string[] {
  return Object.keys(METHODS);
}

/** A method by name. @param tasks how many @throws {ArgumentError} for an unknown name */
export function makeTaskWeighting(name: string, tasks: number, options: TaskWeightingOptions = {}): TaskWeighting {
  const make = Object.hasOwn(METHODS, name) ? METHODS[name] : undefined;
  if (make === undefined) {
    const hint = didYouMean(name, taskWeightingNames()) || `; there are: ${taskWeightingNames().join(', ')}`;
    throw new ArgumentError('name', `There is no weighting of tasks '${name}'${hint}`);
  }
  return make(tasks, options);
}
