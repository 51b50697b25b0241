/** @file Wrong input, tried as a user would: every case ends with the right exit code and a message that says what to do. */

import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { cuda, randn, saveNpy } from '@edgeai/torch';

import { edgeai, type RunOptions, writeDataset } from './harness.ts';

const root = mkdtempSync(join(tmpdir(), 'edgeai-wrong-'));
const data = join(root, 'data');
before(() => writeDataset(data));
after(() => rmSync(root, { recursive: true, force: true }));

let folders = 0;

/** Trains for one short epoch with changes to the options. */
function train(changes: Record<string, string>, options?: RunOptions): ReturnType<typeof edgeai> {
  const all = {
    'data-path': data,
    model: 'mobilenet_v2',
    epochs: '1',
    'batch-size': '8',
    'train-crop-size': '32',
    'val-resize-size': '32',
    'val-crop-size': '32',
    'output-dir': join(root, `run${folders++}`),
    ...changes,
  };
  const flags = Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]);
  return edgeai(['train', 'classification', '--no-export', ...flags], options);
}

/** Fails with this code and a one-line message, without a stack trace. */
async function refused(run: ReturnType<typeof edgeai>, code: number, message: RegExp): Promise<void> {
  const finished = await run;
  const said = `${finished.stdout}${finished.stderr}`;
  assert.equal(finished.code, code, said);
  assert.match(finished.stderr, message);
  assert.doesNotMatch(finished.stderr, /\n {4}at /);
  assert.doesNotMatch(finished.stderr, /internal:/);
}

test('commands and options that do not exist', async () => {
  await refused(edgeai(['trian']), 2, /unknown command 'trian'\n\(Did you mean train\?\)/);
  await refused(edgeai(['train', 'clasification']), 2, /clasification/);
  await refused(train({ 'learning-rate': '1' }), 2, /unknown option '--learning-rate'/);
  await refused(train({ epochs: 'many' }), 2, /--epochs: expected a whole number ≥ 1 but received 'many'/);
});

test('an unknown model: the nearest name', async () => {
  await refused(train({ model: 'mobilenet_v22' }), 2, /'mobilenet_v22'.*did you mean 'mobilenet_v2'/);
  await refused(edgeai(['zoo', 'info', 'resnet19']), 2, /did you mean 'resnet18'/);
  const option = ['zoo', 'info', 'mobilenet_v2', '--model-option', 'numclasses=3'];
  await refused(edgeai(option), 2, /no option 'numclasses'; did you mean 'numClasses'\?/);
});

test('a recipe with a wrong key: file, line and the nearest key', async () => {
  const recipe = join(root, 'recipe.yaml');
  writeFileSync(recipe, 'task: classification\nlearning-rate: 0.1\nepochs: none\n');
  await refused(train({ recipe }), 2, /recipe\.yaml:2: unknown key 'learning-rate'; did you mean 'lr'\?/);
  await refused(train({ recipe: join(root, 'absent.yaml') }), 2, /cannot read the recipe .*absent\.yaml/);
});

test('a missing or empty data folder, each put right without another output folder', async () => {
  const from = (path: string) => train({ 'data-path': path, 'output-dir': join(root, 'corrected') });
  await refused(from(join(root, 'nowhere')), 1, /nowhere: there is no such folder/);
  const empty = join(root, 'empty');
  mkdirSync(empty);
  await refused(from(empty), 1, /there is no folder train in it; expected .*train\/<class>\/<image>/);
  mkdirSync(join(empty, 'train', 'cats'), { recursive: true });
  await refused(from(empty), 1, /no files in the class folder cats/);
});

test('an unreadable image among good ones: its name', async () => {
  const folder = join(root, 'damaged');
  cpSync(data, folder, { recursive: true });
  const bad = join(folder, 'train', 'red', '3.png');
  writeFileSync(bad, readFileSync(bad).subarray(0, 400));
  await refused(train({ 'data-path': folder }), 1, /damaged\/train\/red\/3\.png/);
});

test('a GPU where there is none: what to do', { skip: cuda.isAvailable() }, async () => {
  await refused(train({ device: 'cuda' }), 1, /--device cuda: libtorch .* finds no GPU.*leave --device out/);
});

test('an output folder that cannot be written, or that holds a run', async () => {
  const file = join(root, 'file');
  writeFileSync(file, 'x');
  await refused(
    train({ 'output-dir': join(file, 'run') }),
    1,
    /cannot use .*run as the output folder: .*file is a file/,
  );
  const used = join(root, 'used');
  mkdirSync(used);
  writeFileSync(join(used, 'metrics.jsonl'), '');
  await refused(train({ 'output-dir': used }), 2, /used already holds a run \(metrics\.jsonl\)/);
});

test('a full disk while a checkpoint is written: the old one survives', async () => {
  const folder = join(root, 'full');
  // The first checkpoint has no optimiser state yet and fits (9 MB), the second does not (18 MB).
  const limit = 12 * 1024;
  await refused(
    train({ 'output-dir': folder }, { shell: `ulimit -f ${limit};` }),
    1,
    /full\/checkpoint\.pth: cannot be written, what was there is unchanged/,
  );
  const resumed = await edgeai(['train', 'classification', '--output-dir', folder, '--resume', '--no-export']);
  assert.equal(resumed.code, 0, resumed.stderr);
  assert.match(resumed.stdout, /continuing with epoch 1\/1/);
});

test('checkpoints that are none, damaged, or of another model', async () => {
  const text = join(root, 'text.pth');
  writeFileSync(text, 'hello');
  await refused(train({ resume: text }), 1, /text\.pth/);
  await refused(train({ resume: join(root, 'absent.pth') }), 1, /absent\.pth/);
  await refused(train({ weights: join(root, 'absent.pth') }), 1, /--weights: there is no file .*absent\.pth/);
  await refused(
    train({ weights: 'IMAGENET1K_V9' }),
    2,
    /IMAGENET1K_V9.*did you mean IMAGENET|IMAGENET1K_V1, IMAGENET1K_V2/,
  );
});

test('predictions of arrays of the wrong shape, of missing files, of nothing', async () => {
  const input = join(root, 'x.npy');
  saveNpy(randn([1, 4, 32, 32]), input);
  const output = join(root, 'y.npy');
  const predict = ['predict', '--model', 'mobilenet_v2', '--output', output];
  await refused(edgeai([...predict, '--input', input]), 1, /channels|\[1, 4, 32, 32\]/);
  await refused(edgeai([...predict, '--input', join(root, 'absent.npy')]), 1, /absent\.npy: it does not exist/);
  await refused(edgeai(predict), 2, /--input is missing: expected an image/);
  await refused(edgeai(['predict', '--input', input, '--output', output]), 2, /--model is missing/);
  await refused(edgeai(['predict', '--model', 'resnet18', '--input', data]), 2, /--weights is missing/);
});
