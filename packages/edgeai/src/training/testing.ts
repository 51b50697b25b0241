/** @file A small task for tests of the training loop: two classes of random points, a network with dropout and batch norm. */

import { data, Generator, keep, nn, randn, type Tensor } from '@edgeai/torch';

import { Progress } from '../cli/progress.ts';
import { plain } from '../cli/style.ts';
import { Interrupt } from '../interrupt.ts';
import { type ClassificationConfig, classification } from '../recipes/classification-options.ts';
import { resolveRecipe } from '../recipes/resolve.ts';
import { serializeRecipe } from '../recipes/serialize.ts';
import { topKCorrect } from './accuracy.ts';
import { type RunOutcome, runTraining } from './run.ts';
import type { Meter, StepResult, Task } from './task.ts';

type Batch = [points: Tensor, labels: Tensor];

class Net extends nn.Module {
  readonly body: nn.Sequential;

  constructor() {
    super();
    this.body = new nn.Sequential(
      new nn.Linear(4, 16),
      new nn.BatchNorm1d(16),
      new nn.ReLU(),
      new nn.Dropout(0.3),
      new nn.Linear(16, 2),
    );
  }

  forward(points: Tensor): Tensor {
    return this.body(points);
  }
}

class ToyMeter implements Meter<Batch, Tensor> {
  #loss = 0;
  #correct = 0;
  #count = 0;

  add([, labels]: Batch, output: Tensor, loss: number): void {
    const count = output.size(0);
    this.#loss += loss * count;
    this.#correct += topKCorrect(output, labels, [1])[0] ?? 0;
    this.#count += count;
  }

  figures(): Record<string, number> {
    return { loss: this.#loss / this.#count, acc1: (100 * this.#correct) / this.#count };
  }
}

/** Points around two centres, the same every time: no number of it comes from the default generator. */
function points(count: number, seed: number): [Tensor, number][] {
  const generator = new Generator({ seed });
  return Array.from({ length: count }, (_, i) => [keep(randn([4], { generator }).add((i % 2) - 0.5)), i % 2]);
}

/** Opens the task: 40 points to train, 16 to evaluate. */
export async function openToy(config: ClassificationConfig): Promise<Task<Batch, Tensor>> {
  const loss = new nn.CrossEntropyLoss();
  const facts = {
    task: 'toy',
    model: 'net',
    modelOptions: {},
    inputShapes: [[1, 4]],
    classes: ['a', 'b'],
    preprocessing: {},
  };
  return {
    name: 'toy',
    modelName: 'net',
    model: new Net(),
    training: new data.DataLoader(points(40, 1), { batchSize: config.batchSize, shuffle: true }),
    evaluation: new data.DataLoader(points(16, 2), { batchSize: config.batchSize }),
    decisive: { figure: 'acc1', better: 'higher' },
    sizeOf: ([input]) => input.size(0),
    place: (batch) => batch,
    step: (model, [input, labels]): StepResult<Tensor> => {
      const output: Tensor = model(input);
      return { output, loss: loss(output, labels) };
    },
    meter: () => new ToyMeter(),
    samples: async () => [[keep(randn([1, 4], { generator: new Generator({ seed: 3 }) }))]],
    facts,
  };
}

/** Settings by option name, on top of quick defaults. */
export function toyConfig(outputDir: string, flags: Record<string, unknown> = {}): ClassificationConfig {
  const quick = { dataPath: '-', epochs: 3, batchSize: 8, lr: 0.05, threads: 1, export: false, outputDir };
  return resolveRecipe(classification, { flags: { ...quick, ...flags } }).config;
}

/** Trains the toy; `stopAfter` interrupts it when so many steps (of training and evaluation) have been made. */
export async function trainToy(config: ClassificationConfig, stopAfter?: number): Promise<RunOutcome> {
  let signal: (() => void) | undefined;
  const source = {
    on: (_: string, listener: (name: 'SIGINT') => void) => {
      signal = () => listener('SIGINT');
    },
    off: () => {},
  };
  using interrupt = new Interrupt({ source, exit: () => {} });
  let steps = 0;
  class Counting extends Progress {
    override update(state: Parameters<Progress['update']>[0]): void {
      super.update(state);
      steps++;
      if (steps === stopAfter) signal?.();
    }
  }
  const progress = new Counting({ stream: { write: () => true }, terminal: false });
  return runTraining({
    config,
    recipe: serializeRecipe(classification, config),
    openTask: openToy,
    progress,
    style: plain,
    interrupt,
  });
}
