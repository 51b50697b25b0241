/** @file Model optimisation: surgery, quantisation and complexity of networks, each a transformation of a captured graph. */

export * as quantization from './quantization/index.ts';
