/** @file The registered names of the pixel-to-pixel networks: encoder × decoder × what distinguishes them. */

import { nn } from '@edgeai/torch';
import { type ModelOptions, registerModel } from '@edgeai/vision';
import { type Activation, divisibleBy8, type GroupSize, relu } from '../../layers/conv.ts';
import type { Backbone } from '../backbone.ts';
import { mobileNetV2Features } from '../classification/mobilenetv2.ts';
import {
  REGNETX1P6GF,
  REGNETX3P2GF,
  REGNETX400MF,
  REGNETX800MF,
  type RegNetLayout,
  regNetFeatures,
} from '../classification/regnet.ts';
import { RESNET50, resNetFeatures } from '../classification/resnet.ts';
import { figuresOf } from '../figures.ts';
import { loadRenamed, type RenameRules } from '../load-renamed.ts';
import { BiFpnDecoder } from './bifpn.ts';
import type { DecoderContext, DecoderDescription, Shortcuts } from './decoder.ts';
import { DeepLabV3PlusDecoder } from './deeplabv3plus.ts';
import { FpnDecoder } from './fpn.ts';
import { type Pixel2PixelDescription, Pixel2PixelNet } from './net.ts';
import type { Pixel2PixelOptions } from './options.ts';
import type { ReceptiveField } from './receptive-field.ts';
import { UNetDecoder } from './unet.ts';

interface Encoder {
  readonly make: (inputChannels: number, strides: readonly number[]) => Backbone;
  readonly numInputBlocks: number;
  /** Channels at strides 2, 4, 8, 16, 32; with `fastdown` all strides double but the first. */
  readonly channels: readonly [number, number, number, number, number];
  readonly groupSize: GroupSize;
  readonly activation: Activation;
  /** Names of the children of its features, for checkpoints that have them without prefix. */
  readonly children: string;
}

const relu6: Activation = () => new nn.ReLU6();

function mobilenet(width = 1, fastdown = false, activation: Activation = relu): Encoder {
  const scaled = (channels: number) => divisibleBy8(channels * width);
  return {
    make: (inputChannels, strides) =>
      mobileNetV2Features({ inputChannels, strides, widthMult: width, fastdown, activation }),
    numInputBlocks: 4,
    channels: [scaled(16), scaled(24), scaled(32), scaled(96), scaled(320)],
    groupSize: 'depthwise',
    activation,
    children: '',
  };
}

function resnet50(width = 1, fastdown = false): Encoder {
  const scaled = (channels: number) => Math.trunc(channels * width);
  return {
    make: (inputChannels, strides) => resNetFeatures(RESNET50, { inputChannels, strides, widthMult: width, fastdown }),
    numInputBlocks: 4,
    channels: [scaled(64), scaled(256), scaled(512), scaled(1024), scaled(2048)],
    groupSize: 'depthwise',
    activation: relu,
    children: 'conv1|bn1|relu|maxpool|layer\\d',
  };
}

function regnet(layout: RegNetLayout): Encoder {
  return {
    make: (inputChannels, strides) => regNetFeatures(layout, { inputChannels, strides }),
    numInputBlocks: 2,
    channels: [32, ...layout.widths],
    groupSize: layout.groupWidth,
    activation: relu,
    children: 'stem|s1|s2|s3|s4',
  };
}

const HALVING = [2, 2, 2, 2, 2];
/** The last stage keeps its resolution: features at a sixteenth. */
const SIXTEENTH = [2, 2, 2, 2, 1];

function describe(
  encoder: Encoder,
  strides: readonly number[],
  decoder: Omit<DecoderDescription, 'groupSize' | 'activation'>,
  makeDecoder: Pixel2PixelDescription['makeDecoder'],
  extraLevels = 0,
): Entry {
  const { numInputBlocks, groupSize, activation } = encoder;
  return {
    encoder,
    strides,
    description: {
      backbone: (inputChannels, given) => encoder.make(inputChannels, given ?? strides),
      numInputBlocks,
      decoder: { ...decoder, groupSize, activation },
      makeDecoder,
      extraLevels,
    },
  };
}

interface Entry {
  readonly encoder: Encoder;
  readonly strides: readonly number[];
  readonly description: Pixel2PixelDescription;
}

/** @param finest 1 with `fastdown`, else 0: how many times the fine stage is coarser */
function deeplab(encoder: Encoder, fastdown = false, channels = 256, shortcutOut = 48): Entry {
  const scale = fastdown ? 2 : 1;
  const shortcuts = { strides: [4 * scale, 16 * scale], channels: [encoder.channels[1], encoder.channels[4]] };
  return describe(
    encoder,
    SIXTEENTH,
    { shortcuts, channels, asppChannels: channels },
    (context: DecoderContext) => new DeepLabV3PlusDecoder(context, shortcutOut),
  );
}

/** The stages at strides 4 … 32 (8 … 64 with `fastdown`). */
function pyramid(encoder: Encoder, fastdown: boolean): Shortcuts {
  const scale = fastdown ? 2 : 1;
  return { strides: [4, 8, 16, 32].map((stride) => stride * scale), channels: encoder.channels.slice(1) };
}

