/**
 * @file The product's side of a comparison: answers each line `{"task": …}` on standard input with one line of JSON.
 *
 * Plain JavaScript on the compiled packages, so that what is measured is what is shipped. `children/theirs.py` answers the same tasks.
 */

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { manualSeed, memory, nn, noGrad, optim, randint, randn, scope, setNumThreads, tensor } from '@edgeai/torch';
import { getModel } from '@edgeai/vision';

const seconds = (fn) => {
  const start = process.hrtime.bigint();
  fn();
  return Number(process.hrtime.bigint() - start) / 1e9;
};

/** Peak and current resident memory in MiB. */
function resident() {
  const status = readFileSync('/proc/self/status', 'utf8');
  const read = (key) => Number(new RegExp(`${key}:\\s+(\\d+)`).exec(status)?.[1]) / 1024;
  return { peakMiB: read('VmHWM'), rssMiB: read('VmRSS') };
}

let four;
let state;

/** A network with its optimiser and one fixed batch. */
function prepare({ model, batch, size, channelsLast, classes = 1000 }) {
  manualSeed(0);
  const network = getModel(model, { numClasses: classes });
  const format = channelsLast ? { memoryFormat: 'channels_last' } : undefined;
  if (format !== undefined) network.to(format);
  const plain = randn([batch, 3, size, size]);
  const images = format === undefined ? plain : plain.contiguous(format);
  const labels = randint(0, classes, [batch]);
  const optimizer = new optim.SGD(network.parameters(), { lr: 0.01, momentum: 0.9, weightDecay: 1e-4 });
  state = { network, images, labels, optimizer, criterion: new nn.CrossEntropyLoss() };
}

function trainStep() {
  const { network, images, labels, optimizer, criterion } = state;
  return scope(() => {
    const loss = criterion(network(images), labels);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    return loss.item();
  });
}

const tasks = {
  threads: ({ count }) => {
    setNumThreads(count);
    return {};
  },
  add: ({ count }) => {
    four ??= tensor([1, 2, 3, 4], { dtype: 'float32' });
    const rounds = count / 500;
    const time = seconds(() => {
      for (let i = 0; i < rounds; i++)
        scope(() => {
          for (let k = 0; k < 500; k++) four.add(four);
        });
    });
    return { seconds: time / count };
  },
  backward: ({ count }) => {
    const x = tensor([1, 2, 3, 4], { dtype: 'float32', requiresGrad: true });
    const time = seconds(() => {
      for (let i = 0; i < count; i++) scope(() => x.mul(x).sum().backward());
    });
    x.dispose();
    return { seconds: time / count };
  },
  prepare: (options) => {
    prepare(options);
    return {};
  },
  train: ({ count }) => {
    state.network.train();
    let loss = 0;
    const time = seconds(() => {
      for (let i = 0; i < count; i++) loss = trainStep();
    });
    return { seconds: time / count, loss };
  },
  infer: ({ count }) => {
    state.network.eval();
    const time = seconds(() => {
      for (let i = 0; i < count; i++)
        scope(() => {
          noGrad(() => state.network(state.images));
        });
    });
    return { seconds: time / count };
  },
  resident: () => ({ ...resident(), tensors: memory().tensors }),
  /** Many steps of a small network: what is alive and resident must not grow. */
  endurance: ({ steps }) => {
    const network = new nn.Sequential(
      new nn.Conv2d(3, 8, 3),
      new nn.BatchNorm2d(8),
      new nn.ReLU(),
      new nn.Flatten(),
      new nn.Linear(8 * 36, 10),
    );
    const optimizer = new optim.SGD(network.parameters(), { lr: 0.01, momentum: 0.9 });
    const criterion = new nn.CrossEntropyLoss();
    const images = randn([16, 3, 8, 8]);
    const labels = randint(0, 10, [16]);
    const readings = [];
    for (let step = 1; step <= steps; step++) {
      scope(() => {
        optimizer.zeroGrad();
        criterion(network(images), labels).backward();
        optimizer.step();
      });
      if (step % (steps / 10) === 0) readings.push({ step, rssMiB: resident().rssMiB, tensors: memory().tensors });
    }
    return { readings };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  process.stdout.write(`${JSON.stringify(tasks[request.task](request))}\n`);
}
