/** @file The `nn` namespace: modules, layers, losses, initialisation. */

export { ModuleDict, ModuleList, ParameterList, Sequential } from './containers.ts';
export { type AnyModule, type ForwardHook, type ForwardPreHook, Module } from './module.ts';
export { Buffer, type FactoryOptions, Parameter } from './parameter.ts';
export { describeReport, type LoadReport, type LoadStateDictOptions, type MismatchedKey, type StateDict, StateDictError } from './state-dict.ts';
