/** @file What is trained and what trains it: network, optimiser, learning rate schedule, moving average, loss scaling; one update at a time. */

import { type AutocastOptions, GradScaler, type nn, noGrad, optim, type Tensor } from '@edgeai/torch';

import type { TrainingConfig } from '../recipes/training-options.ts';
import { averageDecay } from './average.ts';
import { makeOptimizer } from './optimizer.ts';
import type { TrainingQuantization } from './quantization.ts';
import { type EpochScheduler, makeScheduler } from './scheduler.ts';
import type { EvaluationTask, Placement, StepResult } from './task.ts';

/** The living parts of a training run. */
export class Trainer {
  readonly model: nn.AnyModule;
  readonly placement: Placement;
  readonly optimizer: optim.Optimizer;
  readonly scheduler: EpochScheduler;
  readonly average: optim.ExponentialMovingAverage | null;
  readonly scaler: GradScaler | null;
  /** How forward and loss are computed in 16 bits; null for 32. */
  readonly autocast: AutocastOptions | null;
  /** Trained and saved along with the model. */
  readonly companion: nn.AnyModule | null;
  /** Where the run trains a quantised network: what that is `model`. */
  readonly quantization: TrainingQuantization | null;
  readonly #config: TrainingConfig;

  /** Takes a model that is in its place already. */
  constructor(
    model: nn.AnyModule,
    placement: Placement,
    config: TrainingConfig,
    companion: nn.AnyModule | null = null,
    quantization: TrainingQuantization | null = null,
  ) {
    this.model = model;
    this.quantization = quantization;
    this.companion = companion;
    this.placement = placement;
    this.#config = config;
    this.optimizer = makeOptimizer(model, config);
    const extra = companion?.parameters() ?? [];
    // Decay would pull them towards a value that means something.
    const group = { params: extra, weightDecay: 0 };
    if (extra.length > 0) this.optimizer.addParamGroup(group);
    const ranges = quantization?.parameterGroup(config) ?? null;
    if (ranges !== null) this.optimizer.addParamGroup(ranges);
    this.autocast = config.amp ? { device: placement.device, dtype: config.ampDtype } : null;
    // bfloat16 has the range of float32: only float16 gradients need scaling.
    this.scaler = config.amp && config.ampDtype === 'float16' ? new GradScaler() : null;
    this.scheduler = makeScheduler(this.optimizer, config);
    this.average = config.modelEma ? new optim.ExponentialMovingAverage(model, averageDecay(config)) : null;
  }

  /** Of the first parameter group; all groups follow the same schedule. */
  get learningRate(): number {
    return this.optimizer.paramGroups[0]?.lr ?? Number.NaN;
  }

  /** Whether a loss that is no number is dealt with by the scaling, which then skips the step. */
  get scalesLoss(): boolean {
    return this.scaler !== null;
  }

  /** Sets the network up for an epoch of training, counted from 0. */
  beginEpoch(epoch: number): void {
    this.quantization?.schedule.beginEpoch(epoch, this.#config.epochs);
    this.model.train();
  }

  /** Sets the network up for being measured. */
  beginEvaluation(): void {
    this.quantization?.schedule.beginEvaluation();
  }

  /** Forward and loss of a batch; with a teacher, its part of the loss too. */
  step<Batch, Output>(task: EvaluationTask<Batch, Output>, batch: Batch): StepResult<Output> {
    const run = (model: nn.AnyModule) => task.step(model, batch);
    return this.quantization === null ? run(this.model) : this.quantization.step(run);
  }

  /** Backward and one step of the optimiser, then of the moving average where it is its turn. */
  update(loss: Tensor, epoch: number, step: number): void {
    const { optimizer, scaler } = this;
    const { clipGradNorm } = this.#config;
    optimizer.zeroGrad();
    if (scaler === null) {
      loss.backward();
      if (clipGradNorm !== null) optim.clipGradNorm_(this.model.parameters(), clipGradNorm);
      optimizer.step();
    } else {
      scaler.scale(loss).backward();
      if (clipGradNorm !== null) {
        // The norm is to be that of the true gradients.
        scaler.unscale_(optimizer);
        optim.clipGradNorm_(this.model.parameters(), clipGradNorm);
      }
      scaler.step(optimizer);
      scaler.update();
    }
    this.#updateAverage(epoch, step);
  }

  #updateAverage(epoch: number, step: number): void {
    const { average } = this;
    if (average === null || step % this.#config.modelEmaSteps !== 0) return;
    average.updateParameters(this.model);
    this.quantization?.align(average.module);
    // While the learning rate warms up the average is a copy: the weights of the beginning are not worth remembering.
    if (epoch < this.#config.lrWarmupEpochs) noGrad(() => average.n_averaged.zero_());
  }
}
