/** @file A backbone with a classifier of each pixel on top, and the registration that all networks of this kind share. */

import { ArgumentError, nn, type Tensor } from '@edgeai/torch';
import type { Features } from '../intermediate-layers.ts';
import { registerPublished } from '../published-model.ts';
import { prescribe, requireCount } from '../utils.ts';
import type { WeightsEnum, WeightsOption } from '../weights.ts';

/** Scores of each class at each pixel, `(N, numClasses, H, W)`; of the auxiliary head too, where the network has one. */
export interface SegmentationOutputs {
  out: Tensor;
  aux?: Tensor;
}

/** A network that segments. */
export type SegmentationModel = nn.Module<[Tensor], SegmentationOutputs>;

/** Scores at the size of another map, bilinear. */
export function resizeLike(scores: Tensor, reference: Tensor): Tensor {
  return nn.functional.interpolate(scores, { size: reference.shape.slice(-2), mode: 'bilinear', alignCorners: false });
}

/**
 * Classifies the backbone's feature map `out`, and `aux` with the auxiliary head, and resizes the scores to the image's size.
 * `(N, 3, H, W)` to {@link SegmentationOutputs}.
 */
export class SimpleSegmentationModel extends nn.Module<[Tensor], SegmentationOutputs> {
  readonly backbone: nn.Module<[Tensor], Features>;
  readonly classifier: nn.Module;
  readonly aux_classifier: nn.Module | null;

  constructor(backbone: nn.Module<[Tensor], Features>, classifier: nn.Module, auxClassifier: nn.Module | null = null) {
    super();
    this.backbone = backbone;
    this.classifier = classifier;
    this.aux_classifier = auxClassifier;
  }

  forward(x: Tensor): SegmentationOutputs {
    const features = this.backbone(x);
    const out = resizeLike(this.classifier(featureMap(features, 'out')), x);
    if (this.aux_classifier === null) return { out };
    return { out, aux: resizeLike(this.aux_classifier(featureMap(features, 'aux')), x) };
  }
}

/** A feature map by name. @throws {ArgumentError} when the backbone does not return it */
export function featureMap(features: Features, name: string): Tensor {
  const found = features[name];
  if (found !== undefined) return found;
  throw new ArgumentError(
    'backbone',
    `Expected a feature map '${name}' of the backbone but received ${Object.keys(features).join(', ') || 'none'}`,
  );
}

export interface SegmentationOptions {
  /** Classes, the background among them. Default 21. */
  numClasses?: number;
  /** Add a second head, on features half way, whose loss helps training. Default: only with published weights. */
  auxLoss?: boolean | null;
  /**
   * Published weights of the backbone, or a file with them; not read where `weights` are given. Default: none, since models
   * do not download anything by themselves.
   */
  weightsBackbone?: WeightsOption;
}

export interface Segmenter<M extends SegmentationModel> {
  /** Published checkpoints. */
  weights: WeightsEnum;
  /** Whether the network can have an auxiliary head. */
  hasAux: boolean;
  /** Makes the network. */
  make: (numClasses: number, auxLoss: boolean, weightsBackbone: WeightsOption) => M;
}

/** Makes a builder for a segmentation network and registers it under `name`. */
export function registerSegmenter<M extends SegmentationModel>(name: string, { weights, hasAux, make }: Segmenter<M>) {
  return registerPublished(name, {
    make: ({ numClasses = 21, auxLoss, weightsBackbone }: SegmentationOptions) => {
      requireCount('numClasses', numClasses);
      if (auxLoss && !hasAux) throw new ArgumentError('auxLoss', `Model '${name}' has no auxiliary head`);
      return make(numClasses, auxLoss ?? false, weightsBackbone);
    },
    weights,
    task: 'segmentation',
    module: 'segmentation',
    inputShapes: [[1, 3, 520, 520]],
    defaultOptions: { numClasses: 21, auxLoss: undefined, weightsBackbone: undefined },
    prescribe: (options, entry) => {
      const whole = { ...options, weightsBackbone: null };
      if (!hasAux) return whole;
      return prescribe({ ...whole, auxLoss: options.auxLoss ?? undefined }, 'auxLoss', true, entry.name);
    },
  });
}
