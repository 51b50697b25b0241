/** @file The `datasets` namespace: pictures with their classes, from folders, lists and well-known collections. */

export {
  type CocoAnnotation,
  type CocoCategory,
  type CocoFile,
  type CocoImage,
  readCocoFile,
} from './annotations/coco-file.ts';
export { type CocoSegmentation, cocoMask, maskRuns, type RunLengths, unpackCounts } from './annotations/coco-masks.ts';
export { type DetectedObject, type DetectionTarget, detectionTarget } from './annotations/detection-target.ts';
export {
  parseVoc,
  type VocAnnotation,
  type VocObject,
  type VocRecord,
  type VocTargetOptions,
  vocObjects,
  vocTarget,
} from './annotations/voc-xml.ts';
export { ArchiveError, type ExtractOptions, extractArchive } from './archives/extract.ts';
export { checkIntegrity, md5Of } from './archives/integrity.ts';
export { CsvList, type CsvListOptions } from './csv-list.ts';
export { DatasetError } from './errors.ts';
export { FakeData, type FakeDataOptions } from './fake.ts';
export { kittiFlow, loadFlo, loadPfm, planesToTensor } from './files/flow-files.ts';
export { type MatValue, parseMat, readMat } from './files/mat.ts';
export { loadPngSamples, type PngSamples, samplesToTensor } from './files/png-samples.ts';
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
export { type CheckOptions, type CheckResult, check, type Finding, type FindingKind } from './layouts/check.ts';
export { type ContactSheet, type ContactSheetOptions, contactSheet } from './layouts/contact-sheet.ts';
export { type DatasetDescription, describe, recognise } from './layouts/describe.ts';
export type { AnnotatedBox, Annotation, LayoutKind, LayoutSplit, RecognisedDataset } from './layouts/layout.ts';
export { type Count, type SplitStatistics, type StatisticsOptions, statistics } from './layouts/statistics.ts';
export { EMNIST, type EmnistSplit, FashionMNIST, KMNIST, MNIST } from './mnist.ts';
export {
  isPackedFile,
  PackedDataset,
  type PackedDatasetOptions,
  type PackFiles,
  type PackFormat,
  type PackImages,
  type PackOptions,
  type PackReport,
  packDataset,
  packedSplits,
} from './packed/index.ts';
export {
  type DownloadChoice,
  type IntegrityChoice,
  type PublishedClass,
  PublishedDataset,
  type PublishedOptions,
} from './published.ts';
export { CIFAR10, CIFAR100, FER2013, SEMEION, STL10, SVHN, USPS } from './sets/array-sets.ts';
export { type CaptionOptions, Flickr8k, Flickr30k, SBU } from './sets/caption-sets.ts';
export { CITYSCAPES_CLASSES, type CityscapesClass } from './sets/cityscapes-classes.ts';
export {
  type ClassifiedFile,
  CocoCaptions,
  CocoClassification,
  type CocoClassificationOptions,
  type CocoClassList,
  CocoDetection,
  CocoInstances,
  type CocoInstancesOptions,
  type CocoTargetOptions,
  cocoTarget,
  readCocoClasses,
  readModelMaker,
} from './sets/coco.ts';
export { MovingMNIST, type MovingMNISTOptions, QMNIST } from './sets/digit-sets.ts';
export {
  FlowDataset,
  type FlowFiles,
  type FlowOptions,
  type FlowSample,
  FlyingChairs,
  FlyingThings3D,
  HD1K,
  KittiFlow,
  Sintel,
} from './sets/flow-sets.ts';
export {
  Caltech256,
  Country211,
  EuroSAT,
  GTSRB,
  INaturalist,
  Omniglot,
  RenderedSST2,
  SUN397,
} from './sets/folder-sets.ts';
export { ImageNet } from './sets/imagenet.ts';
export { LFWPairs, type LFWPairsOptions, LFWPeople } from './sets/lfw.ts';
export {
  Caltech101,
  CelebA,
  CLEVRClassification,
  DTD,
  FGVCAircraft,
  Flowers102,
  Food101,
  OxfordIIITPet,
  Places365,
  StanfordCars,
} from './sets/list-sets.ts';
export { LSUN, LSUNClass, type LSUNOptions } from './sets/lsun.ts';
export { PCAM } from './sets/pcam.ts';
export { PhotoTour, type PhotoTourOptions } from './sets/photo-tour.ts';
export {
  CarlaStereo,
  CREStereo,
  ETH3DStereo,
  FallingThingsStereo,
  InStereo2k,
  Kitti2012Stereo,
  Kitti2015Stereo,
  type Middlebury2014Options,
  Middlebury2014Stereo,
  SceneFlowStereo,
  SintelStereo,
  StereoDataset,
  type StereoFiles,
  type StereoOptions,
  type StereoParts,
  type StereoSample,
} from './sets/stereo-sets.ts';
export {
  ADE20K,
  CAMVID_CLASSES,
  CamVid,
  Cityscapes,
  Kitti,
  type KittiObject,
  SBDataset,
  WIDERFace,
  type WiderFaces,
} from './sets/street-sets.ts';
export { VOC_CLASSES, VOCDetection, VOCFolder, type VOCFolderOptions, VOCSegmentation } from './sets/voc.ts';
export { RandomClipSampler, UniformClipSampler } from './video/clip-samplers.ts';
export {
  readVideoTimes,
  resampleFrames,
  type VideoClip,
  VideoClips,
  type VideoClipsOptions,
  type VideoTimes,
  type VideoTimesOptions,
} from './video/video-clips.ts';
export {
  type FoldOptions,
  HMDB51,
  Kinetics,
  type KineticsOptions,
  UCF101,
  VideoDataset,
  type VideoDatasetOptions,
  VideoFolder,
} from './video/video-sets.ts';
export { FileDataset, VisionDataset, type VisionDatasetOptions } from './vision-dataset.ts';
