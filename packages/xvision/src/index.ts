/** @file The 'edgeailite' networks, their losses, metrics, joint transforms and dense data sets. */

export * as losses from './losses/index.ts';
export * as metrics from './metrics/index.ts';
export * as models from './models/index.ts';
export * as scenes from './scenes/index.ts';
