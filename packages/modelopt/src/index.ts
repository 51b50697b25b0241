/** @file Model optimisation: surgery, quantisation and complexity of networks, each a transformation of a captured graph. */

export * as complexity from './complexity/index.ts';
export * as lint from './lint/index.ts';
export * as lite from './lite/index.ts';
export * as quantization from './quantization/index.ts';
export * as surgery from './surgery/index.ts';
export { applySurgery, convertToLiteModel } from './surgery/index.ts';
