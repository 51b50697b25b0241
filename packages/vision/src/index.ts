/** @file torchvision for TypeScript: models, operators, transforms, data sets. */

export * as datapoints from './datapoints/index.ts';
export * as datasets from './datasets/index.ts';
export { DownloadError, type DownloadOptions, type DownloadProgress, downloadFile } from './download.ts';
export * as io from './io/index.ts';
export * as models from './models/index.ts';
export {
  downloadWeights,
  getModel,
  getModelBuilder,
  getModelInfo,
  getModelWeights,
  getWeight,
  type ListModelsOptions,
  listModels,
  type ModelBuilder,
  type ModelInfo,
  type ModelOptions,
  type ModelTask,
  registerModel,
  UnknownModelError,
  type Weights,
  type WeightsEnum,
  WeightsNotDownloadedError,
  type WeightsOption,
} from './models/index.ts';
export * as ops from './ops/index.ts';
export * as transforms from './transforms/index.ts';
export * as utils from './utils/index.ts';
