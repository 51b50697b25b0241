/** @file Sets up where and how libtorch computes, as the machine options of a recipe say. */

import { buildInfo, cuda, manualSeed, setNumThreads, useDeterministicAlgorithms } from '@edgeai/torch';

import { FailureError } from '../errors.ts';
import type { TrainingConfig } from '../recipes/training-options.ts';
import type { Placement } from './task.ts';

/** Checks the device, sets threads, determinism and the seed. Throws a FailureError `NO_CUDA` for a GPU that is not there. */
export function setUpMachine(
  config: Pick<TrainingConfig, 'device' | 'threads' | 'useDeterministicAlgorithms' | 'seed' | 'memoryFormat'>,
): Placement {
  requireDevice(config.device);
  if (config.threads !== null) setNumThreads(config.threads);
  useDeterministicAlgorithms(config.useDeterministicAlgorithms);
  manualSeed(config.seed);
  const memoryFormat = config.memoryFormat === 'channels_last' ? 'channels_last' : 'contiguous_format';
  return { device: config.device, memoryFormat };
}

/** Throws a FailureError `NO_CUDA` that says what to do where `device` names a GPU that is not there. */
export function requireDevice(device: string): void {
  if (!device.startsWith('cuda')) return;
  const count = cuda.deviceCount();
  const index = Number(/:(\d+)$/.exec(device)?.[1] ?? 0);
  if (index < count) return;
  const { torchVersion } = buildInfo();
  const why =
    count > 0
      ? `there ${count === 1 ? 'is one GPU' : `are ${count} GPUs`}, counted from 0`
      : `libtorch ${torchVersion} finds no GPU: it is a build for the CPU, or the driver is missing`;
  const cure =
    count > 0
      ? 'choose one of them'
      : 'leave --device out to compute on the CPU, or install a CUDA build of PyTorch and run `LIBTORCH=<its folder> npm run setup`; `edgeai doctor` shows what was found';
  throw new FailureError('NO_CUDA', `--device ${device}: ${why}; ${cure}`);
}
