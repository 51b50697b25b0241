/** @file The ways in which training finds ranges, as data. */

/**
 * - `observed`: ranges follow what observers see.
 * - `pact`: the ends of activations are parameters (Choi et al., 2018); weights are observed.
 * - `lsq`: all scales are parameters (Esser et al., 2020); not for power-of-two scales.
 * - `tqt`: the logarithms of all thresholds are parameters (Jain et al., 2020); power-of-two scales stay such.
 *
 * What is trained begins with the range that calibration found.
 */
export type RangeMethod = 'observed' | 'pact' | 'lsq' | 'tqt';

export const rangeMethods: readonly RangeMethod[] = ['observed', 'pact', 'lsq', 'tqt'];
