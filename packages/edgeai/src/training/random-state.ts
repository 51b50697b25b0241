/** @file Saves and restores where the random generators stand, so that a resumed run draws the numbers that it would have drawn. */

import { cuda, defaultGenerator, type Tensor } from '@edgeai/torch';

/** States by device. */
export interface RandomState {
  cpu: Tensor;
  cuda?: Tensor[];
}

/** The states of the default generators now. */
export function saveRandomState(): RandomState {
  const cpu = defaultGenerator('cpu').getState();
  if (!cuda.isAvailable()) return { cpu };
  return { cpu, cuda: cudaDevices().map((device) => defaultGenerator(device).getState()) };
}

/** Puts the default generators where they were. States of devices that are not there are left out. */
export function restoreRandomState(state: RandomState): void {
  defaultGenerator('cpu').setState(state.cpu);
  for (const [index, device] of cudaDevices().entries()) {
    const saved = state.cuda?.[index];
    if (saved !== undefined) defaultGenerator(device).setState(saved);
  }
}

function cudaDevices(): string[] {
  return Array.from({ length: cuda.deviceCount() }, (_, index) => `cuda:${index}`);
}
