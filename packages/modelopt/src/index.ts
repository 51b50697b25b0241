/** @file Model optimisation: surgery, quantisation and complexity of networks, each a transformation of a captured graph. */

export {};