function fpn(
  encoder: Encoder,
  { fastdown = false, channels = 256, field = 'aspp' as ReceptiveField, finer = false } = {},
): Entry {
  let shortcuts = pyramid(encoder, fastdown);
  if (finer) {
    const [fine = 8] = shortcuts.strides;
    shortcuts = { strides: [fine / 2, ...shortcuts.strides], channels: [encoder.channels[0], ...shortcuts.channels] };
  }
  if (field === 'extra-strides') {
    const last = shortcuts.strides.at(-1) ?? 0;
    shortcuts = {
      strides: [...shortcuts.strides, 2 * last, 4 * last],
      channels: [...shortcuts.channels, encoder.channels[4], channels],
    };
  }
  return describe(
    encoder,
    HALVING,
    { shortcuts, channels, asppChannels: channels },
    (context: DecoderContext) => new FpnDecoder(context, field),
    field === 'extra-strides' ? 2 : 0,
  );
}

/** @param stem stages finer than the pyramid's */
function unet(encoder: Encoder, fastdown = false, stem: Shortcuts = { strides: [2], channels: [] }): Entry {
  const rest = pyramid(encoder, fastdown);
  const shortcuts = {
    strides: [...stem.strides, ...rest.strides],
    channels: [...(stem.channels.length > 0 ? stem.channels : [encoder.channels[0]]), ...rest.channels],
  };
  return describe(
    encoder,
    HALVING,
    { shortcuts, channels: 256, asppChannels: 256 },
    (context: DecoderContext) => new UNetDecoder(context, 'aspp'),
  );
}

function bifpn(encoder: Encoder, channels = 128, field: ReceptiveField = 'aspp'): Entry {
  return describe(
    encoder,
    HALVING,
    { shortcuts: pyramid(encoder, false), channels, asppChannels: channels },
    (context: DecoderContext) => new BiFpnDecoder(context, field),
    2,
  );
}

const mobilenetFd = mobilenet(1, true);
const mobilenet1p4 = mobilenet(1.4, false, relu6);
const regnets = {
  regnetx400mf: regnet(REGNETX400MF),
  regnetx800mf: regnet(REGNETX800MF),
  regnetx1p6gf: regnet(REGNETX1P6GF),
  regnetx3p2gf: regnet(REGNETX3P2GF),
};

const NETWORKS: Readonly<Record<string, Entry>> = {
  deeplabv3plus_mobilenetv2_tv_edgeailite: deeplab(mobilenet()),
  deeplabv3plus_mobilenetv2_tv_fd_edgeailite: deeplab(mobilenetFd, true),
  deeplabv3plus_mobilenetv2_tv_1p4_edgeailite: deeplab(mobilenet1p4, false, 360, 64),
  deeplabv3plus_resnet50_edgeailite: deeplab(resnet50()),
  deeplabv3plus_resnet50_p5_edgeailite: deeplab(resnet50(0.5)),
  deeplabv3plus_resnet50_p5_fd_edgeailite: deeplab(resnet50(0.5, true), true),
  deeplabv3plus_regnetx800mf_edgeailite: deeplab(regnets.regnetx800mf),
  fpn_aspp_mobilenetv2_tv_edgeailite: fpn(mobilenet()),
  fpn_aspp_mobilenetv2_1p4_tv_edgeailite: fpn(mobilenet1p4, { channels: 360 }),
  fpn_aspp_mobilenetv2_tv_fd_edgeailite: fpn(mobilenetFd, { fastdown: true }),
  fpn128_aspp_mobilenetv2_tv_fd_edgeailite: fpn(mobilenetFd, { fastdown: true, channels: 128, finer: true }),
  fpn_mobilenetv2_tv_edgeailite: fpn(mobilenet(), { field: 'extra-strides' }),
  fpn_mobilenetv2_tv_fd_edgeailite: fpn(mobilenetFd, { fastdown: true, field: 'extra-strides' }),
  fpn_aspp_resnet50_edgeailite: fpn(resnet50()),
  fpn_aspp_resnet50_fd_edgeailite: fpn(resnet50(1, true), { fastdown: true }),
  fpn_aspp_regnetx400mf_edgeailite: fpn(regnets.regnetx400mf),
  fpn_aspp_regnetx800mf_edgeailite: fpn(regnets.regnetx800mf),
  fpn_aspp_regnetx1p6gf_edgeailite: fpn(regnets.regnetx1p6gf, { channels: 264 }),
  fpn_aspp_regnetx3p2gf_edgeailite: fpn(regnets.regnetx3p2gf, { channels: 288 }),
  unet_aspp_mobilenetv2_tv_edgeailite: unet(mobilenet()),
  unet_aspp_mobilenetv2_tv_fd_edgeailite: unet(mobilenetFd, true, { strides: [4], channels: [] }),
  unet_aspp_resnet50_edgeailite: unet(resnet50()),
  unet_aspp_resnet50_fd_edgeailite: unet(resnet50(1, true), true, { strides: [2, 4], channels: [64, 64] }),
  unet_aspp_regnetx800mf_edgeailite: unet(regnets.regnetx800mf),
  bifpn_aspp_mobilenetv2_tv_edgeailite: bifpn(mobilenet()),
  bifpn_mobilenetv2_tv_edgeailite: bifpn(mobilenet(), 128, '1x1'),
  bifpn_aspp_regnetx400mf_edgeailite: bifpn(regnets.regnetx400mf),
  bifpn_aspp_regnetx800mf_edgeailite: bifpn(regnets.regnetx800mf),
  bifpn_aspp_regnetx1p6gf_edgeailite: bifpn(regnets.regnetx1p6gf, 168),
  bifpn_aspp_regnetx3p2gf_edgeailite: bifpn(regnets.regnetx3p2gf, 192),
};

