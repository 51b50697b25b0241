/** @file The `datasets` namespace: pictures with their classes, from folders, lists and well-known collections. */

export { CsvList, type CsvListOptions } from './csv-list.ts';
export { DatasetError } from './errors.ts';
export { FakeData, type FakeDataOptions } from './fake.ts';
export {
  DatasetFolder,
  type DatasetFolderOptions,
  type FolderSample,
  IMG_EXTENSIONS,
  ImageFolder,
  type ImageFolderOptions,
} from './folder.ts';
export { parseIdx, readIdx } from './idx.ts';
export { IdxDataset, type IdxDatasetOptions, type IdxOpenOptions, type IdxSource } from './idx-dataset.ts';
export { EMNIST, type EmnistSplit, FashionMNIST, KMNIST, MNIST } from './mnist.ts';
export { FileDataset, VisionDataset, type VisionDatasetOptions } from './vision-dataset.ts';
