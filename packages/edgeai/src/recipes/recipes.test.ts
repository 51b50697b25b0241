/** @file Recipes as users write them: every recipe of the repository is right, and wrong ones are told precisely what is. */

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import fc from 'fast-check';
import { parse } from 'yaml';

import { UsageError } from '../errors.ts';
import { type ClassificationConfig, classification } from './classification-options.ts';
import { addOptions, addRecipeOptions, givenFlags } from './command-options.ts';
import { type DenseTaskName, denseTasks } from './dense-options.ts';
import { camelCase, entriesOf } from './option-table.ts';
import { renderOptionsMarkdown } from './options-markdown.ts';
import { type Problem, RecipeError } from './problems.ts';
import { readRecipe } from './read-recipe.ts';
import { type RecipeInput, resolveRecipe } from './resolve.ts';
import { serializeRecipe } from './serialize.ts';

const folder = mkdtempSync(join(tmpdir(), 'edgeai-recipes-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const dataPath = 'images';
let files = 0;

function recipeFile(text: string): string {
  const path = join(folder, `recipe${files++}.yaml`);
  writeFileSync(path, text);
  return path;
}

function problemsOf(input: RecipeInput): readonly Problem[] {
  try {
    resolveRecipe(classification, input);
  } catch (error) {
    if (error instanceof RecipeError) return error.problems;
    throw error;
  }
  return [];
}

/** The message for a recipe text, without the changing file name. */
function messageFor(text: string): string {
  const file = recipeFile(text);
  try {
    resolveRecipe(classification, { file, flags: { dataPath } });
  } catch (error) {
    if (error instanceof RecipeError) return error.message.replaceAll(file, 'FILE');
    throw error;
  }
  return '';
}

test('the defaults are the original script’s', () => {
  const { config, sources } = resolveRecipe(classification, { flags: { dataPath } });
  // Typed: a wrong name or type here does not compile.
  const typed: Pick<ClassificationConfig, 'batchSize' | 'lr' | 'opt' | 'autoAugment' | 'modelOption'> = config;
  assert.deepEqual(
    [typed.batchSize, config.epochs, typed.lr, config.momentum, config.weightDecay, config.lrStepSize, config.lrGamma],
    [32, 90, 0.1, 0.9, 1e-4, 30, 0.1],
  );
  assert.deepEqual([typed.opt, typed.autoAugment, typed.modelOption], ['sgd', null, {}]);
  assert.deepEqual(
    [config.modelEmaSteps, config.modelEmaDecay, config.printFreq, config.raReps],
    [32, 0.99998, 100, 3],
  );
  assert.equal(sources['data-path'], 'flag');
  assert.equal(sources.lr, 'default');
});

test('every default is a value that its option takes', () => {
  for (const [name, spec] of entriesOf(classification.options)) {
    assert.equal(spec.kind.schema.safeParse(spec.default).success, true, name);
  }
});

test('names, aliases and letters are unique', () => {
  const entries = entriesOf(classification.options);
  const long = entries.flatMap(([name, { alias }]) => (alias === undefined ? [name] : [name, alias]));
  assert.equal(new Set(long).size, long.length);
  const short = entries.flatMap(([, spec]) => spec.short ?? []);
  assert.equal(new Set(short).size, short.length);
  assert.equal(new Set(entries.map(([name]) => camelCase(name))).size, entries.length);
  for (const [name, { lookalikes = [] }] of entries) {
    for (const other of lookalikes) assert.ok(!long.includes(other), `${name}: '${other}' is an option`);
  }
});

const recipes = fileURLToPath(new URL('../../../../recipes/', import.meta.url));

/** The settings of a recipe of whatever task. */
function resolve(task: string, input: RecipeInput): { model: string } {
  if (task === classification.task) return resolveRecipe(classification, input).config;
  assert.ok(Object.hasOwn(denseTasks, task), `no option table for ${task}`);
  return resolveRecipe(denseTasks[task as DenseTaskName], input).config;
}

test('every recipe of the repository is right', () => {
  const all = readdirSync(recipes, { recursive: true, encoding: 'utf8' }).filter((name) => /\.ya?ml$/.test(name));
  assert.ok(all.length >= 7);
  for (const name of all) {
    const file = join(recipes, name);
    const { task } = parse(readFileSync(file, 'utf8'));
    const parts = name.split(/[\\/]/);
    // The quick start is the one recipe that newcomers look for, so it lies on top.
    // Those of edgeailite's scripts are together, whatever their task.
    if (parts.length > 1) assert.ok([task, 'edgeailite'].includes(parts[0]), `${name}: not in the folder of its task`);
    else assert.equal(name, 'quickstart.yaml');
    const { model } = resolve(task, { file, flags: { dataPath } });
    assert.ok(parts.length === 1 || name.includes(model), `${name} trains ${model}`);
  }
});

test('the published settings of MobileNetV2', () => {
  const file = join(recipes, 'classification', 'mobilenet_v2.yaml');
  const { config } = resolveRecipe(classification, { file, flags: { dataPath } });
  assert.deepEqual(
    [config.model, config.epochs, config.lr, config.weightDecay, config.lrStepSize, config.lrGamma],
    ['mobilenet_v2', 300, 0.045, 4e-5, 1, 0.98],
  );
});

test('defaults, recipe, --set, flags: the later wins', () => {
  const file = recipeFile(
    'task: classification\nlr: 0.2\nepochs: 5\nbatch-size: 64\nmodel-option:\n  dropout: 0.1\n  width: 1\n',
  );
  const { config, sources } = resolveRecipe(classification, {
    file,
    sets: ['epochs=6', 'batch-size=65', 'model-option.dropout=0.3', 'epochs=7'],
    flags: { batchSize: '66', dataPath, modelOption: ['width=2', 'outputType=["raw"]'], seed: undefined },
  });
  assert.deepEqual([config.momentum, config.lr, config.epochs, config.batchSize], [0.9, 0.2, 7, 66]);
  assert.deepEqual(config.modelOption, { dropout: 0.3, width: 2, outputType: ['raw'] });
  assert.deepEqual(
    [sources.momentum, sources.lr, sources.epochs, sources['batch-size'], sources.seed],
    ['default', 'recipe', 'set', 'flag', 'default'],
  );
});

test('problems in a recipe come all at once, with line, key, expectation and what came', () => {
  const message = messageFor(
    [
      'task: classification',
      'learning-rate: 0.1',
      '# a comment',
      'lr: fast',
      'opt: adamx',
      'batch_size: 3',
      'epochs: 2.5',
      'amp: yes',
      'label-smoothing: 1.5',
      'device: gpu',
      'auto-augment: trivial',
      'model-option: 3',
      'weights:',
      'zzz: 1',
    ].join('\n'),
  );
  assert.deepEqual(message.split('\n'), [
    "FILE:2: unknown key 'learning-rate'; did you mean 'lr'?",
    "FILE:4: lr: expected a number ≥ 0 but received 'fast'",
    "FILE:5: opt: expected one of sgd, sgd_nesterov, rmsprop, adam, adamw but received 'adamx'; did you mean 'adam'?",
    "FILE:6: unknown key 'batch_size'; did you mean 'batch-size'?",
    'FILE:7: epochs: expected a whole number ≥ 1 but received 2.5',
    "FILE:8: amp: expected true or false but received 'yes'",
    'FILE:9: label-smoothing: expected a number ≥ 0 and ≤ 1 but received 1.5',
    "FILE:10: device: expected cpu, cuda or cuda:N but received 'gpu'",
    "FILE:11: auto-augment: expected one of ra, ta_wide, augmix, imagenet, cifar10, svhn, or null but received 'trivial'",
    'FILE:12: model-option: expected a mapping of names to JSON values but received 3',
    "FILE:14: unknown key 'zzz'",
  ]);
});

test('problems are data', () => {
  const file = recipeFile('task: classification\nopt: adamx\n');
  assert.deepEqual(problemsOf({ file, flags: { dataPath } }), [
    {
      code: 'invalid-value',
      path: 'opt',
      expected: 'one of sgd, sgd_nesterov, rmsprop, adam, adamw',
      received: "'adamx'",
      allowed: ['sgd', 'sgd_nesterov', 'rmsprop', 'adam', 'adamw'],
      suggestion: 'adam',
      source: 'recipe',
      file,
      line: 2,
    },
  ]);
});

test('the file as a whole', () => {
  assert.equal(messageFor(''), 'FILE: task: missing; expected task: classification');
  assert.equal(messageFor('lr: 1'), 'FILE: task: missing; expected task: classification');
  assert.equal(messageFor('task: detection'), "FILE:1: task: expected 'classification' but received 'detection'");
  assert.equal(messageFor('- a\n- b'), 'FILE:1: expected a mapping of keys to values but received a list of 2');
  assert.match(messageFor('task: classification\nlr: [1'), /^FILE:2: expected readable YAML but received /);
  assert.match(messageFor('task: classification\n---\nlr: 1'), /^FILE:2: expected readable YAML but received /);
  assert.equal(messageFor('task: classification\nlr: 1\nlr: 2\n'), 'FILE:3: lr: given twice; expected each key once');
  assert.equal(
    messageFor('task: classification\nwd: 1\nweight-decay: 2\n'),
    "FILE:3: weight-decay: given twice; expected it once; 'wd' is the same option",
  );
  assert.match(messageFor('task: classification\nlr: *nowhere\n'), /^FILE:2: /);
  assert.equal(messageFor('task: classification\n__proto__: 1\n'), "FILE:2: unknown key '__proto__'");
  assert.equal(messageFor('task: classification\nconstructor: 1\n'), "FILE:2: unknown key 'constructor'");
  assert.throws(
    () => resolveRecipe(classification, { file: join(folder, 'missing.yaml') }),
    (error) =>
      error instanceof UsageError && /cannot read the recipe .*missing\.yaml: it does not exist/.test(error.message),
  );
});

test('an alias and numbers as YAML users write them', () => {
  const file = recipeFile('task: classification\nwd: 4e-5\nlr: 5.e-2\nclip-grad-norm: ~\nnorm-weight-decay: 0\n');
  const { config } = resolveRecipe(classification, { file, flags: { dataPath } });
  assert.deepEqual([config.weightDecay, config.lr, config.clipGradNorm, config.normWeightDecay], [4e-5, 0.05, null, 0]);
});

test('problems with --set and flags', () => {
  const messages = (input: RecipeInput): string => {
    try {
      resolveRecipe(classification, { ...input, flags: { dataPath, ...input.flags } });
    } catch (error) {
      if (error instanceof RecipeError) return error.message;
      throw error;
    }
    return '';
  };
  assert.equal(messages({ sets: ['epoch=3'] }), "--set: unknown key 'epoch'; did you mean 'epochs'?");
  assert.equal(messages({ sets: ['epochs'] }), "--set: expected key=value but received 'epochs'");
  assert.equal(messages({ sets: ['epochs=many'] }), "--set epochs: expected a whole number ≥ 1 but received 'many'");
  assert.equal(messages({ sets: ['lr.x=1'] }), "--set: unknown key 'lr.x'");
  assert.equal(messages({ flags: { batchSize: '0' } }), '--batch-size: expected a whole number ≥ 1 but received 0');
  assert.equal(messages({ flags: { lr: '' } }), "--lr: expected a number ≥ 0 but received ''");
  assert.equal(
    messages({ flags: { modelOption: ['name=abc'] } }),
    "--model-option: expected key=JSON, with texts in double quotes (key='\"text\"') but received 'name=abc'",
  );
  assert.match(messages({ flags: { batchsize: 3 } }), /unknown key 'batchsize'; did you mean 'batch-size'/);
});

test('texts of flags: numbers, none, booleans, JSON', () => {
  const { config } = resolveRecipe(classification, {
    sets: ['amp=true', 'export=false', 'model-option={"a": 1}', 'wd=1e-3'],
    flags: { dataPath, autoAugment: 'none', clipGradNorm: 'null', lr: '.5', trainEpochSizeFactor: '1e-1' },
  });
  assert.deepEqual(
    [
      config.amp,
      config.export,
      config.modelOption,
      config.weightDecay,
      config.autoAugment,
      config.clipGradNorm,
      config.lr,
    ],
    [true, false, { a: 1 }, 1e-3, null, null, 0.5],
  );
  assert.equal(config.trainEpochSizeFactor, 0.1);
});

test('rules between options', () => {
  const messageOf = (flags: Record<string, unknown>): string => {
    try {
      resolveRecipe(classification, { flags });
    } catch (error) {
      if (error instanceof RecipeError) return error.message;
      throw error;
    }
    return '';
  };
  assert.equal(messageOf({}), '--data-path is missing; expected the folder with the images');
  assert.equal(messageOf({ dataset: 'fashion-mnist' }), '');
  assert.equal(
    messageOf({ dataPath, lrScheduler: 'cosineannealinglr', lrWarmupEpochs: 5, epochs: 5 }),
    '--lr-warmup-epochs: expected fewer than the 5 epochs of the run but received 5',
  );
  assert.match(messageOf({ dataPath, startEpoch: 90 }), /--start-epoch: expected less than the 90 epochs/);
  assert.equal(messageOf({ dataPath, startEpoch: 90, testOnly: true }), '');
  assert.match(messageOf({ dataPath, amp: true, ampDtype: 'float16' }), /--amp-dtype: expected bfloat16 on the CPU/);
  for (const [flags, cause] of [
    [{ autoAugment: 'augmix' }, '--auto-augment augmix'],
    [{ autoAugment: 'ra', backend: 'tensor' }, '--auto-augment and --backend tensor'],
  ] as const) {
    const expected = `--interpolation: expected nearest or bilinear with ${cause} but received bicubic`;
    assert.equal(messageOf({ dataPath, interpolation: 'bicubic', ...flags }), expected);
    assert.equal(messageOf({ dataPath, ...flags }), '');
  }
  assert.equal(messageOf({ dataPath, interpolation: 'bicubic', autoAugment: 'ra' }), '');
  const file = recipeFile('task: classification\nlr-scheduler: cosineannealinglr\nlr-warmup-epochs: 5\n');
  assert.deepEqual(problemsOf({ file, flags: { dataPath, epochs: 5 } })[0]?.line, 3);
});

/** Configs with any value in every option. */
function anyConfig(): fc.Arbitrary<ClassificationConfig> {
  const textValue = fc.oneof(
    fc.string({ minLength: 1, unit: 'binary' }),
    fc.constantFrom('null', '1', 'true', ' a: b # c', '- x', "'", '\n\ttext\n', '~'),
  );
  const arbitraryFor = (name: string): fc.Arbitrary<unknown> => {
    const { kind } = entriesOf(classification.options).find(([key]) => key === name)?.[1] ?? {};
    assert.ok(kind);
    const candidates: fc.Arbitrary<unknown>[] = [
      fc.boolean(),
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 3 }),
      fc.nat(),
      fc.integer({ min: 1, max: 20 }),
      fc.double({ noNaN: true, noDefaultInfinity: true, min: 0, max: 1 }),
      fc.constant(null),
      textValue,
      fc.constantFrom(...(kind.allowed ?? ['cpu', 'cuda:1'])),
      fc.dictionary(
        fc.string({ minLength: 1 }).filter((key) => key !== '__proto__'),
        fc.jsonValue({ noUnicodeString: false }).filter((value) => !JSON.stringify(value).includes('__proto__')),
        { noNullPrototype: true },
      ),
    ].filter((arbitrary: fc.Arbitrary<unknown>) =>
      fc.sample(arbitrary, { numRuns: 20, seed: 1 }).some((value) => kind.schema.safeParse(value).success),
    );
    return fc.oneof(...candidates).filter((value) => kind.schema.safeParse(value).success);
  };
  const shape = Object.fromEntries(
    Object.keys(classification.options).map((name) => [camelCase(name), arbitraryFor(name)]),
  );
  return fc.record(shape, { noNullPrototype: true }) as fc.Arbitrary<unknown> as fc.Arbitrary<ClassificationConfig>;
}