/** Networks of RegNets have a second name, which says that their published weights take blue, green and red in that order. */
function withAliases(entries: Readonly<Record<string, Entry>>): [string, Entry][] {
  return Object.entries(entries).flatMap(([name, entry]): [string, Entry][] =>
    name.includes('regnetx')
      ? [
          [name, entry],
          [name.replace('_edgeailite', '_bgr_edgeailite'), entry],
        ]
      : [[name, entry]],
  );
}

/** Where entries of checkpoints of classifiers, and of networks with fewer decoders or inputs, belong. */
function renamesFor(entry: Entry, net: Pixel2PixelNet): RenameRules {
  const rules: [RegExp, string[]][] = [];
  const { inputChannels, outputChannels } = net.options;
  if (net.decoders.size > 1) rules.push([/^decoders\.0\./, outputChannels.map((_, i) => `decoders.${i}.`)]);
  const children = entry.encoder.children;
  if (inputChannels.length === 1) {
    rules.push([/^features\./, ['encoder.features.']]);
    if (children !== '') rules.push([new RegExp(`^(${children})\\.`), ['encoder.features.$1.']]);
    return rules;
  }
  const streams = inputChannels.map((_, i) => `encoder.features.stream${i}.`);
  rules.push([/^(encoder\.)?features\.(?!stream)/, streams]);
  return rules;
}

/** With two inputs the children of a backbone are numbered: their names in a checkpoint become those numbers. */
function numbered(entry: Entry, net: Pixel2PixelNet): RenameRules {
  if (net.options.inputChannels.length === 1 || entry.encoder.children === '') return [];
  const backbone = entry.encoder.make(3, entry.strides);
  const names = Array.from(backbone.features.namedChildren(), ([name]) => name);
  backbone.features.dispose();
  const streams = net.options.inputChannels.map((_, i) => `encoder.features.stream${i}.`);
  return names.map(
    (name, i) =>
      [new RegExp(`^(?:encoder\\.)?(?:features\\.)?${name}\\.`), streams.map((stream) => `${stream}${i}.`)] as const,
  );
}

/** How a checkpoint's keys become those of a network: what its builder does with `weights`. */
export function pixel2PixelRenames(name: string, net: Pixel2PixelNet): RenameRules {
  const entry = withAliases(NETWORKS).find(([known]) => known === name)?.[1];
  return entry === undefined ? [] : [...numbered(entry, net), ...renamesFor(entry, net)];
}

/** The names of all pixel-to-pixel networks. */
export const pixel2PixelNetworks: readonly string[] = withAliases(NETWORKS).map(([name]) => name);

const DEFAULTS: Readonly<Record<keyof Pixel2PixelOptions, unknown>> = {
  inputChannels: [3],
  outputChannels: [19],
  outputType: undefined,
  outputRange: undefined,
  numDecoders: undefined,
  normalizeInput: false,
  finalUpsample: true,
  targetInputRatio: 1,
  predictionChannels: undefined,
  freezeEncoder: false,
  freezeDecoder: false,
  rawOutputs: false,
  asppDil: [6, 12, 18],
  linearDw: false,
  interpolationType: 'upsample',
  interpolationMode: 'bilinear',
  strides: undefined,
};

for (const [name, { description }] of withAliases(NETWORKS)) {
  registerModel(
    name,
    (given: ModelOptions = {}) => {
      const { weights, ...options } = given;
      const net = new Pixel2PixelNet(description, options as Pixel2PixelOptions);
      return loadRenamed(net, weights, {
        renames: pixel2PixelRenames(name, net),
        // A checkpoint of the encoder alone leaves the rest as initialised.
        mayLack: [/^decoders\./, /^encoder\.features\.streamfuse\./, /^encoder\.features\.stream[1-9]\.\d+\./],
        mayDrop: [/^(encoder\.)?(classifier|fc|head)\./, /^(encoder\.)?features\.18\./, /^encoder\.features\.stream/],
      });
    },
    {
      task: 'segmentation',
      module: 'edgeailite',
      inputShapes: [[1, 3, 512, 512]],
      defaultOptions: DEFAULTS,
      figures: figuresOf(name),
    },
  );
}
