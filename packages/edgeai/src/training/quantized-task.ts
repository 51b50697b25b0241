/** @file A task whose network has been replaced by its quantised form: the same data, losses and figures. */

import type { nn, Tensor } from '@edgeai/torch';

import type { BatchSource, Meter, Placement, StepResult, Task, TaskFacts } from './task.ts';

/** Everything but the network and its facts is the other task's. */
export class QuantizedTask<Batch, Output> implements Task<Batch, Output> {
  readonly model: nn.AnyModule;
  readonly facts: TaskFacts;
  readonly companion?: nn.AnyModule;
  readonly #task: Task<Batch, Output>;

  constructor(task: Task<Batch, Output>, model: nn.AnyModule, facts: TaskFacts) {
    this.#task = task;
    this.model = model;
    this.facts = facts;
    if (task.companion !== undefined) this.companion = task.companion;
  }

  get name(): string {
    return this.#task.name;
  }

  get modelName(): string {
    return this.#task.modelName;
  }

  get training(): BatchSource<Batch> {
    return this.#task.training;
  }

  get evaluation(): BatchSource<Batch> {
    return this.#task.evaluation;
  }

  get decisive(): Task<Batch, Output>['decisive'] {
    return this.#task.decisive;
  }

  sizeOf(batch: Batch): number {
    return this.#task.sizeOf(batch);
  }

  place(batch: Batch, placement: Placement): Batch {
    return this.#task.place(batch, placement);
  }

  step(model: nn.AnyModule, batch: Batch): StepResult<Output> {
    return this.#task.step(model, batch);
  }

  meter(): Meter<Batch, Output> {
    return this.#task.meter();
  }

  beginEpoch(epoch: number): void {
    this.#task.beginEpoch?.(epoch);
  }

  samples(count: number): Promise<Tensor[][]> {
    return this.#task.samples(count);
  }
}
