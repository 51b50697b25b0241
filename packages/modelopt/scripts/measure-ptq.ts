/**
 * @file Measures post-training quantisation of MobileNetV2 with ReLU on labelled photos: accuracy of the float network and of each
 * recipe, on the photos that were not used for calibration and on all.
 *
 *   node --import tsx --conditions=source packages/modelopt/scripts/measure-ptq.ts WEIGHTS FOLDER CACHE [RECIPE …]
 *
 * FOLDER holds `labels.csv` (`file,label`) and the files it names; CACHE is a file for the preprocessed photos, made if missing. Prints
 * one JSON line a recipe.
 */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromTypedArray, load, loadNpy, nn, noGrad, saveNpy, scope, type Tensor } from '@edgeai/torch';
import { getModel, io, transforms } from '@edgeai/vision';
import {
  type CalibrationData,
  type PTQOptions,
  type QuantizationProgress,
  quantizePTQ,
} from '../src/quantization/index.ts';

const RECIPES: Record<string, PTQOptions> = {
  'generic-int8': { config: { target: 'generic-int8' } },
  'generic-int8, no balance': { config: { target: 'generic-int8' }, balance: false },
  'generic-int8, no correction': { config: { target: 'generic-int8' }, biasCorrection: false },
  tidl: { config: { target: 'tidl' } },
  'tidl-pow2': { config: { target: 'tidl-pow2' } },
  'tidl-pow2, no adaround': { config: { target: 'tidl-pow2' }, adaRound: false },
  'tidl-pow2, no equalisation': { config: { target: 'tidl-pow2' }, equalize: false },
  'tidl-pow2, no absorption': { config: { target: 'tidl-pow2' }, absorbBiases: false },
  'tidl-pow2, nothing': { config: { target: 'tidl-pow2' }, adaRound: false, equalize: false, biasCorrection: false },
  esp32: { config: { target: 'esp32' } },
  'w4, nearest': { config: w4(), adaRound: false, biasCorrection: false },
  'w4, nearest, bias correction': { config: w4(), adaRound: false },
  'w4, adaround': { config: w4() },
  'w4, adaround, deviations': { config: w4(), correctDeviations: true },
};

function w4() {
  return { target: 'generic-int8', qconfig: { weight: { bits: 4, observer: { kind: 'mse' } } } } as const;
}

const CALIBRATION = 100;
const BATCH = 10;

const [weights, folder, cache, ...wanted] = process.argv.slice(2);
if (weights === undefined || folder === undefined || cache === undefined) {
  console.error('Usage: measure-ptq.ts WEIGHTS FOLDER CACHE [RECIPE …]');
  process.exit(2);
}

/** What the float network answers. */
let reference: readonly number[] | undefined;
const { images, labels } = await readImages(folder, cache);
const net = reluNet(weights);
// Spread over all classes: every fifth photo.
const chosen = labels.map((_, i) => i).filter((i) => i % Math.floor(labels.length / CALIBRATION) === 0);
const held = labels.map((_, i) => i).filter((i) => !chosen.includes(i));

function* batches(indices: readonly number[]): Generator<Tensor> {
  for (let at = 0; at < indices.length; at += BATCH) {
    const part = indices.slice(at, at + BATCH);
    const batch = images.indexSelect(0, fromTypedArray(Int32Array.from(part), [part.length]));
    yield batch;
    batch.dispose();
  }
}

const data: CalibrationData = () => batches(chosen);
const float = accuracy(net);
console.log(JSON.stringify({ recipe: 'float', ...float }));
for (const [name, options] of Object.entries(RECIPES)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const times: Record<string, number> = {};
  let last = performance.now();
  const progress = ({ step }: QuantizationProgress) => {
    const now = performance.now();
    times[step] = Math.round((times[step] ?? 0) + (now - last));
    last = now;
  };
  const start = performance.now();
  const { model, steps, adaRound } = await quantizePTQ(net, data, { ...options, progress });
  const seconds = Math.round((performance.now() - start) / 1000);
  const found = accuracy(model);
  const drop = { held: round(float.held - found.held), all: round(float.all - found.all) };
  const gain =
    adaRound.length === 0
      ? undefined
      : round(sum(adaRound.map(({ adaptive, nearest }) => adaptive / nearest)) / adaRound.length);
  const peak = Math.round(process.resourceUsage().maxRSS / 1024);
  console.log(
    JSON.stringify({
      recipe: name,
      ...found,
      drop,
      agree: found.agree,
      steps,
      seconds,
      times,
      roundingError: gain,
      peakMiB: peak,
    }),
  );
  model.dispose();
}

/** Top-1 in percent on photos not calibrated with and on all, and how many of all predictions are the float network's. */
function accuracy(model: nn.Module): { held: number; all: number; agree: number } {
  const predictions: number[] = [];
  for (const batch of batches(labels.map((_, i) => i)))
    predictions.push(...noGrad(() => scope(() => Array.from(model(batch).argmax({ dim: 1 }).toTypedArray(), Number))));
  reference ??= predictions;
  const share = (indices: readonly number[], of: readonly number[]) =>
    round((indices.filter((i) => predictions[i] === of[i]).length / indices.length) * 100);
  const everything = labels.map((_, i) => i);
  return { held: share(held, labels), all: share(everything, labels), agree: share(everything, reference) };
}

function reluNet(path: string): nn.Module {
  const model = getModel('mobilenet_v2') as nn.Module;
  const replace = (module: nn.AnyModule): void => {
    for (const [name, child] of module.namedChildren()) {
      if (child instanceof nn.ReLU6)
        (module as unknown as Record<string, unknown>)[name] = new nn.ReLU({ inplace: true });
      else replace(child);
    }
  };
  replace(model);
  const state = load(path) as nn.StateDict;
  model.loadStateDict(state);
  for (const tensor of Object.values(state)) tensor.dispose();
  return model.eval();
}

async function readImages(source: string, file: string): Promise<{ images: Tensor; labels: number[] }> {
  const rows = readFileSync(join(source, 'labels.csv'), 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map((row) => row.split(','));
  const targets = rows.map(([, label]) => Number(label));
  if (existsSync(file)) return { images: loadNpy(file), labels: targets };
  const preset = new transforms.ImageClassification({ cropSize: 224, resizeSize: 256 });
  const pixels = new Float32Array(rows.length * 3 * 224 * 224);
  for (const [i, [name = '']] of rows.entries()) {
    const image = await io.decodeImage(readFileSync(join(source, name)), 'RGB');
    scope(() => pixels.set(preset(image).toTypedArray() as Float32Array, i * 3 * 224 * 224));
    image.dispose();
  }
  const images = fromTypedArray(pixels, [rows.length, 3, 224, 224]);
  saveNpy(images, file);
  return { images, labels: targets };
}

function round(x: number): number {
  return Math.round(x * 1000) / 1000;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
