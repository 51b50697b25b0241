/** @file What a checkpoint holds, and taking it from and putting it back into a running training. PyTorch reads the files. */

import { FileFormatError, keep, load, type nn, save, scope, Tensor } from '@edgeai/torch';
import { z } from 'zod';

import type { TrainingConfig } from '../recipes/training-options.ts';
import type { MetricsRecord } from '../runs/metrics-log.ts';
import { type RandomState, restoreRandomState, saveRandomState } from './random-state.ts';
import type { TaskFacts } from './task.ts';
import type { Trainer } from './trainer.ts';

/** The best evaluation so far. */
export interface Best {
  epoch: number;
  value: number;
}

/** How far a run is. */
export interface RunPosition {
  /** The last epoch that was trained to its end; -1 before the first. */
  epoch: number;
  /** The record of that epoch's training where its evaluation is still to be made; null where it has been made. */
  unevaluated: MetricsRecord | null;
  best: Best | null;
  /** Seconds and images of all training so far, over all sessions of the run. */
  seconds: number;
  images: number;
}

/** A checkpoint in memory: the original script's keys, and ours under one of their own. */
export interface Checkpoint {
  model: nn.StateDict;
  optimizer: unknown;
  lr_scheduler: unknown;
  epoch: number;
  args: Record<string, unknown>;
  model_ema?: unknown;
  scaler?: unknown;
  companion?: nn.StateDict;
  edgeai: RunPosition & { version: number; random: RandomState; facts: TaskFacts };
}

const VERSION = 1;

const tensor = z.instanceof(Tensor);

/** What this program adds; only its own files have it, so it is checked strictly. */
const ownPart = z.object({
  version: z.literal(VERSION),
  epoch: z.int(),
  unevaluated: z.record(z.string(), z.unknown()).nullable(),
  best: z.object({ epoch: z.int(), value: z.number() }).nullable(),
  seconds: z.number(),
  images: z.number(),
  random: z.object({ cpu: tensor, cuda: z.array(tensor).optional() }),
});

const originalPart = z.object({
  model: z.record(z.string(), tensor),
  optimizer: z.unknown(),
  lr_scheduler: z.record(z.string(), z.unknown()),
  epoch: z.int(),
});

/** The state of a training now. Its tensors are the training's own: save it, or `copyCheckpoint` it, before the next step. */
export function takeCheckpoint(
  trainer: Trainer,
  position: RunPosition,
  config: TrainingConfig,
  facts: TaskFacts,
): Checkpoint {
  return {
    model: trainer.model.stateDict(),
    optimizer: trainer.optimizer.stateDict(),
    lr_scheduler: trainer.scheduler.stateDict(),
    epoch: position.epoch,
    args: argsOf(config),
    ...(trainer.average === null ? {} : { model_ema: trainer.average.stateDict() }),
    ...(trainer.scaler === null ? {} : { scaler: trainer.scaler.stateDict() }),
    ...(trainer.companion === null ? {} : { companion: trainer.companion.stateDict() }),
    edgeai: { version: VERSION, ...position, random: saveRandomState(), facts },
  };
}

/** A checkpoint with tensors of its own, which stay as they are while the training goes on. `dispose` it when done. */
export function copyCheckpoint(checkpoint: Checkpoint): Checkpoint {
  return keep(scope(() => copyTensors(checkpoint)));
}

function copyTensors<T>(value: T): T;
function copyTensors(value: unknown): unknown {
  // The layout stays: a channels-last tensor that came back contiguous would be computed with in another order.
  if (value instanceof Tensor) return value.detach().clone();
  if (Array.isArray(value)) return value.map((item) => copyTensors(item));
  if (value instanceof Map) return new Map(Array.from(value, ([key, item]) => [key, copyTensors(item)]));
  if (isPlain(value)) return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copyTensors(item)]));
  return value;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Writes a checkpoint so that a crash at any moment leaves the old file or the new one. */
export function writeCheckpoint(path: string, checkpoint: Checkpoint): void {
  save(checkpoint, path, { detach: true });
}

/** What a checkpoint said beside the state that it restored. */
export interface Resumed {
  position: RunPosition;
  /** The settings of the run that it is of, under the original's names. */
  args: Readonly<Record<string, unknown>>;
  /** True where another program wrote it. */
  foreign: boolean;
}

/**
 * Puts the state of the file at `path` into `trainer` and the random generators.
 *
 * A checkpoint of the original scripts works too: what it does not have (random state, best metric) is then not restored,
 * and `foreign` is true.
 *
 * @throws FileReadError where it cannot be read; FileFormatError, StateDictError or OptimizerStateError where it does not fit
 */
export function resumeFrom(path: string, trainer: Trainer): Resumed {
  return scope(() => {
    const content = readCheckpoint(path);
    const original = originalPart.safeParse(content);
    if (!original.success) {
      const missing = ['model', 'optimizer', 'lr_scheduler', 'epoch'].filter((key) => !(key in content));
      const why = missing.length > 0 ? `it has no ${missing.join(', ')}` : String(original.error.issues[0]?.message);
      throw new FileFormatError(`cannot be resumed from: ${why} (to begin with its weights, use --weights)`, path);
    }
    const own = 'edgeai' in content ? ownPart.safeParse(content.edgeai) : undefined;
    if (own?.success === false) {
      throw new FileFormatError(
        `its part 'edgeai' is damaged or of another version: ${own.error.issues[0]?.message}`,
        path,
      );
    }
    trainer.model.loadStateDict(original.data.model);
    trainer.optimizer.loadStateDict(original.data.optimizer);
    trainer.scheduler.loadStateDict(original.data.lr_scheduler);
    if (trainer.average !== null) restorePart('model_ema', '--model-ema', content, trainer.average, path);
    if (trainer.scaler !== null) restorePart('scaler', '--amp-dtype float16', content, trainer.scaler, path);
    if (trainer.companion !== null)
      restorePart('companion', 'weights of several losses', content, trainer.companion, path);
    const args = isPlain(content.args) ? content.args : {};
    if (own === undefined) {
      const position = { epoch: original.data.epoch, unevaluated: null, best: null, seconds: 0, images: 0 };
      return { position, args, foreign: true };
    }
    const { random, version: _, ...position } = own.data;
    restoreRandomState(random);
    return {
      position: { ...position, unevaluated: position.unevaluated as MetricsRecord | null },
      args,
      foreign: false,
    };
  });
}

function restorePart(
  key: string,
  option: string,
  content: Record<string, unknown>,
  target: { loadStateDict(state: never): unknown },
  path: string,
): void {
  if (!(key in content)) throw new FileFormatError(`it was trained without ${option}: continue without it`, path);
  target.loadStateDict(content[key] as never);
}

/** The content of a checkpoint file as a record of its top-level keys. Its tensors belong to the scope around. */
export function readCheckpoint(path: string): Record<string, unknown> {
  const content = load(path, { mapLocation: 'cpu' });
  if (!isPlain(content)) throw new FileFormatError('expected a dictionary, as a checkpoint is', path);
  return content;
}

/** The settings under the names of the original's arguments: `batch_size` for `batchSize`. */
export function argsOf(config: TrainingConfig): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => [
      key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value,
    ]),
  );
}