test('a resolved recipe reads back to the same config', () => {
  fc.assert(
    fc.property(anyConfig(), (config) => {
      const text = serializeRecipe(classification, config);
      const { values, problems } = readRecipe(text, classification.task, classification.options, 'recipe.yaml');
      assert.deepEqual(problems, []);
      const back = Object.fromEntries([...values].map(([name, value]) => [camelCase(name), value]));
      assert.deepEqual(back, config);
    }),
    { numRuns: 100 },
  );
});

test('a written recipe resolves to its config, and the same bytes', () => {
  const { config } = resolveRecipe(classification, { flags: { dataPath, modelOption: ['a="x"'], epochs: 3 } });
  const text = serializeRecipe(classification, config);
  assert.match(text, /^task: classification\n\n# Data\ndata-path: images\n/);
  const again = resolveRecipe(classification, { file: recipeFile(text) });
  assert.deepEqual(again.config, config);
  assert.equal(serializeRecipe(classification, again.config), text);
});

function parseFlags(args: string[]): { flags: Record<string, unknown>; recipe: unknown; sets: unknown } {
  const command = new Command('train').exitOverride().configureOutput({ writeErr: () => {} });
  addRecipeOptions(command);
  addOptions(command, classification.options);
  command.parse(args, { from: 'user' });
  const { recipe, set } = command.opts<{ recipe?: string; set?: string[] }>();
  return { flags: givenFlags(command, classification.options), recipe, sets: set };
}

test('the command line: what was not given is not there', () => {
  assert.deepEqual(parseFlags([]), { flags: {}, recipe: undefined, sets: undefined });
  const args = [
    '--recipe',
    'r.yaml',
    '--set',
    'lr=1',
    '--set',
    'epochs=2',
    '-b',
    '8',
    '--wd',
    '1e-3',
    '--amp',
    '--no-export',
  ];
  const { flags, recipe, sets } = parseFlags([
    ...args,
    '--model-option',
    'a=1',
    '--model-option',
    'b=[2]',
    '-j',
    '0',
    '--norm-weight-decay',
    '0',
  ]);
  assert.equal(recipe, 'r.yaml');
  assert.deepEqual(sets, ['lr=1', 'epochs=2']);
  assert.deepEqual(flags, {
    batchSize: '8',
    weightDecay: '1e-3',
    amp: true,
    export: false,
    modelOption: ['a=1', 'b=[2]'],
    workers: '0',
    normWeightDecay: '0',
  });
  const { config } = resolveRecipe(classification, { flags: { ...flags, dataPath } });
  assert.deepEqual([config.batchSize, config.weightDecay, config.amp, config.export], [8, 1e-3, true, false]);
  assert.deepEqual(config.modelOption, { a: 1, b: [2] });
  assert.deepEqual(parseFlags(['--no-amp']).flags, { amp: false });
  assert.throws(() => parseFlags(['--learning-rat', '1']), /unknown option/);
});

test('every option can be given by its name', () => {
  for (const [name, { kind }] of entriesOf(classification.options)) {
    const args = kind.form === 'flag' ? [`--${name}`] : [`--${name}`, 'x=1'];
    assert.deepEqual(Object.keys(parseFlags(args).flags), [camelCase(name)]);
  }
});

test('help shows groups, defaults and the useful half of each switch', () => {
  const command = new Command('train');
  addOptions(command, classification.options);
  const help = command.helpInformation();
  assert.match(help, /Learning rate schedule:/);
  assert.match(help, /--wd, --weight-decay <x>/);
  assert.match(help, /-b, --batch-size <n>/);
  assert.match(help, /--no-export/);
  assert.doesNotMatch(help, /--no-amp|--export\b(?!.*ONNX)/);
});

test('the options as Markdown', () => {
  const markdown = renderOptionsMarkdown(classification.options);
  assert.match(markdown, /^### Data\n\n\| Option \| Values \| Default \| Meaning \|\n/);
  assert.match(markdown, /\| `--weight-decay`, `--wd` \| a number ≥ 0 \| `0.0001` \| Weight decay\. \|/);
  for (const name of Object.keys(classification.options)) assert.ok(markdown.includes(`\`--${name}\``), name);
  for (const row of markdown.split('\n').filter((line) => line.startsWith('| '))) {
    assert.equal(row.replaceAll('\\|', '').split('|').length, 6, row);
  }
});
