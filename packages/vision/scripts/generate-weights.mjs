/**
 * @file Writes src/models/<family>-weights.ts: the published checkpoints of families of models, from torchvision's entries.
 *
 * `node packages/vision/scripts/generate-weights.mjs ENTRIES.json FAMILY…` where ENTRIES.json holds, for each builder, its task,
 * its family, the name of its weights enum, and for each entry its file, numbers, recipe and resolved preset. FAMILY is the name
 * of a family of classifiers, or TASK/FAMILY: `segmentation/fcn`, `video/resnet`, `optical_flow/raft`. Run biome on the result.
 */

import { readFileSync, writeFileSync } from 'node:fs';

const REFERENCES = 'https://github.com/pytorch/vision/tree/main/references/';
const REFERENCE = `${REFERENCES}classification#`;
const ISSUE = 'https://github.com/pytorch/vision/issues/3995#';
/** @type {Record<string, string>} */
const RECIPES = {
  [`${ISSUE}new-recipe`]: 'recipes.improved',
  [`${ISSUE}new-recipe-with-fixres`]: 'recipes.fixRes',
  [`${ISSUE}new-recipe-with-reg-tuning`]: 'recipes.regularised',
  'https://github.com/facebookresearch/SWAG': 'recipes.swag',
};
/** @type {Record<string, string>} */
const TITLES = {
  alexnet: 'AlexNet',
  convnext: 'the ConvNeXts',
  densenet: 'the DenseNets',
  efficientnet: 'the EfficientNets',
  googlenet: 'GoogLeNet',
  inception: 'Inception v3',
  maxvit: 'MaxViT',
  mnasnet: 'the MNASNets',
  mobilenetv3: 'MobileNetV3',
  regnet: 'the RegNets',
  shufflenetv2: 'ShuffleNetV2',
  squeezenet: 'SqueezeNet',
  swin_transformer: 'the Swin Transformers',
  vgg: 'the VGGs',
  vision_transformer: 'the vision transformers',
};
/** @type {Record<string, string>} */
const OTHER_TITLES = {
  'segmentation/deeplabv3': 'DeepLabV3',
  'segmentation/fcn': 'FCN',
  'segmentation/lraspp': 'LR-ASPP',
  'video/resnet': 'the video ResNets',
  'video/s3d': 'S3D',
  'video/mvit': 'the multiscale vision transformers',
  'video/swin_transformer': 'the Swin Transformers for videos',
  'optical_flow/raft': 'RAFT',
};
/** Families whose first entries come from the authors. */
const PORTED = /^(googlenet|inception_v3|efficientnet_(b[0-7]|v2_l))$/;
/** Families whose first entries were trained with the improved recipe. */
const IMPROVED = /^(convnext_.*|efficientnet_v2_[sm]|vit_.*|shufflenet_v2_x(1_5|2_0)|mnasnet(0_75|1_3))$/;

const [source, ...families] = process.argv.slice(2);
if (source === undefined || families.length === 0) {
  console.error('usage: node generate-weights.mjs ENTRIES.json FAMILY…');
  process.exit(2);
}
const { builders } = JSON.parse(readFileSync(source, 'utf8'));

/** @param {number} value */
const grouped = (value) => String(value).replaceAll(/\B(?=(\d{3})+$)/g, '_');
/** @param {string} text */
const quoted = (text) => `'${text}'`;

/** @param {string} recipe */
function recipeOf(recipe) {
  if (recipe.startsWith(REFERENCE)) return `recipes.reference(${quoted(recipe.slice(REFERENCE.length))})`;
  return RECIPES[recipe] ?? quoted(recipe);
}

/** @param {string} builder @param {string} key */
function docsOf(builder, key) {
  if (key.includes('SWAG_E2E')) return 'swagEndToEnd';
  if (key.includes('SWAG_LINEAR')) return 'swagLinear';
  if (key.includes('FEATURES')) return 'features';
  if (key.endsWith('V2') || IMPROVED.test(builder)) return 'improved';
  return PORTED.test(builder) ? 'ported' : 'paper';
}

/** @param {any} entry */
const measures = (entry) => [
  `file: ${quoted(entry.file)}`,
  `numParams: ${grouped(entry.num_params)}`,
  `ops: ${entry.gflops_ops}`,
  `fileSize: ${entry.file_size_mb}`,
];

/** @param {string} builder @param {string} key @param {any} entry */
function classifierEntry(builder, key, entry) {
  const { resolved } = entry.preset;
  const accuracy = Object.values(entry.metrics['ImageNet-1K']);
  const fields = measures(entry);
  if (accuracy[0] !== null) fields.push(`accuracy: [${accuracy.join(', ')}]`);
  fields.push(`recipe: ${recipeOf(entry.recipe)}`, `docs: trainedWith.${docsOf(builder, key)}`);
  if (resolved.crop_size[0] !== 224) fields.push(`cropSize: ${resolved.crop_size[0]}`);
  if (resolved.resize_size[0] !== 256) fields.push(`resizeSize: ${resolved.resize_size[0]}`);
  if (resolved.interpolation !== 'bilinear') fields.push(`interpolation: ${quoted(resolved.interpolation)}`);
  if (resolved.mean[0] !== 0.485) {
    fields.push(`mean: [${resolved.mean.join(', ')}]`);
    // These entries scale to 0 … 255 by their standard deviation.
    const std = resolved.std.map((/** @type {number} */ value) => (value === 1 / 255 ? '1 / 255' : value));
    fields.push(`std: [${std.join(', ')}]`);
  }
  if (entry.min_size.join() !== '1,1') fields.push(`minSize: [${entry.min_size.join(', ')}]`);
  if (entry.license !== undefined) fields.push('license: SWAG_LICENSE');
  return `${key}: imageNet({ ${fields.join(', ')} }),`;
}

