/** @file The 'edgeailite' networks, their losses, metrics, joint transforms and dense data sets. */

export * as models from './models/index.ts';
