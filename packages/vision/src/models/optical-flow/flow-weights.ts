/** @file What the entries of the optical-flow networks share: address, preset, and what the names of data sets stand for. */

import type { Weights } from '../weights.ts';

const AUTHORS = 'https://github.com/princeton-vl/RAFT';
const REFERENCE = 'https://github.com/pytorch/vision/tree/main/references/optical_flow';

/** The data sets, in the order in which training goes through them. */
const DATA = {
  chairs: 'FlyingChairs',
  things: 'FlyingThings3D',
  sintelMix: 'a mix of Sintel, KITTI, HD1K and the clean pass of FlyingThings3D',
  kitti: 'KITTI',
} as const;

export interface FlowWeights {
  /** File name; the eight hexadecimal digits in it begin the file's SHA-256. */
  file: string;
  numParams: number;
  /** 10^9 multiply-accumulates of a pair of images of 512×512, with 12 updates. */
  ops: number;
  /** MB. */
  fileSize: number;
  /**
   * By data set: `epe` is the mean distance to the true flow in pixels, `per_image_epe` its mean over images, `fl_all` the
   * percentage of pixels that are further off than 3 pixels and 5 % of the true flow.
   */
  metrics: Readonly<Record<string, Readonly<Record<string, number>>>>;
  trainedOn: readonly (keyof typeof DATA)[];
  /** Whether the weights are those of the paper's authors, and not trained anew. */
  ported: boolean;
}

/** A checkpoint of an optical-flow network. */
export function opticalFlow(given: FlowWeights): Omit<Weights, 'name'> {
  const { file, numParams, ops, fileSize, metrics, trainedOn, ported } = given;
  const origin = ported ? "The weights of the paper's authors, ported; trained" : 'Trained from scratch';
  return {
    url: `https://download.pytorch.org/models/${file}`,
    transforms: { kind: 'optical_flow' },
    meta: {
      categories: [],
      numParams,
      minSize: [128, 128],
      recipe: ported ? AUTHORS : REFERENCE,
      metrics,
      ops,
      fileSize,
      docs: `${origin} on ${trainedOn.map((name) => DATA[name]).join(', then on ')}.`,
    },
  };
}
