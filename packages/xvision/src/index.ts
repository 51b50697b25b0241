/** @file The 'edgeailite' networks, their losses, metrics, joint transforms and dense data sets. */

export * as datasets from './datasets/index.ts';
export * as losses from './losses/index.ts';
export * as metrics from './metrics/index.ts';
export * as models from './models/index.ts';
export * as scenes from './scenes/index.ts';
export * as transforms from './transforms/index.ts';
export * as visual from './visual/index.ts';