/** @param {string} _builder @param {string} key @param {any} entry */
function segmentationEntry(_builder, key, entry) {
  const { miou, pixel_acc: pixelAccuracy } = entry.metrics['COCO-val2017-VOC-labels'];
  const section = entry.recipe.slice(`${REFERENCES}segmentation#`.length);
  const fields = [...measures(entry), `miou: ${miou}`, `pixelAccuracy: ${pixelAccuracy}`, `recipe: ${quoted(section)}`];
  return `${key}: cocoWithVocLabels({ ${fields.join(', ')} }),`;
}

/** What the checkpoints of videos were evaluated on. */
const CLIPS = [
  { builders: /^(r3d|mc3|r2plus1d)_18$/, clips: "{ frameRate: 15, clipsPerVideo: 5, clipLength: 16, level: 'video' }" },
  { builders: /^s3d$/, clips: "{ frameRate: 15, clipsPerVideo: 1, clipLength: 128, level: 'clip' }" },
  { builders: /^mvit/, clips: "{ frameRate: 7.5, clipsPerVideo: 5, clipLength: 16, level: 'video' }" },
  { builders: /^swin3d/, clips: "{ frameRate: 15, clipsPerVideo: 12, clipLength: 32, level: 'video' }" },
];

/** @param {string} builder @param {string} key @param {any} entry */
function videoEntry(builder, key, entry) {
  const { crop_size: crop, resize_size: resize, mean, std } = entry.preset.resolved;
  const fields = [
    ...measures(entry),
    `accuracy: [${Object.values(entry.metrics['Kinetics-400']).join(', ')}]`,
    `recipe: ${quoted(entry.recipe)}`,
    `evaluated: ${CLIPS.find(({ builders }) => builders.test(builder))?.clips}`,
    `cropSize: [${crop.join(', ')}]`,
    `resizeSize: ${resize.length === 1 ? resize[0] : `[${resize.join(', ')}]`}`,
  ];
  if (mean[0] !== 0.43216) fields.push(`mean: [${mean.join(', ')}]`, `std: [${std.join(', ')}]`);
  if (entry.min_size.join() !== '1,1') fields.push(`minSize: [${entry.min_size.join(', ')}]`);
  if (entry.min_temporal_size !== undefined) fields.push(`minTemporalSize: ${entry.min_temporal_size}`);
  return `${key}: kinetics400({ ${fields.join(', ')} }),`;
}

/** The data sets that a checkpoint saw, by the letters in its name. @type {Record<string, string>} */
const FLOW_DATA = { C: 'chairs', T: 'things', SKHT: 'sintelMix', K: 'kitti' };

/** @param {string} _builder @param {string} key @param {any} entry */
function flowEntry(_builder, key, entry) {
  const trained = key
    .split('_')
    .slice(0, -1)
    .map((letters) => quoted(FLOW_DATA[letters] ?? letters));
  const metrics = JSON.stringify(entry.metrics).replaceAll('"', "'");
  const ported = entry.recipe === 'https://github.com/princeton-vl/RAFT';
  const fields = [...measures(entry), `metrics: ${metrics}`, `trainedOn: [${trained.join(', ')}]`, `ported: ${ported}`];
  return `${key}: opticalFlow({ ${fields.join(', ')} }),`;
}

/** How the entries of each task are written, and where the names in them come from. */
const TASKS = {
  classification: {
    folder: '',
    entryOf: classifierEntry,
    names: ['imageNet', 'recipes', 'SWAG_LICENSE', 'trainedWith'],
    from: 'imagenet-weights',
  },
  segmentation: {
    folder: 'segmentation/',
    entryOf: segmentationEntry,
    names: ['cocoWithVocLabels'],
    from: 'coco-voc-weights',
  },
  video: { folder: 'video/', entryOf: videoEntry, names: ['kinetics400'], from: 'kinetics-weights' },
  optical_flow: { folder: 'optical-flow/', entryOf: flowEntry, names: ['opticalFlow'], from: 'flow-weights' },
};

for (const path of families) {
  const [task = '', family = ''] = path.includes('/') ? path.split('/') : ['classification', path];
  const writer = TASKS[/** @type {keyof typeof TASKS} */ (task)];
  if (writer === undefined) throw new Error(`Expected one of ${Object.keys(TASKS).join(', ')} but received '${task}'`);
  const parts = [];
  for (const [name, builder] of Object.entries(builders)) {
    if (builder.family !== family || builder.task !== task) continue;
    const { weights_enum: enumName, weights, default: defaultKey } = builder;
    const entries = Object.entries(weights).map(([key, entry]) => writer.entryOf(name, key, entry));
    parts.push(
      `/** Checkpoints of \`${name}\`. */
export const ${enumName} = defineWeights('${enumName}', { ${entries.join('\n')} }, '${defaultKey}');`,
    );
  }
  if (parts.length === 0) throw new Error(`${source} has no builder of the family '${path}'`);
  const body = parts.join('\n\n');
  const names = writer.names.filter((name) => body.includes(name));
  const up = writer.folder === '' ? './' : '../';
  const text = `/** @file The published checkpoints of ${TITLES[path] ?? OTHER_TITLES[path] ?? family}. Generated by scripts/generate-weights.mjs. */

${up === './' ? '' : `import { defineWeights } from '${up}weights.ts';\n`}import { ${names.join(', ')} } from './${writer.from}.ts';
${up === './' ? "import { defineWeights } from './weights.ts';\n" : ''}
${body}
`;
  writeFileSync(new URL(`../src/models/${writer.folder}${family}-weights.ts`, import.meta.url), text);
}
