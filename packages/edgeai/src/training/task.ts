/** @file What differs between tasks, as the one training loop sees it: batches, the loss of a batch, figures, which figure decides. */

import type { nn, Tensor } from '@edgeai/torch';

import type { Json } from '../recipes/kinds.ts';

/** Batches in the order in which they are to be used; each pass is an epoch. The source owns a batch until the next one is asked for. */
export interface BatchSource<Batch> extends AsyncIterable<Batch> {
  /** Batches of a pass. */
  readonly length: number;
  /** Ends threads that it keeps between passes. */
  close?(): Promise<void>;
}

/** What a network made of a batch. */
export interface StepResult<Output> {
  /** A single number, to be minimised. */
  loss: Tensor;
  output: Output;
}

/** Gathers the figures of a pass, batch by batch. */
export interface Meter<Batch, Output> {
  /** Looks at one batch; what it creates is released afterwards. `loss` is the value of the loss. */
  add(batch: Batch, output: Output, loss: number): void;
  /** All figures over what was added so far, the most important first, such as `{ loss, acc1, acc5 }`. */
  figures(): Record<string, number>;
  /** What a user should know of what was added, such as classes that never came. */
  remarks?(): readonly string[];
  /** What the figures are made of, for TensorBoard. */
  details?(): readonly MeterDetail[];
}

/** A text in Markdown, or a matrix of counts: rows are true classes, columns what they were taken for. */
export type MeterDetail = { readonly tag: string } & (
  | { readonly markdown: string }
  | { readonly matrix: readonly (readonly number[])[] }
);

/** Where tensors have to be for a step. */
export interface Placement {
  readonly device: string;
  readonly memoryFormat: 'channels_last' | 'contiguous_format';
}

/** A network together with data to measure it on. */
export interface EvaluationTask<Batch, Output> {
  readonly model: nn.AnyModule;
  readonly evaluation: BatchSource<Batch>;
  /** Items (images) of a batch. */
  sizeOf(batch: Batch): number;
  /** The batch on the device and in the layout of the run; runs in the scope of the step. */
  place(batch: Batch, placement: Placement): Batch;
  /** Runs the network and the loss; the model's mode (training or not) says which loss. */
  step(model: nn.AnyModule, batch: Batch): StepResult<Output>;
  meter(): Meter<Batch, Output>;
}

/**
 * A network together with its data: everything that training, evaluation and export need to know of a task. Made by the
 * task's own `open…` function, which builds the data first and the network after it.
 */
export interface Task<Batch, Output> extends EvaluationTask<Batch, Output> {
  /** Such as `classification`. */
  readonly name: string;
  /** Name of the model in the zoo. */
  readonly modelName: string;
  readonly training: BatchSource<Batch>;
  /** The figure of an evaluation that decides which epoch is the best. */
  readonly decisive: { readonly figure: string; readonly better: 'higher' | 'lower' };
  /** Called before each epoch, for samplers that depend on it. */
  beginEpoch?(epoch: number): void;
  /**
   * A few real inputs of the network, each an array of its arguments with a batch of 1: the export is compared on them, and
   * the first gives the shapes.
   */
  samples(count: number): Promise<Tensor[][]>;
  /**
   * Pictures of how the network does, for TensorBoard: uint8 `(3, H, W)` by name, which belong to the caller. Asked for after
   * each epoch, with the model in evaluation mode; must not draw random numbers.
   */
  pictures?(
    model: nn.AnyModule,
    placement: Placement,
  ): Promise<readonly { readonly tag: string; readonly image: Tensor }[]>;
  /** What somebody who has only the checkpoint needs to use the network: classes, preprocessing, model options. */
  readonly facts: TaskFacts;
  /** What is trained and saved together with the network and is no part of it, such as learned weights of several losses. */
  readonly companion?: nn.AnyModule;
}

/** Kept in checkpoints and beside exports. */
export interface TaskFacts {
  readonly task: string;
  readonly model: string;
  readonly modelOptions: Readonly<Record<string, Json>>;
  /** Shapes of the network's inputs, with a batch of 1. */
  readonly inputShapes: readonly (readonly number[])[];
  /** Names by class index, where there are classes. */
  readonly classes: readonly string[];
  readonly preprocessing: Readonly<Record<string, Json>>;
}
