/**
 * @file `npm run quickstart`: sets up what is missing, trains a MobileNetV2 on Fashion-MNIST, evaluates it, exports it to ONNX,
 * verifies the export, shows a few predictions, and says where everything is.
 */

import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const run = join(root, 'runs', 'quickstart');
const best = join(run, 'best.pth');
const samples = join(run, 'samples');

/** One test image of each of these classes is shown. */
const SHOWN = ['Trouser', 'Sneaker', 'Bag', 'Pullover'];

process.exitCode = await main();

async function main() {
  const begin = performance.now();
  heading('Set-up');
  let code = await node([join(root, 'scripts', 'setup.mjs'), '--with', 'fashion-mnist']);
  if (code !== 0) return code;
  const ready = performance.now();

  heading('Training a MobileNetV2 on 60,000 images of clothes');
  code = await edgeai([
    'train',
    'classification',
    '--recipe',
    'recipes/quickstart.yaml',
    '--output-dir',
    shown(run),
    '--overwrite',
  ]);
  if (code !== 0) return code;

  heading('Evaluation of the best weights on 10,000 test images');
  code = await edgeai([
    ...['evaluate', 'classification', '--dataset', 'fashion-mnist', '--weights', shown(best)],
    ...['--per-class', '--output-dir', shown(run)],
  ]);
  if (code !== 0) return code;

  heading('Predictions for a few test images');
  await writeSamples();
  code = await edgeai(['predict', '--weights', shown(best), '--input', shown(samples), '--top', '3']);
  if (code !== 0) return code;

  summarise((ready - begin) / 1000, (performance.now() - ready) / 1000);
  return 0;
}

/** Writes test images as PNG files, in the way that any program would find them. */
async function writeSamples() {
  // Only now: before the set-up these packages may not be there.
  const { datasets, io } = await import('@edgeai/vision');
  const images = await datasets.FashionMNIST.open(join(homedir(), '.cache', 'edgeai', 'datasets'), {
    train: false,
    download: true,
  });
  rmSync(samples, { recursive: true, force: true });
  mkdirSync(samples, { recursive: true });
  for (const name of SHOWN) {
    const index = images.targets.indexOf(images.classToIdx.get(name) ?? -1);
    const [image] = await images.get(index);
    await io.writePng(image, join(samples, `${name.toLowerCase()}.png`));
  }
}

/** @param {number} setup seconds @param {number} work seconds */
function summarise(setup, work) {
  const result = JSON.parse(readFileSync(join(run, 'result.json'), 'utf8'));
  const { onnx, evaluation, files } = result;
  heading('Done');
  const rows = [
    ['network', `${result.model}, ${(result.params / 1e6).toFixed(2)} million parameters, trained from scratch`],
    [
      'accuracy',
      `${evaluation.acc1.toFixed(2)} % of ${evaluation.images.toLocaleString('en')} test images (top 5: ${evaluation.acc5.toFixed(2)} %)`,
    ],
    [
      'training',
      `${result.epochs} epochs in ${duration(result.seconds)}, ${Math.round(result.imagesPerSecond)} images a second on ${result.threads} threads`,
    ],
    [
      'export',
      `${shown(onnx.path)}, opset ${onnx.opset}; onnxruntime agrees to ${onnx.maxDifference.toExponential(1)}`,
    ],
    ['time', `${duration(work)} after ${duration(setup)} of set-up`],
    ['files', ''],
    ...Object.entries(files).map(([name, path]) => [`  ${name}`, shown(path)]),
    ['  images', shown(samples)],
  ];
  const width = Math.max(...rows.map(([name = '']) => name.length));
  for (const [name = '', value] of rows) console.log(`${name.padEnd(width)}  ${value}`.trimEnd());
  const again = `npx edgeai train classification --recipe recipes/quickstart.yaml --output-dir runs/longer`;
  console.log(`
What to try next:
  npx edgeai predict --weights ${shown(best)} --input YOUR-PHOTO.jpg
  ${again} --epochs 15
  npx edgeai train classification --data-path YOUR-IMAGES --model mobilenet_v2 --output-dir runs/mine
                        (YOUR-IMAGES/train/<class>/… and YOUR-IMAGES/val/<class>/…)
  npx edgeai --help`);
}

/** Runs the program as users do. @param {string[]} args */
function edgeai(args) {
  console.log(`$ npx edgeai ${args.join(' ')}\n`);
  return node([join(root, 'packages', 'edgeai', 'bin', 'edgeai.mjs'), ...args]);
}

/** @param {string[]} args @returns {Promise<number>} the exit code */
function node(args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit' });
    // Ctrl-C reaches the child too: it saves, says how to go on, and ends; this process waits for it.
    const wait = () => {};
    process.on('SIGINT', wait);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      process.off('SIGINT', wait);
      if (code === null) console.error(`It was ended by the signal ${signal}.`);
      resolve(code ?? (signal === 'SIGINT' ? 130 : 1));
    });
  });
}

/** A path as it is shown and given to commands: from the root of the repository. @param {string} path */
function shown(path) {
  return relative(root, path);
}

/** @param {number} seconds */
function duration(seconds) {
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** @param {string} text */
function heading(text) {
  const line = process.stdout.isTTY ? `\x1b[1m${text}\x1b[0m` : text;
  console.log(`\n${line}\n${'─'.repeat(text.length)}`);
}
