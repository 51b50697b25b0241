/** @file The registered names of the edgeailite classifiers. */

import type { nn } from '@edgeai/torch';
import { type ModelOptions, models, registerModel } from '@edgeai/vision';
import { figuresOf } from '../figures.ts';
import { loadRenamed, type RenameRules } from '../load-renamed.ts';
import { MobileNetV1, type MobileNetV1Options } from './mobilenetv1.ts';
import { MobileNetV2, type MobileNetV2Options } from './mobilenetv2.ts';
import { MobileNetV3, type MobileNetV3Variant } from './mobilenetv3.ts';
import {
  REGNETX1P6GF,
  REGNETX3P2GF,
  REGNETX400MF,
  REGNETX800MF,
  RegNet,
  type RegNetLayout,
  type RegNetOptions,
} from './regnet.ts';
import { RESNET18, RESNET50, ResNet, type ResNetLayout, type ResNetOptions } from './resnet.ts';
import { ShuffleNetV2 } from './shufflenetv2.ts';

interface Definition {
  readonly make: (options: ModelOptions) => nn.AnyModule;
  /** Options besides `numClasses`, with their defaults. */
  readonly defaults: Readonly<Record<string, unknown>>;
  /** How keys of checkpoints of the same network from elsewhere become those of this one. */
  readonly renames: RenameRules;
}

const COMMON = { inputChannels: 3, strides: undefined };
const SCALED = { ...COMMON, widthMult: 1, fastdown: false };

const mobilenetv1: Definition = {
  make: (options) => new MobileNetV1(options as MobileNetV1Options),
  defaults: { ...SCALED, dropout: false },
  renames: [],
};

function mobilenetv2(width: number, expandRatio: number): Definition {
  const defaults = { ...SCALED, widthMult: width, expandRatio, dropout: false, linearDw: false };
  return {
    make: (options) => new MobileNetV2({ ...defaults, ...options } as MobileNetV2Options),
    defaults,
    renames: [],
  };
}

function mobilenetv3(variant: MobileNetV3Variant): Definition {
  return {
    make: (options) => new MobileNetV3(variant, options),
    defaults: { ...COMMON, widthMult: variant.width },
    renames: [],
  };
}

function resnet(layout: ResNetLayout, width = 1): Definition {
  const defaults = { ...SCALED, widthMult: width };
  return {
    make: (options) => new ResNet(layout, { ...defaults, ...options } as ResNetOptions),
    defaults,
    renames: [
      [/^(conv1|bn1|relu|maxpool|layer\d)\./, ['features.$1.']],
      [/^fc\./, ['classifier.']],
    ],
  };
}

function regnet(layout: RegNetLayout): Definition {
  return {
    make: (options) => new RegNet(layout, options as RegNetOptions),
    defaults: { ...COMMON, fastdown: false },
    renames: [[/^(stem|s1|s2|s3|s4)\./, ['features.$1.']]],
  };
}

function shufflenet(widths: readonly number[]): Definition {
  return {
    make: (options) => new ShuffleNetV2(widths, options),
    defaults: COMMON,
    renames: [
      [/^(conv\d|maxpool|stage\d)\./, ['features.$1.']],
      [/^fc\./, ['classifier.']],
    ],
  };
}

const large = { architecture: 'large', width: 1, reducedTail: false } as const;
const small = { architecture: 'small', width: 1, reducedTail: false } as const;

const CLASSIFIERS: Readonly<Record<string, Definition>> = {
  mobilenetv1_x1: mobilenetv1,
  mobilenetv2_tv_x1: mobilenetv2(1, 6),
  mobilenetv2_x1: mobilenetv2(1, 6),
  mobilenetv2_tv_x2_t2: mobilenetv2(2, 2),
  mobilenetv3_small_x1: mobilenetv3({ ...small, lite: false }),
  mobilenetv3_large_x1: mobilenetv3({ ...large, lite: false }),
  mobilenetv3_lite_small_x1: mobilenetv3({ ...small, lite: true }),
  mobilenetv3_lite_large_x1: mobilenetv3({ ...large, lite: true }),
  mobilenetv3_lite_large_x2r: mobilenetv3({ architecture: 'large', lite: true, width: 2, reducedTail: true }),
  resnet18_x1: resnet(RESNET18),
  resnet50_x1: resnet(RESNET50),
  resnet50_xp5: resnet(RESNET50, 0.5),
  regnetx400mf_x1: regnet(REGNETX400MF),
  regnetx800mf_x1: regnet(REGNETX800MF),
  regnetx1p6gf_x1: regnet(REGNETX1P6GF),
  regnetx3p2gf_x1: regnet(REGNETX3P2GF),
  regnetx400mf_x1_bgr: regnet(REGNETX400MF),
  regnetx800mf_x1_bgr: regnet(REGNETX800MF),
  regnetx1p6gf_x1_bgr: regnet(REGNETX1P6GF),
  regnetx3p2gf_x1_bgr: regnet(REGNETX3P2GF),
  shufflenetv2_x1p0: shufflenet([24, 116, 232, 464, 1024]),
  shufflenetv2_x1p5: shufflenet([24, 176, 352, 704, 1024]),
  vgg16_x1: {
    make: (options) => models.vgg16({ numClasses: options.numClasses }) as nn.AnyModule,
    defaults: {},
    renames: [],
  },
};

/** The names of all edgeailite classifiers. */
export const edgeailiteClassifiers: readonly string[] = Object.keys(CLASSIFIERS);

for (const [name, { make, defaults, renames }] of Object.entries(CLASSIFIERS)) {
  registerModel(
    name,
    (options: ModelOptions = {}) => {
      const { weights, ...rest } = options;
      return loadRenamed(make(rest), weights, renames);
    },
    {
      task: 'classification',
      module: 'edgeailite',
      inputShapes: [[1, 3, 224, 224]],
      defaultOptions: { numClasses: 1000, ...defaults },
      figures: figuresOf(name),
    },
  );
}
