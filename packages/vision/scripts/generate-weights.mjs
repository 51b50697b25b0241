/**
 * @file Writes src/models/<family>-weights.ts: the published checkpoints of classification families, from torchvision's entries.
 *
 * `node packages/vision/scripts/generate-weights.mjs ENTRIES.json FAMILY…` where ENTRIES.json holds, for each builder, its family,
 * the name of its weights enum, and for each entry its file, numbers, recipe and resolved preset. Run biome on the result.
 */

import { readFileSync, writeFileSync } from 'node:fs';

const REFERENCE = 'https://github.com/pytorch/vision/tree/main/references/classification#';
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

/** @param {string} builder @param {string} key @param {any} entry */
function entryOf(builder, key, entry) {
  const { resolved } = entry.preset;
  const accuracy = Object.values(entry.metrics['ImageNet-1K']);
  const fields = [
    `file: ${quoted(entry.file)}`,
    `numParams: ${grouped(entry.num_params)}`,
    `ops: ${entry.gflops_ops}`,
    `fileSize: ${entry.file_size_mb}`,
  ];
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

for (const family of families) {
  const parts = [];
  for (const [name, builder] of Object.entries(builders)) {
    if (builder.family !== family || builder.task !== 'classification') continue;
    const { weights_enum: enumName, weights, default: defaultKey } = builder;
    const entries = Object.entries(weights).map(([key, entry]) => entryOf(name, key, entry));
    parts.push(
      `/** Checkpoints of \`${name}\`. */
export const ${enumName} = defineWeights('${enumName}', { ${entries.join('\n')} }, '${defaultKey}');`,
    );
  }
  if (parts.length === 0) throw new Error(`${source} has no builder of the family '${family}'`);
  const body = parts.join('\n\n');
  const names = ['imageNet', 'recipes', 'SWAG_LICENSE', 'trainedWith'].filter((name) => body.includes(name));
  const text = `/** @file The published checkpoints of ${TITLES[family] ?? family}. Generated by scripts/generate-weights.mjs. */

import { ${names.join(', ')} } from './imagenet-weights.ts';
import { defineWeights } from './weights.ts';

${body}
`;
  writeFileSync(new URL(`../src/models/${family}-weights.ts`, import.meta.url), text);
}
