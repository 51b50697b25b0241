/** @file Modes that hold while a function runs: recording of gradients, inference, automatic mixed precision. */

import { refusePromise } from '../core/scope.ts';
import type { Device } from '../core/types.ts';
import type { DType } from '../dtype.ts';
import { native } from '../native.ts';

function withGradMode<T>(enabled: boolean, name: string, fn: () => T): T {
  const before = native.setGradEnabled(enabled);
  try {
    const result = fn();
    refusePromise(result, name);
    return result;
  } finally {
    native.setGradEnabled(before);
  }
}

/** Runs `fn` without recording what gradients would need. */
export function noGrad<T>(fn: () => T): T {
  return withGradMode(false, 'noGrad', fn);
}

/** Runs `fn` with recording on, also inside `noGrad`. */
export function enableGrad<T>(fn: () => T): T {
  return withGradMode(true, 'enableGrad', fn);
}

/** Switches recording on or off for good, and returns what it was. */
export function setGradEnabled(enabled: boolean): boolean {
  return native.setGradEnabled(enabled);
}

export function isGradEnabled(): boolean {
  return native.isGradEnabled();
}

/** As `noGrad`, and faster: tensors made inside can never take part in recording later. */
export function inferenceMode<T>(fn: () => T): T {
  native.pushInferenceMode(true);
  try {
    const result = fn();
    refusePromise(result, 'inferenceMode');
    return result;
  } finally {
    native.popInferenceMode();
  }
}

let autocasts = 0;

/** @internal True inside of `autocast`, where operators choose the types of their results by themselves. */
export function isAutocasting(): boolean {
  return autocasts > 0;
}

export interface AutocastOptions {
  /** Where the casts apply. Default `cpu`. */
  device?: Device;
  /** Default: bfloat16 on the CPU, float16 on CUDA. */
  dtype?: DType;
  /** `false` switches autocast off inside an outer region. Default `true`. */
  enabled?: boolean;
  /** Keep the casts of weights for the length of the region. Default `true`. */
  cache?: boolean;
}

/** Runs `fn` with operators that profit computing in half precision, the others in float32. */
export function autocast<T>(options: AutocastOptions, fn: () => T): T {
  const { device = 'cpu', enabled = true, cache = true } = options;
  const dtype = options.dtype ?? (device.startsWith('cuda') ? 'float16' : 'bfloat16');
  const before = native.setAutocast(device, enabled, dtype, cache);
  native.enterAutocast();
  autocasts++;
  try {
    const result = fn();
    refusePromise(result, 'autocast');
    return result;
  } finally {
    autocasts--;
    native.leaveAutocast();
    native.setAutocast(...before);
  }
}
