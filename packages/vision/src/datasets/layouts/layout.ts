/** @file What is known of a data set on disk once its layout is recognised: its parts, and any sample's picture and annotation. */

import type { DecodedImage } from '../../io/decoded-image.ts';
import type { PngSamples } from '../files/png-samples.ts';

/** How a data set lies on disk. */
export type LayoutKind =
  | 'image-folder'
  | 'image-folder-splits'
  | 'images'
  | 'csv'
  | 'coco'
  | 'coco-classification'
  | 'voc'
  | 'yolo'
  | 'cityscapes'
  | 'camvid'
  | 'ade20k'
  | 'cifar'
  | 'mnist'
  | 'stl10'
  | 'svhn'
  | 'video-folder';

/** An object in a picture. */
export interface AnnotatedBox {
  /** Left, top, right, bottom in pixels. */
  readonly box: readonly [number, number, number, number];
  readonly name: string;
}

/** What is said about one sample. */
export interface Annotation {
  /** Number of the class. */
  readonly label?: number;
  readonly boxes?: readonly AnnotatedBox[];
  /** A class for every pixel. */
  readonly mask?: PngSamples;
}

/** A part of a data set. */
export interface LayoutSplit {
  readonly name: string;
  readonly length: number;
  /** The sample's file; the file that holds it where many are in one. */
  readonly path: (index: number) => string;
  /** Whether every sample is a file of its own. */
  readonly ownFiles: boolean;
  readonly image: (index: number) => Promise<DecodedImage>;
  /** @throws for an annotation that is missing or malformed */
  readonly annotation: (index: number) => Promise<Annotation>;
  /** Releases what is held in memory. */
  readonly dispose?: () => void;
}

/** A data set whose layout is known. */
export interface RecognisedDataset {
  readonly kind: LayoutKind;
  /** The layout in words. */
  readonly title: string;
  readonly task: 'classification' | 'detection' | 'segmentation' | 'video' | 'unlabelled';
  readonly splits: readonly LayoutSplit[];
  /** Names by number: of labels, or of the values of masks. For boxes, all names there are. */
  readonly classes: readonly string[];
  /** What is amiss, in words. */
  readonly problems: readonly string[];
}

/** Something that looks at a path and either knows what lies there or not. */
export type Recogniser = (path: string) => RecognisedDataset | undefined;
