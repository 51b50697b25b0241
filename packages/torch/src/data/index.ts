/** @file The `data` namespace: data sets, samplers, collating, the loader. */

export { type Collated, defaultCollate } from './collate.ts';
export {
  ArrayDataset,
  ConcatDataset,
  checkIndex,
  type Dataset,
  type DatasetLike,
  type IterableDataset,
  randomSplit,
  Subset,
  TensorDataset,
} from './dataset.ts';
export { DistributedSampler, type DistributedSamplerOptions } from './distributed-sampler.ts';
export type { SkippedSample } from './gather.ts';
export { aspectRatioGroups, GroupedBatchSampler } from './grouped-batch-sampler.ts';
export { DataLoader, type DataLoaderOptions } from './loader.ts';
export {
  fromModule,
  type HasWorkerSource,
  isPortable,
  portable,
  portableFactory,
  type WorkerSource,
  workerSource,
} from './portable.ts';
export { RASampler, type RASamplerOptions } from './repeated-sampler.ts';
export { SampleError } from './sample-error.ts';
export {
  type BatchIndices,
  BatchSampler,
  RandomSampler,
  type RandomSamplerOptions,
  type Sampler,
  SequentialSampler,
  type Sized,
  SubsetRandomSampler,
  WeightedRandomSampler,
  type WeightedRandomSamplerOptions,
} from './samplers.ts';
export { getWorkerInfo, type WorkerInfo } from './worker-info.ts';
export { WorkerError } from './worker-messages.ts';
